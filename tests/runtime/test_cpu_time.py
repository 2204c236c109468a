"""Work counts once, wherever it is done."""

import multiprocessing
import os
import sys
import time
from multiprocessing.connection import Connection

import pytest

from harness.runtime.cpu_time import cpu_seconds

TICKS = 4 / os.sysconf("SC_CLK_TCK")
"""What four times that are cut to whole ticks may hide: user and system, own and children's."""


def work(seconds: float) -> None:
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


def work_and_wait(seconds: float, parent: Connection) -> None:
    """Say how much was worked, as often as the parent asks; end when it is told to."""
    work(seconds)
    parent.send(time.process_time())
    while parent.recv():
        parent.send(time.process_time())


def test_work_of_this_process_counts_once() -> None:
    """As the process's own clock has it, which is read before and after."""
    before, first, after = time.process_time(), cpu_seconds(), time.process_time()
    work(0.2)
    again_before, second, again_after = time.process_time(), cpu_seconds(), time.process_time()
    assert again_before - after - TICKS <= second - first <= again_after - before + TICKS


@pytest.mark.skipif(sys.platform != "linux", reason="counts live processes on Linux alone")
def test_work_of_a_process_counts_once_while_it_lives_and_when_it_has_ended() -> None:
    began, before = time.process_time(), cpu_seconds()
    here, there = multiprocessing.Pipe()
    child = multiprocessing.get_context("fork").Process(target=work_and_wait, args=(0.3, there))
    child.start()
    worked = here.recv()
    live = cpu_seconds() - before
    here.send(True)
    most = here.recv() + time.process_time() - began
    assert worked - TICKS <= live <= most + TICKS
    here.send(False)
    child.join()
    ended = cpu_seconds() - before
    # The child's own clock stands still at the end, but for what leaving takes it.
    assert live - TICKS <= ended < 2 * worked
