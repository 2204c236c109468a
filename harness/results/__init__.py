"""What a run came to: the report document, lineage, history over rounds, its tasks.

In: a run folder. Out: plain values for reports; nothing is written but the report.
"""
