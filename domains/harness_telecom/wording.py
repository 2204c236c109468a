"""What customers of a carrier say."""

from __future__ import annotations

from harness_taskkit.wording import sayings

TROUBLES = sayings("""
no_service: My phone has no service. / There is no signal on my phone, I cannot call anybody. / I
    have no reception at all any more.
mobile_data: My mobile internet does not work as it should. / The mobile data on my phone gives me
    trouble. / The internet on my phone is bad, I need it fast again.
picture_messages: I cannot send picture messages. / Sending pictures by message fails on my phone. /
    My messages with photos do not go out.
""")

HOME = ("I am at home.", "I am not travelling.")
ABROAD = (
    "I am abroad at the moment.",
    "I am on a trip in another country.",
    "I am travelling abroad right now.",
)

LEADS = sayings("""
refuel: I need more data. / I want to add data to my plan for this month. / Please refuel some data.
roaming_on: Please switch roaming on. / I am going to travel, so I need roaming enabled.
roaming_off: Please switch roaming off. / I am back from my trip, so I want roaming disabled.
suspend: I want to suspend a line. / Please put one of my lines on hold. / I would like a line to be
    suspended.
resume: I want a suspended line back. / Please resume a line of mine that is suspended.
pay_bill: I want to pay my overdue bill. / I forgot to pay a bill, and I want to do it now. / Please
    let me pay the bill that is overdue.
refuse_payment: I want to pay my bill of December now. / Please send me a payment request for the
    bill of December.
contract: When does my contract end? / Tell me the day on which my contract ends.
imei: What is the IMEI of my device? / I need the IMEI number of my device.
""")

AMOUNT = ("And tell me how much it is.", "How much do I owe?")

VERBS = {
    "refuel": ("refuel", "add"),
    "roaming": ("roaming",),
    "suspend": ("suspend",),
    "resume": ("resume", "payment"),
    "pay_bill": ("pay", "payment"),
    "question": ("tell",),
}
"""Words, one of which an offer to do it contains."""

SUSPENSIONS = sayings("""
travel: I travel for some months. / I will be away for a while.
unused: I do not need it at present. / Nobody uses it now.
lost: The device is lost. / I cannot find the device any more.
""")
"""Why a line is suspended: the reason, and how customers put it."""

PRESSURE = (
    "Your colleague promised me that this is possible.",
    "I was told last week that you would make an exception.",
    "I have been a customer for years, so you can do that for me.",
)

OUT_OF_SCOPE = sayings("""
The customer wants another plan.: I want to change to another plan. / Please put me on a cheaper
    plan.
The customer wants a new phone number.: I want a new phone number. / Please change my number.
The customer wants to end the contract.: I want to end my contract with you. / Please cancel my
    contract.
The customer wants another email in the profile.: I want another email in my profile. / Please
    change the email that you have of me.
The customer wants a new phone.: I want to buy a new phone from you. / Please sell me a new phone.
The customer wants to move a line to another person.: I want to hand a line over to my sister. /
    Please transfer my line to another owner.
""")
"""What no tool serves: the summary for the human agent, and how customers put it."""

SUMMARIES = {
    "transfer_locked_sim": "The SIM card of the customer's phone is locked.",
    "transfer_contract": "The contract of the customer's suspended line has ended.",
}

PERSONAS = {
    "tech-savvy": "You are tech-savvy: you do at once what you are told on your phone, and tell in "
    "a few words what it shows.",
    "hesitant": "You are hesitant with your phone: before you change something for the first "
    "time, you ask whether it is safe, and you may look at the wrong place first. You do as you "
    "are told when you are told again.",
}
"""How customers deal with their phones; the others do what they are told."""
