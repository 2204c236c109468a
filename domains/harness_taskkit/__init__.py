"""What authors of domains share: words, people, numbers, overlays, drafts of requests, proofs.

A library, not a plugin: it offers no hook and has no entry point. Any domain may use it, whoever
wrote it; it comes with the same wheel as the core. It stands here and not in the core because the
core does not know how tasks are worded or databases are written to; it imports the core, and no
domain. ``harness_tau2`` is its counterpart for what is official in τ²-bench.
"""
