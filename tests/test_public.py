"""What is public: no signature changes without a line in the changelog, and what goes says so."""

from pathlib import Path
from types import ModuleType

import pytest

from harness.deprecation import HarnessDeprecationWarning, deprecated
from tests.test_site import script

ROOT = Path(__file__).parents[1]
LOG = "# Changelog\n\n## Unreleased\n\n- API: `Kept` is new.\n{}\n## 1.0\n\n- API: `Gone` is old.\n"


@pytest.fixture(scope="module")
def public() -> ModuleType:
    return script("public")


def test_a_snapshot_is_read_as_it_was_written(public: ModuleType) -> None:
    now = public.snapshot()
    assert public.read(public.text(now, LOG)) == now
    assert "harness.types.Task" in now
    assert "def read_options(" in now["harness.assembly.config.read_options"]
    assert "async def act(" in now["harness.protocols.Policy"]


def test_a_change_needs_a_new_line_that_names_it(public: ModuleType) -> None:
    before = {"m.Kept": "class Kept()", "m.Gone": "class Gone()", "m.f": "def f()"}
    now = {"m.Kept": "class Kept()", "m.f": "def f(x: int)", "m.new": "def new()"}
    kept = public.text(before, LOG.format(""))
    assert public.changed(before, now) == ["m.Gone", "m.f", "m.new"]
    assert public.untold(kept, now, LOG.format("")) == ["m.Gone", "m.f", "m.new"]
    some = LOG.format("- API: `f` takes `x`;\n  m.new is new.\n")
    assert public.untold(kept, now, some) == ["m.Gone"]
    assert not public.untold(kept, before, LOG.format(""))


def test_a_change_without_a_line_is_not_written(
    public: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "public.txt"
    monkeypatch.setattr(public, "SNAPSHOT", file)
    public.main()
    kept = file.read_text()
    file.write_text(kept.replace("id: str", "id: int"))
    altered = file.read_text()
    with pytest.raises(SystemExit, match=r"begins with '- API:' and names them: .*\.types\.Task"):
        public.main()
    assert file.read_text() == altered


def test_every_public_module_is_on_the_page(public: ModuleType) -> None:
    page = (ROOT / "docs" / "stability.md").read_text()
    modules = {name if name.startswith("harness.") else "harness_taskkit" for name in public.PUBLIC}
    assert not [name for name in modules if f"`{name}`" not in page]


def test_what_is_deprecated_says_so_at_the_line_that_uses_it() -> None:
    def old() -> int:
        deprecated("old()", since="1.3", instead="new()")
        return 1

    words = r"^old\(\) is deprecated since 1.3; use new\(\)$"
    with pytest.warns(HarnessDeprecationWarning, match=words) as warned:
        assert old() == 1
    assert warned[0].filename == __file__


def test_the_example_of_the_page_warns() -> None:
    page = (ROOT / "docs" / "stability.md").read_text()
    names: dict[str, object] = {}
    exec(page.partition("```python\n")[2].partition("```")[0], names)
    with pytest.warns(HarnessDeprecationWarning, match="use new_name"):
        assert names["old_name"](" a ") == "a"  # type: ignore[operator]
