"""Cut the link to a node of a Ray cluster in the middle of rollouts, and compare what comes of it.

    python benchmarks/ray_link.py [--rollouts 500] [--times 5] [--json]

Needs Linux, root and `ip`; says "not run" without them. A head and one node are in the network
namespace of this machine, another node in one of its own, at the other end of a virtual cable. Each
run has the rollouts of a noisy policy on the retail domain; after a third of them the cable's end
here is set down, and nothing passes any more in either direction: no process is told. It counts how
many results came, how many rollouts they are of, and whether they are those of one process.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import ray
from ray.cluster_utils import Cluster
from ray_kills import QUICKLY, below, jobs_of, killing, parts_of, play

from harness.evaluation.in_order import in_order

NAME = f"harness{os.getpid() % 10_000}"
HERE, THERE, NETWORK = "10.213.77.1", "10.213.77.2", "24"
MEMORY = 80_000_000
START_SECONDS = 300.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rollouts", type=int, default=500)
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="Print the rows as JSON.")
    asked = parser.parse_args()
    if os.geteuid() or shutil.which("ip") is None:
        sys.exit("not run: network namespaces need root and the program ip")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    jobs = jobs_of(parts_of("asyncio"), asked.rollouts)
    expected = play(parts_of("asyncio"), jobs)
    rows = []
    with cable(), cluster() as address:
        for number in range(asked.times):
            with far_node(address) as far:
                wait_for_an_actor(far)
                row = killing(jobs, expected, cut)
            rows.append({"run": number, **row})
            print(rows[-1], file=sys.stderr)
    if asked.json:
        print(json.dumps(rows, indent=2, allow_nan=False))
        return
    good = sum(row["delivered"] == row["unique"] == len(jobs) and row["equal"] for row in rows)
    longest = max(row["seconds"] for row in rows)
    print(f"{good} of {len(rows)} runs equal, each rollout once; longest {longest:.1f} s")


@contextmanager
def cable() -> Iterator[None]:
    """A namespace, and a cable from here to it."""
    ip("netns", "add", NAME)
    try:
        ip("link", "add", f"{NAME}a", "type", "veth", "peer", "name", f"{NAME}b", "netns", NAME)
        ip("address", "add", f"{HERE}/{NETWORK}", "dev", f"{NAME}a")
        ip("-n", NAME, "address", "add", f"{THERE}/{NETWORK}", "dev", f"{NAME}b")
        ip("-n", NAME, "link", "set", f"{NAME}b", "up")
        ip("-n", NAME, "link", "set", "lo", "up")
        ip("link", "set", f"{NAME}a", "up")
        yield
    finally:
        ip("netns", "delete", NAME)  # takes the cable along


def cut() -> None:
    ip("link", "set", f"{NAME}a", "down")


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


@contextmanager
def cluster() -> Iterator[str]:
    """The address of a cluster of a head without actors and a node for one, both here."""
    usual = {"node_ip_address": HERE, "object_store_memory": MEMORY}
    head = {**usual, "num_cpus": 0, "include_dashboard": False, "_system_config": QUICKLY}
    made = Cluster(initialize_head=True, head_node_args=head)
    made.add_node(num_cpus=1, **usual)
    ray.init(
        address=made.address, _node_ip_address=HERE, log_to_driver=False, logging_level="error"
    )
    try:
        yield str(made.address)
    finally:
        ray.shutdown()
        made.shutdown()


@contextmanager
def far_node(address: str) -> Iterator[int]:
    """The process of a node with one core at the other end; all of it is killed in the end."""
    ip("link", "set", f"{NAME}a", "up")
    known = nodes()
    node = subprocess.Popen(
        [
            *("ip", "netns", "exec", NAME, sys.executable, "-m", "ray.scripts.scripts"),
            *("start", "--block", "--disable-usage-stats"),
            *(f"--address={address}", f"--node-ip-address={THERE}", "--num-cpus=1"),
            f"--object-store-memory={MEMORY}",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until = time.monotonic() + START_SECONDS
        while nodes() <= known and time.monotonic() < until:  # the one of before may still count
            time.sleep(0.1)
        if nodes() <= known:
            sys.exit("the node at the other end did not join")
        yield node.pid
    finally:
        for pid in [*below(node.pid), node.pid]:
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        node.wait()


def wait_for_an_actor(node: int) -> None:
    """Until items run on the node."""
    until = time.monotonic() + START_SECONDS
    while not set(in_order(parts_of("ray").executor, where, range(8))) & set(below(node)):
        if time.monotonic() > until:
            sys.exit("no actor came to the node at the other end")


async def where(item: int) -> int:
    """The process that an item runs in."""
    await asyncio.sleep(0.2)
    return os.getpid()


def nodes() -> set[str]:
    """The names of those that are alive."""
    listed = ray.nodes()  # type: ignore[no-untyped-call]
    return {one["NodeID"] for one in listed if one["Alive"]}


if __name__ == "__main__":
    main()
