"""Turn the figures of ``policy.py`` into a table, beside what is to be reached."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rich.table import Table

BARS: Mapping[str, tuple[str, float]] = {
    "rollouts_ratio": (">=", 3),
    "rollouts_per_s": (">=", 20),
    "grpo_step_s": ("<=", 7),
    "bookkeeping_share": ("<", 0.15),
    "sft_gemm_share": (">=", 0.35),
}
"""What is to be reached."""


def table(found: Mapping[str, Any]) -> Table:
    """The figures, and what is to be reached."""
    shown = Table(
        title=f"{found['parameters']:,} parameters, {found['cores']} cores, {found['cpu']['name']}"
    )
    for column in ("", "measured", "wanted"):
        shown.add_column(column, justify="right" if column else "left")

    def row(label: str, key: str, form: Callable[[Any], str] = "{:,.1f}".format) -> None:
        sign, bar = BARS.get(key, ("", 0))
        if key in found:
            shown.add_row(label, form(found[key]), f"{sign} {bar:g}" if sign else "")

    share = "{:.0%}".format
    row("rollouts in a CPU second", "rollouts_per_s")
    row("  with model.generate", "plain_rollouts_per_s")
    row("  how many times as many", "rollouts_ratio")
    for name, spent in found.get("time_shares", {}).items():
        shown.add_row(f"  time in: {name}", share(spent))
    row(f"  other turns in another batch, of {found['rollouts']}", "other_batch_differs", str)
    row("two processes, times one", "two_processes_ratio", "{:.2f}".format)
    row("two threads, times one", "two_threads_ratio", "{:.2f}".format)
    row(f"GRPO step of {found['rollouts']} rollouts, seconds on two cores", "grpo_step_s")
    row("  sampling", "grpo_sampling_s")
    row("  forward, backward, update", "grpo_learning_s")
    row("  share of all else", "bookkeeping_share", share)
    row("  CPU seconds", "grpo_cpu_s")
    row("  limit by a float32 matrix product", "grpo_limit_s")
    row("  share of that limit", "grpo_limit_share", share)
    row("  with padded rows in one process", "grpo_plain_step_s")
    row("    forward, backward, update", "grpo_plain_learning_s")
    row("imitation, tokens a second", "sft_tokens_per_s", "{:,.0f}".format)
    row("  in a CPU second", "sft_tokens_per_cpu_s", "{:,.0f}".format)
    row("  GFLOPS in a CPU second", "sft_gflops_per_cpu_s")
    for kind, gflops in found["gemm_gflops_per_cpu_s"].items():
        shown.add_row(f"  those of a matrix product in {kind}", f"{gflops:,.1f}")
    row("  share of that limit, in the type trained in", "sft_gemm_share", share)
    row("  share of that limit in float32", "sft_float32_gemm_share", share)
    return shown
