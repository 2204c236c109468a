"""Files that become part of a drafted package: text, not code that is run here."""
