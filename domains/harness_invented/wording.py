"""The stock of words that businesses are invented from."""

from __future__ import annotations

from harness_taskkit.wording import words

CLIENTS = words("member guest patient client visitor subscriber traveller customer")
RECORDS = words(
    "booking rental visit loan contract appointment lease parcel shipment trip course "
    "reservation session permit ticket voyage"
)
ENTRIES = words("seat slot title tool lesson room piece part meal class treatment item")
EDITIONS = words("version model variety edition form type")
KINDS = words("line range series category family")
ACCOUNTS = ("account", "wallet", "payment source", "payment method")
PLACES = ("address", "location", "destination", "meeting place")

EARLY = ("pending", "open", "planned", "booked", "waiting", "reserved", "scheduled", "upcoming")
LATE = ("delivered", "finished", "used", "received", "handed over", "past", "taken", "closed")
LOCKED = ("processed", "under way", "in review", "in preparation", "checked", "running")

REASONS = (
    "no longer needed",
    "made by mistake",
    "found something better",
    "too expensive",
    "bad timing",
    "moved away",
    "ordered by mistake",
    "illness",
    "change of plans",
    "double entry",
)

SOURCES = words(
    "credit_card paypal gift_card bank_account voucher debit_card prepaid_card points_account "
    "family_fund company_account cash_card travel_credit"
)
MINDS = ("Wait, I changed my mind.", "On second thought, no.", "Actually, no.", "Sorry, wait.")
"""How clients say that they changed their mind."""

BRANDS = ("Visa", "Mastercard", "Maestro", "Amex", "Discover", "Diners", "Union")

AXES: dict[str, tuple[str, tuple[str, ...]]] = {
    "color": ("in {}", ("red", "blue", "green", "black", "white", "grey", "yellow", "brown")),
    "size": ("in size {}", ("small", "medium", "large", "tiny", "huge", "XL")),
    "material": ("made of {}", ("wood", "steel", "cotton", "glass", "leather", "paper", "stone")),
    "level": ("at the {} level", ("basic", "middle", "advanced", "expert", "open")),
    "language": ("in {}", ("english", "french", "german", "spanish", "italian", "dutch")),
    "time": ("in the {}", ("morning", "afternoon", "evening", "night")),
    "day": ("on {}", ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday")),
    "place": ("at the {}", ("window", "aisle", "front", "back", "balcony", "corner")),
    "length": ("of {}", ("20 minutes", "30 minutes", "45 minutes", "60 minutes", "90 minutes")),
    "format": ("as {}", ("print", "audio", "video", "digital", "tape")),
    "gear": ("with {} gear", ("manual", "automatic", "light", "heavy")),
    "power": ("with {} power", ("battery", "mains", "solar", "USB", "petrol", "diesel")),
    "weight": ("of {}", ("1kg", "2kg", "5kg", "10kg", "20kg")),
    "reach": ("with a reach of {}", ("10m", "25m", "50m", "100m")),
    "speed": ("with {} speed", ("slow", "normal", "fast", "express")),
    "zone": ("for zone {}", ("A", "B", "C", "D", "E")),
    "people": ("for {}", ("one", "two", "four", "six", "eight")),
    "diet": ("for {} guests", ("vegan", "vegetarian", "regular", "hungry")),
    "link": ("with a {} link", ("wired", "wireless", "fixed", "loose")),
    "cover": ("with {} cover", ("full", "half", "compact", "none", "extra")),
    "age": ("for {}", ("children", "adults", "teenagers", "seniors")),
    "shape": ("in a {} shape", ("round", "square", "long", "flat", "oval")),
    "side": ("for the {} side", ("left", "right", "upper", "lower")),
    "scent": ("with a scent of {}", ("rose", "cedar", "lemon", "vanilla", "mint")),
    "memory": ("with {} of memory", ("64GB", "128GB", "256GB", "512GB", "1TB")),
    "season": ("for {}", ("spring", "summer", "autumn", "winter")),
    "volume": ("with a volume of {}", ("1L", "1.5L", "2L", "500ml", "750ml")),
    "finish": ("with a {} finish", ("plain", "matte", "shiny", "soft", "rough")),
}
"""What editions of a kind differ in: how users put a value, and the values."""

THINGS = words(
    "anchor apple arrow badge ball band bank barrel basket bath beach bell belt bench bird block "
    "bottle bowl box branch bread bridge brush bucket button cabin cable camp candle canvas cap "
    "castle chain chair chalk chart chest circle city cliff clock cloud coach coast coin corn "
    "cottage cotton cradle crane creek crown cup curtain dance deck desert diamond dinner doctor "
    "dome door dragon drum duck dust eagle earth engine feather fence ferry field fig fire fish "
    "flag flame flute forest fork fountain fox frame fruit garden gate ghost giant glove goat gold "
    "grain grass guitar hall hammer harbor harp hat hawk heart helmet hill history honey hook horn "
    "horse house ice iron island ivory jacket jar jewel journey jungle kettle key king kitchen "
    "kite knife ladder lake lamp lantern leaf lens letter library light lily lion machine magnet "
    "map maple marble market mask meadow mill mirror moon mountain music needle nest night north "
    "oak ocean olive orange orchard organ oven owl paint palace palm panel paper park pearl pencil "
    "pepper phone piano picture pillow pine pipe planet plate pocket pony pool port prince pump "
    "puzzle quartz queen rabbit radio rain ribbon rice ring river road robin rocket roof rope sail "
    "salad salt sand scarf school sea shadow shell shield ship shirt shoe silk silver sky snow "
    "song soup spark spider spoon spring square stage star station steam storm street sugar sun "
    "swan sword table temple tent theatre thread tiger timber tower trail train tree trumpet "
    "tulip tunnel valley vase velvet village violin wagon wall watch water wave wheel whistle "
    "wind window wine winter wolf wool yard zebra"
)
"""Nouns for names of kinds, streets and options."""

TOWNS = words(
    "Ashford Belmont Carlow Denham Elgin Fairview Glenwood Hartley Ironton Jasper Kenmare Linden "
    "Marlow Norwood Oakdale Preston Quincy Redhill Selby Thornton Upton Verona Weston York Albion "
    "Bristol Camden Dover Easton Franklin Granby Hudson Lima Monroe Newport Orleans Paris Rome "
    "Salem Troy"
)
FIRST_NAMES = words(
    "Ada Ben Cleo Dan Eva Finn Gina Hugo Ida Jack Kira Leon Mona Nils Olga Paul Rosa Sam Tara "
    "Uma Vera Will Xena Yara Zoe Amir Bela Carl Dora Emil Flora Greta Henry Iris Jonas Kate Lars "
    "Maya Noah Otto"
)
LAST_NAMES = words(
    "Abbott Barnes Clarke Dixon Ellis Foster Grant Hobbs Irving Jones Kemp Lowe Mason North Owens "
    "Price Quinn Reed Stone Turner Underhill Vance Walsh Young Ziegler Adler Brandt Conti Duarte "
    "Eriksen Fuchs Garcia Haas Ito Jansen Kovacs Lopez Meyer Novak Okafor"
)

OUT_OF_SCOPE = (
    ("change the email of the account", "I want another email in my account."),
    ("close the account", "Please delete my account and all my data."),
    ("get an invoice for a company", "I need an invoice made out to my company."),
    ("complain about the staff", "I want to make a formal complaint about your staff."),
    ("correct the last name", "I got married, so please change my last name."),
    ("get a quote for a group", "My company wants an offer for 200 people."),
    ("match the price of another shop", "I saw it cheaper elsewhere. Please match the price."),
    ("have damage repaired", "Something broke last year and I want it repaired."),
    ("speak to the manager", "I want to talk to your manager about a job."),
    ("get a copy of an old bill", "I need a copy of a bill from three years ago."),
    ("report a lost key", "I lost my key at your place. Has anybody found it?"),
    ("sponsor an event", "We would like you to sponsor our school event."),
)
"""What no tool serves: the summary for a human, and what the user says."""
