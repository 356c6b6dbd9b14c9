"""What the README shows, runs; its two commands are the ones that CI reads."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README.read_text(), re.MULTILINE | re.DOTALL)


def test_the_python_of_the_readme_runs_and_prints_areas() -> None:
    (code,) = blocks("python")
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown):
        exec(compile(code, str(README), "exec"), {})
    assert "area" in shown.getvalue()


def test_the_two_commands_are_marked_for_ci() -> None:
    text = README.read_text()
    for mark, word in (("demo", "minewatch demo"), ("tests", "pytest")):
        found = re.search(rf"<!-- {mark} -->\n```sh\n(.+)\n```", text)
        assert found is not None
        assert word in found[1]
