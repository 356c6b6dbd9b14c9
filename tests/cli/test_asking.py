"""Before a large run: asked on a terminal, warned without one, left alone with --yes."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING, Any

import pytest
import typer

from minewatch.cli import asking, commands
from minewatch.workflows import ActivitySettings, Result

if TYPE_CHECKING:
    from pathlib import Path

REASON = "it may take some 5.0 hours"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Any]:
    """Runs that were begun; each is large."""
    begun: list[Any] = []

    def run(settings: Any, *, notify: Any) -> Result:
        del notify
        begun.append(settings)
        return Result(tmp_path, {}, {})

    monkeypatch.setattr(commands, "activity_run", run)
    monkeypatch.setattr(asking, "why_ask", lambda settings: [REASON])
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    return begun


def call(*words: str) -> None:
    commands.app(["activity", "slc", *words], standalone_mode=False)


def test_without_a_terminal_it_goes_on_and_says_so(runs: list[Any]) -> None:
    with pytest.warns(UserWarning, match=rf"{REASON}; it goes on, .*--yes"):
        call()
    assert [one.input for one in runs] == ["slc"]


def test_a_closed_input_is_no_terminal(runs: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """``minewatch … <&-``: Python has None there."""
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.warns(UserWarning, match="nobody can be asked"):
        call()
    assert len(runs) == 1


def test_yes_is_enough(runs: list[Any]) -> None:
    call("--yes")
    assert len(runs) == 1
    assert isinstance(runs[0], ActivitySettings)


@pytest.mark.parametrize(("answer", "begun"), [("y\n", 1), ("n\n", 0), ("\n", 0)])
def test_on_a_terminal_it_waits_for_an_answer(
    runs: list[Any], monkeypatch: pytest.MonkeyPatch, answer: str, begun: int
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    shown = Terminal()
    monkeypatch.setattr(sys, "stderr", shown)
    if begun:
        call()
    else:
        with pytest.raises(typer.Abort):
            call()
    assert REASON in shown.getvalue()
    assert len(runs) == begun


def test_a_small_run_is_not_asked_about(runs: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "why_ask", lambda settings: [])
    call()
    assert len(runs) == 1
