"""A study as readers see it: how far it is, its tables, its plots, its page."""
