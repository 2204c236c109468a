"""Conversations end to end through a model on the CPU, without padding, a share for each core.

For trainers alone: unlike the rest of the core, these modules import torch and transformers.
"""
