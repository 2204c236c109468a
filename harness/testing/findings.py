"""Turn what a product does against its contract into findings: what, where, why it matters, and how
to mend it.
"""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.errors import HarnessError

_OWN = str(Path(__file__).parents[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a product does against its contract: ``what`` was demanded and found, ``where``, ``why``
    it matters, and how to ``mend`` it.
    """

    what: str
    where: str
    why: str
    mend: str

    def __str__(self) -> str:
        return f"{self.what}\n  where: {self.where}\n  why:   {self.why}\n  mend:  {self.mend}"


class ContractBroken(AssertionError):
    """Raised by a check with all that it found."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        super().__init__("\n\n".join(map(str, findings)))
        self.findings = tuple(findings)


class Unmet(AssertionError):
    """Raised within a rule by ``demand``."""

    def __init__(self, sentence: str, where: str = "", mend: str = "") -> None:
        super().__init__(sentence)
        self.where = where
        self.mend = mend


def demand(holds: bool, sentence: str, *, where: str = "", mend: str = "") -> None:
    """Raise ``Unmet`` with the sentence unless it holds; ``where`` and ``mend``: instead of those
    of the rule.
    """
    if not holds:
        raise Unmet(sentence, where, mend)


class _Enough(Exception):
    """Ends a check: what comes next needs what was found amiss."""


class Check:
    """Collects what breaks the rules of one product. As a context it raises ``ContractBroken`` at
    its end if anything does.
    """

    def __init__(self, product: object) -> None:
        self.findings: list[Finding] = []
        self._where = whereabouts(product)

    def __enter__(self) -> Check:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if error is not None and not isinstance(error, _Enough):
            return False
        if self.findings:
            raise ContractBroken(self.findings) from None
        return True

    @contextmanager
    def rule(self, why: str, mend: str, *, needed: bool = False) -> Iterator[None]:
        """What is demanded within, and whatever is raised, is a finding for this reason.

        ``needed``: the rules that follow make no sense without it.
        """
        try:
            yield
        except _Enough:
            raise
        except ContractBroken as other:
            self.findings += other.findings
        except AssertionError as unmet:
            place, own = (unmet.where, unmet.mend) if isinstance(unmet, Unmet) else ("", "")
            if not place and unmet.__cause__ is not None:
                place = raised_at(unmet.__cause__)
            self._add(str(unmet), place, why, own or mend)
        except Exception as error:  # a stranger's product may raise anything
            cause = error.__cause__ if isinstance(error, HarnessError) else None
            told = f"it raised {type(error).__name__}: {error}"
            self._add(told, raised_at(cause or error), why, mend)
        else:
            return
        if needed:
            raise _Enough

    def _add(self, what: str, where: str, why: str, mend: str) -> None:
        self.findings.append(Finding(what=what, where=where or self._where, why=why, mend=mend))


def whereabouts(product: object) -> str:
    """The class or function of a product, with its file and line where they are known."""
    own = getattr(product, "inner", product)
    made = own if inspect.isfunction(own) else type(own)
    name = f"{made.__module__}.{made.__qualname__}"
    try:
        file, (_, line) = inspect.getsourcefile(made), inspect.getsourcelines(made)
    except (OSError, TypeError):
        return name
    return f"{name} ({file}:{line})"


def raised_at(error: BaseException) -> str:
    """The last place outside the core that the error came through; its last place if none is."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not frame.filename.startswith(_OWN)] or frames
    return f"{own[-1].filename}:{own[-1].lineno} in {own[-1].name}" if own else "unknown"
