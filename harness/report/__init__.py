"""A run's ``report.json`` as something to look at: in a terminal, as a picture, as a page; and live."""
