"""A domain on which nobody can be trained is told so: each rule has a domain that breaks it."""

import importlib.util
import sys
from pathlib import Path

import pytest

from harness.testing import ContractBroken, check_domain

_spec = importlib.util.spec_from_file_location(
    "seeded_domains", Path(__file__).with_name("seeded_domains.py")
)
assert _spec
assert _spec.loader
seeded = importlib.util.module_from_spec(_spec)
sys.modules["seeded_domains"] = seeded
_spec.loader.exec_module(seeded)


def test_the_library_without_a_flaw_has_no_finding() -> None:
    check_domain(seeded.Library(), tasks=6)


@pytest.mark.parametrize("flaw", [*seeded.SEEDED])
def test_each_flaw_is_found_with_where_why_and_how_to_mend(flaw: str) -> None:
    made, words = seeded.SEEDED[flaw]
    with pytest.raises(ContractBroken) as broken:
        check_domain(made(), tasks=6)
    found = broken.value.findings
    assert any(words in finding.what for finding in found), broken.value
    for finding in found:
        assert all((finding.what, finding.where, finding.why, finding.mend))
