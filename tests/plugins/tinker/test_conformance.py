"""A policy on a server keeps the contract that all policies keep."""

from __future__ import annotations

from harness import testing

from .conftest import Parts


def test_policy(parts: Parts) -> None:
    made = parts()
    testing.check_policy(made.trainable(), made.domain)
