"""Conversations of other tools: read, kept as runs, graded again, written back.

In: files of any installed format. Out: runs and recordings.
"""
