"""Serve a customer and an agent of fixed words on loopback, in a process of its own.

    python benchmarks/rollout_overhead_server.py openai --seconds 0.05

Prints its base URL, and serves until its standard input ends. Whoever is told to play a customer
gets a customer's words, everybody else an agent's: six turns, the first, third and fifth a call of
the tool ``list_all_product_types``. The customer's fourth message ends the conversation.
"""

from __future__ import annotations

import argparse
import sys

from harness.testing.servers import ChatServer
from harness.testing.wires import Asked, Reply
from harness.types import ToolCall, Usage

TOOL = "list_all_product_types"
CUSTOMER = (
    "Hello, I would like to know what kinds of products you have in your shop at the moment.",
    "Thank you. Have a look whether there is a backpack among them that holds a large laptop.",
    "And a lamp for a small desk, one that can be made darker in the evening?",
    "That was all that I wanted to know, goodbye. ###STOP###",
)
AGENT = (
    "These are the kinds of products that we have: backpacks, lamps, mugs, jackets and many more.",
    "There are backpacks in several sizes, and two of them hold a large laptop without trouble.",
    "There are desk lamps too, and three of the five can be made darker with the switch on them.",
)
TURNS = 10
"""Answers in a conversation."""

USED = Usage(tokens_in=2000, tokens_out=25)


def answer(asked: Asked, seconds: float) -> Reply:
    """What whoever is asked says next."""
    said = sum(role in ("assistant", "model") for role, _ in asked.turns)
    if asked.system.startswith("You play a customer"):
        return Reply(text=CUSTOMER[said], usage=USED, seconds=seconds)
    if said % 2 == 0:
        call = ToolCall(name=TOOL, arguments={}, id=f"call_{said}")
        return Reply(calls=(call,), usage=USED, seconds=seconds)
    return Reply(text=AGENT[said // 2], usage=USED, seconds=seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wire", choices=("claude", "openai", "gemini"))
    parser.add_argument("--seconds", type=float, default=0.05, help="How long an answer takes.")
    arguments = parser.parse_args()

    def forgetful(asked: Asked) -> Reply:
        server.asked.clear()
        return answer(asked, arguments.seconds)

    server = ChatServer(arguments.wire, forgetful)
    with server:
        print(server.url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
