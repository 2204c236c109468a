"""What every chat-model provider shares: the way to a model, and the roles that speak through it.

In: a provider's chat call. Out: user simulator, policy, judge, task injector, namer.
"""
