"""Turn a kind and a name into a plugin package that installs, works and tests itself."""
