"""The conversations of a run for the browser: packed into compressed parts, in the page's one file
or served while the run goes on.

``contents`` reads a run, ``pack`` turns it into parts, ``assembly`` puts the modules and the parts
into one file, ``server`` serves them; ``modules/`` is what runs in the browser.
"""
