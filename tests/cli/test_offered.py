"""Commands of plugin packages: added, kept apart, and never in the way of the others."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib.metadata import EntryPoint

import pytest
import typer
from typer.testing import CliRunner

from harness.assembly.entry_points import OFF
from harness.cli.offered import GROUP, WithOffered
from harness.errors import PluginFailed

Cli = Callable[..., typer.Typer]


def greet() -> None:
    """Say hello."""
    typer.echo("hello")


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch) -> Cli:
    return partial(app_with, monkeypatch)


def app_with(monkeypatch: pytest.MonkeyPatch, *points: tuple[str, str]) -> typer.Typer:
    """Two built-in commands, and those that packages offer."""
    offered = [EntryPoint(name=name, value=value, group=GROUP) for name, value in points]
    monkeypatch.setattr("harness.cli.offered.entry_points", lambda group: offered)
    app = typer.Typer(cls=WithOffered)

    @app.command()
    def loop() -> None:
        typer.echo("ours")

    @app.command()
    def report() -> None:
        typer.echo("report")

    return app


def said(app: typer.Typer, *words: str) -> str:
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    return done.output


def test_a_package_adds_a_command(cli: Cli) -> None:
    app = cli(("greet", f"{__name__}:greet"))
    assert said(app, "greet") == "hello\n"
    assert "Say hello." in said(app, "--help")


def test_a_built_in_command_keeps_its_name(cli: Cli) -> None:
    assert said(cli(("loop", f"{__name__}:greet")), "loop") == "ours\n"


def test_a_command_can_be_left_out(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(OFF, "greet")
    assert "greet" not in said(cli(("greet", f"{__name__}:greet")), "--help")


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("no_such_module:greet", "ModuleNotFoundError"),
        (f"{__name__}:no_such_function", "AttributeError"),
        (f"{__name__}:GROUP", "is no function"),
    ],
)
def test_a_command_that_cannot_be_loaded_says_so_and_the_others_work(
    cli: Cli, value: str, why: str
) -> None:
    app = cli(("broken", value), ("greet", f"{__name__}:greet"))
    assert said(app, "greet") == "hello\n"
    done = CliRunner().invoke(app, ["broken"])
    assert isinstance(done.exception, PluginFailed)
    assert why in str(done.exception)


def test_no_offered_command_is_loaded_for_a_built_in_one(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = cli(("broken", "no_such_module:greet"))
    monkeypatch.setattr("harness.cli.offered.entry_points", None)
    assert said(app, "loop") == "ours\n"
