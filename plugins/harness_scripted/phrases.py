"""The words that scripted agents and users choose from: few for learning, many for testing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Wording = Literal["plain", "varied"]

Words = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentPhrases:
    """Wordings by what they do; the braces of ``offer`` are filled with a tool and its details,
    those of ``instruct`` with a tool of the user and its details.
    """

    question: Words = ("Could you tell me {}?", "Please tell me {}.")
    offer: Words = ("{}: {}.",)
    confirm: Words = ("Do you confirm", "Shall I proceed")
    instruct: Words = ("Please do this on your side: {}.",)
    done: Words = ("Done.", "That is done.")
    sorry: Words = ("I am sorry", "Sorry")
    more: Words = (
        "Is there anything else I can help you with?",
        "Anything else I can help you with?",
    )
    no_reason: Words = ("that is not possible",)
    unconfirmed: Words = ("I am sorry, but I cannot do that without your yes.",)
    failed: Words = ("I am sorry, but that was not possible.",)
    transferred: Words = ("You are being transferred to a human agent.",)
    stop: Words = ("I have to stop here.",)


@dataclass(frozen=True, slots=True, kw_only=True)
class UserPhrases:
    """Wordings by what they answer; the braces are filled with what the user sees on its device.

    Who is tech-savvy says ``terse`` instead of ``acted``; who is hesitant may say ``hesitates``
    before it does what it is told, and ``strayed`` after it looked at something else. ``guide_me``
    is for who has done something, and is to say whether that was all.
    """

    yes: Words = ("Yes, please go ahead.", "Yes, that is correct.", "Yes.")
    no: Words = ("No.", "No, that is wrong.")
    next: Words = ("Yes.", "Yes, one more thing.")
    no_more: Words = ("No, thank you.",)
    insist: Words = ("Please try again.", "But I need this.")
    resigned: Words = ("I understand.", "All right.")
    waiting: Words = ("Okay, please do.",)
    acted: Words = ("I see this: {}",)
    terse: Words = ("It says: {}",)
    hesitates: Words = ("Is that safe? I am afraid to break something.",)
    strayed: Words = ("I may have looked at the wrong thing. I see this: {}",)
    guide_me: Words = ("Please tell me what to look at.",)
    pardon: Words = ("Sorry, I did not get that.",)
    unknown: Words = ("I do not know.", "I am not sure.")
    thanks: Words = ("No, that is all. Thank you!", "That is all, thanks. Goodbye!")
    give_up: Words = ("This does not help me. Goodbye.", "I give up. Goodbye.")


AGENT: dict[Wording, AgentPhrases] = {
    "plain": AgentPhrases(),
    "varied": AgentPhrases(
        question=(
            "Could you tell me {}?",
            "Please tell me {}.",
            "May I have {}, please?",
            "To help you with this I need {}.",
            "Let me know {}, and I will look into it.",
            "Sure! Can you share {} with me?",
        ),
        offer=(
            "{}: {}.",
            "I can do this for you: {}, with {}.",
            "Here is what I would do: {} ({}).",
            "Just to be certain, {} with {}.",
            "My plan is to {}, that is, {}.",
        ),
        confirm=(
            "Do you confirm",
            "Shall I proceed",
            "Would you like me to go ahead",
            "Is this correct",
            "Can you confirm",
            "Should I do this now",
        ),
        instruct=(
            "Please do this on your side: {}.",
            "Could you do the following on your device? {}.",
            "I need you to do something on your end: {}.",
            "As a next step, please {}, and tell me what you see.",
        ),
        done=(
            "Done.",
            "That is done.",
            "All set.",
            "This has been processed for you.",
            "Your request is complete.",
            "Good news, it has now been taken care of.",
        ),
        sorry=(
            "I am sorry",
            "Sorry",
            "I apologize",
            "Unfortunately I have bad news",
            "My apologies",
        ),
        more=(
            "Is there anything else I can help you with?",
            "Anything else I can help you with?",
            "What else can I do for you?",
            "Do you need further assistance?",
            "Is there any other request?",
        ),
        no_reason=(
            "that is not possible",
            "I cannot do that",
            "this is against our policy",
            "that is not allowed here",
        ),
        unconfirmed=(
            "I am sorry, but I cannot do that without your yes.",
            "Unfortunately I cannot go on unless you agree.",
        ),
        failed=(
            "I am sorry, but that was not possible.",
            "Unfortunately the system did not accept this; I cannot do it.",
        ),
        stop=("I have to stop here.", "I need to end our chat at this point."),
    ),
}

USER: dict[Wording, UserPhrases] = {
    "plain": UserPhrases(),
    "varied": UserPhrases(
        yes=(
            "Yes, please go ahead.",
            "Yes, that is correct.",
            "Yes.",
            "Sure, please do.",
            "That's right, proceed.",
            "Okay, sounds good.",
            "Absolutely, go ahead with that.",
        ),
        no=("No.", "No, that is wrong.", "Nope, that is not it.", "That is not what I asked for."),
        next=("Yes.", "Yes, one more thing.", "There is something else.", "Yes, I also have this:"),
        no_more=("No, thank you.", "Nothing more, thanks."),
        insist=("Please try again.", "But I need this.", "Can you check once more, please?"),
        resigned=("I understand.", "All right.", "That is a pity.", "Fair enough."),
        waiting=("Okay, please do.", "Sure, go on."),
        acted=("I see this: {}", "Now it says: {}", "Here is what my phone shows: {}"),
        terse=("It says: {}", "{}", "Reads: {}"),
        hesitates=(
            "Is that safe? I am afraid to break something.",
            "Hmm, I am afraid to touch that. Do I really have to?",
            "Is that safe to do? I do not know much about phones.",
        ),
        strayed=(
            "I may have looked at the wrong thing. I see this: {}",
            "I am not sure that this is the right place. It says: {}",
        ),
        guide_me=(
            "Please tell me what to look at.",
            "Where should I look?",
            "What should I check?",
        ),
        pardon=("Sorry, I did not get that.", "Pardon?"),
        unknown=("I do not know.", "I am not sure.", "No idea, to be honest."),
        thanks=(
            "No, that is all. Thank you!",
            "That is all, thanks. Goodbye!",
            "Nothing else. Have a nice day!",
            "I am all set now, thank you. Bye!",
        ),
        give_up=(
            "This does not help me. Goodbye.",
            "I give up. Goodbye.",
            "This leads nowhere. Bye.",
        ),
    ),
}
