"""Our domains in other people's trainers and clients: MCP, TRL, Gymnasium, verifiers.

Offers nothing by hooks: the modules are imported by who uses the other library.
"""
