import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.slow
@pytest.mark.parametrize("wire", ["claude", "openai", "gemini"])
def test_every_conversation_is_had_and_every_figure_is_there(wire: str) -> None:
    script = [sys.executable, str(BENCHMARKS / "rollout_overhead.py"), "--json"]
    words = ["--wire", wire, "--conversations", "20", "--seconds", "0.01"]
    done = subprocess.run([*script, *words], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found["turns"] == 200
    own, sdk = found["own_cpu_ms_per_turn"], found["sdk_cpu_ms_per_turn"]
    assert min(own, sdk, found["peak_rss_mb"], found["lag_p50_ms"]) > 0
    assert found["cpu_ms_per_conversation"] == pytest.approx(10 * (own + sdk), rel=0.01)
    assert found["lag_p50_ms"] <= found["lag_p99_ms"]
    assert found["busy_lag_p99_ms"] <= found["lag_p99_ms"]


def test_a_block_counts_for_all_that_would_have_been_due_in_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)
    from loop_lag import TICK, Lag

    async def blocked() -> Lag:
        lag = Lag()
        async with lag.watched(), lag.watched():
            await asyncio.sleep(2 * TICK)
            time.sleep(20 * TICK)
            await asyncio.sleep(2 * TICK)
        return lag

    lag = asyncio.run(blocked())
    assert sum(wait > 9 * TICK for wait in lag.waits) >= 9
    assert max(lag.busy) < max(lag.waits), "who sleeps computes nothing"
