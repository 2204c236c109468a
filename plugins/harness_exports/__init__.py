"""Offer files for other tools: chat JSONL, preference pairs, Parquet tables, Inspect logs."""

from __future__ import annotations

from collections.abc import Mapping

from harness.hookspecs import Factory, hookimpl
from harness.protocols import TrajectoryFormat


@hookimpl
def harness_formats() -> Mapping[str, Factory[TrajectoryFormat]]:
    from harness_exports.chat import chat_format
    from harness_exports.inspect_logs import inspect_format
    from harness_exports.pairs import pairs_format
    from harness_exports.tables import parquet_format

    return {
        "chat": chat_format,
        "inspect": inspect_format,
        "pairs": pairs_format,
        "parquet": parquet_format,
    }
