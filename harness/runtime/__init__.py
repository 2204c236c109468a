"""How code runs here: the event loop, forked processes, CPU time, memory, safe files.

In: coroutines and functions. Out: their results; nothing here knows of the project's values.
"""
