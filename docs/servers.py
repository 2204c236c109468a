"""Write the table of docs/chat-models.md: what servers do, and what is made of it.

``make table-servers`` runs it. The rows are those that tests/llm/test_oddities.py plays, and
holds the page to.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.llm.oddities import ROWS  # noqa: E402

PAGE = ROOT / "docs" / "chat-models.md"
BEGIN, END = "<!-- from tests/llm/oddities.py -->", "<!-- end -->"
LONGEST = 110
"""Characters of a server's words in the table."""


def written(page: str) -> str:
    """The page with the table as the tests have it."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n" + "\n".join(_table()) + f"\n\n{END}{after}"


def _table() -> Iterator[str]:
    yield "| what a server does | wire | what the harness makes of it |"
    yield "|---|---|---|"
    for kind, rows in groupby(ROWS, key=lambda row: row.kind):
        yield f"| **{kind}** | | |"
        told = [(_cell(row.does), row.wire, _cell(row.made.words)) for row in rows]
        for does, made in dict.fromkeys((does, made) for does, _, made in told):
            wires = [wire for d, wire, m in told if (d, m) == (does, made)]
            yield f"| {does} | {', '.join(dict.fromkeys(wires))} | {made} |"


def _cell(text: str) -> str:
    """The text for a cell: short, on one line, its bars and half letters escaped."""
    long = rf"“([^”]{{{LONGEST}}})[^”]+”"
    quoted = re.sub(long, lambda found: f"“{found[1].rstrip()} …”", " ".join(text.split()))
    return quoted.replace("|", "\\|").replace("\ufffd", "U+FFFD")


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text()))
