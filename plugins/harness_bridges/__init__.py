"""Our domains in other people's trainers and clients: MCP, TRL, Gymnasium, verifiers.

Offers the command `harness serve-domain`, and nothing by hooks: the other modules are imported by
who uses the other library. verifiers finds its taskset here, by the name ``harness-bridges``.
"""

from typing import Any

__all__ = ["DomainTaskset"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from harness_bridges import verifiers_taskset

    return getattr(verifiers_taskset, name)
