"""An experiment of arms and seeds: fixed in a file, run in turns, read with intervals.

In: a study file. Out: a results file with paired differences.
"""
