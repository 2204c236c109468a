"""Work counts once, wherever it is done."""

import multiprocessing
import sys
import time

import pytest

from harness.runtime.cpu_time import cpu_seconds


def work(seconds: float) -> None:
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


def work_and_wait(seconds: float) -> None:
    work(seconds)
    time.sleep(60)


def test_work_of_this_process_counts_and_sleep_does_not() -> None:
    before = cpu_seconds()
    work(0.2)
    worked = cpu_seconds()
    time.sleep(0.3)
    assert 0.15 < worked - before < 0.4
    assert cpu_seconds() - worked < 0.1


@pytest.mark.skipif(sys.platform != "linux", reason="counts live processes on Linux alone")
def test_work_of_a_process_counts_while_it_lives_and_when_it_has_ended() -> None:
    before = cpu_seconds()
    child = multiprocessing.get_context("fork").Process(target=work_and_wait, args=(0.4,))
    child.start()
    deadline = time.monotonic() + 60
    while cpu_seconds() - before < 0.4 and time.monotonic() < deadline:
        time.sleep(0.05)
    live = cpu_seconds() - before
    child.kill()
    child.join()
    assert 0.4 <= live < 0.8
    assert cpu_seconds() - before == pytest.approx(live, abs=0.1)
