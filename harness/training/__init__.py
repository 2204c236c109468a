"""Tasks and demonstrations into a better policy, and what the reward taught on the way.

In: a checkpoint, tasks, demonstrations. Out: a checkpoint and the log of its rollouts.
"""
