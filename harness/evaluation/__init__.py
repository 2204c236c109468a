"""Rollouts and scores: policy, simulated user and world in one conversation, and Pass^k.

In: a policy and tasks. Out: graded and scored episodes.
"""
