"""Our domains in other people's trainers and clients: MCP, TRL, Gymnasium, verifiers.

Offers the command `harness serve-domain`, and nothing by hooks: the other modules are imported by
who uses the other library.
"""
