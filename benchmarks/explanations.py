"""Say what went wrong in many different words, as different judges would."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import replace

from harness.types import Diagnosis, stable_seed

_OPENINGS = (
    "",
    "Looking at the transcript, ",
    "In short: ",
    "From what I can see, ",
    "After the look-ups, ",
    "Toward the end, ",
    "The decisive moment: ",
    "Judging by the calls, ",
)

_CLOSINGS = (
    "",
    " That alone made the episode fail.",
    " Everything before it was fine.",
    " The customer did not notice.",
    " The final database therefore differs from the expected one.",
    " No later step repaired it.",
)

_SAID: Mapping[str, tuple[str, ...]] = {
    "wrong_argument": (
        "the agent used the wrong {noun} when it called {tool}",
        "{tool} went out with a {noun} the customer never asked for",
        "it picked a different {noun} than the one that was meant",
        "a mix-up of the {noun}: {tool} should have received another one",
        "the {noun} passed to {tool} does not match the request",
    ),
    "extra_write": (
        "the agent made an additional change with {tool} that nobody had requested",
        "besides the right action it also ran {tool} a second time for something unrelated",
        "an unrequested {tool} was executed on top of the correct ones",
        "it did more than it was asked to: one {tool} too many",
    ),
    "missing_step": (
        "the agent skipped {tool} and simply went on",
        "a required {tool} was left out",
        "it claimed to be done although {tool} had never been executed",
        "one of the requested actions, {tool}, is absent from the trajectory",
    ),
    "missing_confirmation": (
        "the agent executed {tool} before the customer had agreed to it",
        "no explicit yes was obtained ahead of {tool}",
        "it went ahead with {tool} without asking for approval",
        "the customer's consent to {tool} is missing",
    ),
    "repeated_call": (
        "the agent called {tool} over and over with the same arguments",
        "it got caught in a loop of identical {tool} calls",
        "endless repetition: {tool} again and again, with no progress",
        "the very same look-up, {tool}, was issued until the limit was reached",
    ),
    "invalid_call": (
        "the agent sent {tool} without its required arguments, so every attempt was rejected",
        "malformed calls of {tool} kept producing errors",
        "the tool refused {tool} because parameters were missing",
        "{tool} was invoked in a way its schema does not allow",
    ),
    "should_have_refused": (
        "policy forbids this, yet the agent carried it out with {tool}",
        "the agent should have declined but performed {tool}",
        "it granted something that is not allowed, by {tool}",
        "a request that had to be denied was fulfilled through {tool}",
    ),
    "should_have_acted": (
        "the agent turned the customer away although {tool} was permitted",
        "it declined a perfectly legitimate request instead of doing {tool}",
        "the refusal was unjustified; {tool} should have been carried out",
        "it wrongly said that this could not be done, where {tool} would have worked",
    ),
    "gave_up": (
        "the agent ended the conversation itself before the work was finished",
        "it quit in the middle of the task",
        "the chat was closed by the agent while the customer was still waiting",
        "it stopped early and abandoned the customer",
    ),
    "needless_transfer": (
        "the agent handed the customer over to a human without need",
        "an unnecessary escalation to a human agent",
        "it transferred the conversation though it could have handled the request itself",
        "the case was passed on to a person for no good reason",
    ),
    "missing_transfer": (
        "the customer should have been transferred to a human and was not",
        "the agent kept a case that had to be escalated",
        "a hand-over to a human agent was required but never took place",
        "it refused instead of passing the case on to a person",
    ),
    "not_said": (
        "the agent never told the customer the amount that was asked about",
        "the information the customer wanted is missing from the answers",
        "a question of the customer went unanswered: the figure was not communicated",
        "it forgot to say the number that the customer had requested",
    ),
    "no_progress": (
        "the conversation went around in circles",
        "nothing was achieved turn after turn",
        "the agent kept talking without coming closer to a solution",
    ),
    "wrong_state": (
        "the outcome is not the expected one although each single call looks right",
        "the final state differs for no reason that one call explains",
    ),
}

OTHER = "other"


def reworded(diagnosis: Diagnosis, *, seed: int, with_kind: bool) -> Diagnosis:
    """The diagnosis in other words; without its kind if that is not to give it away."""
    rng = random.Random(stable_seed("reworded", diagnosis.trajectory_id, seed))
    kind = diagnosis.kind
    is_argument = kind.startswith("wrong_") and kind not in _SAID
    said = _SAID.get("wrong_argument" if is_argument else kind)
    if said is None:
        return diagnosis
    noun = kind.removeprefix("wrong_").replace("_", " ")
    tool = diagnosis.tool.replace("_", " ") if rng.random() < 0.5 else diagnosis.tool
    text = rng.choice(said).format(noun=noun, tool=tool or "the call")
    values = re.findall(r"#W\d+|\d{6,}|\w+_\d{4,}", diagnosis.summary)
    about = f" ({rng.choice(values)})" if values and rng.random() < 0.5 else ""
    opening = rng.choice(_OPENINGS)
    text = text if opening else text[0].upper() + text[1:]
    summary = f"{opening}{text}{about}.{rng.choice(_CLOSINGS)}"
    return replace(diagnosis, summary=summary, kind=kind if with_kind else OTHER)
