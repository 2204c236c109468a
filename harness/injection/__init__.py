"""Error patterns into targeted tasks: candidates, the gates they pass, the task pool.

In: patterns with their failures. Out: admitted tasks, each with gate record and lineage.
"""
