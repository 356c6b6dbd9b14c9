"""What the terminal, or a log, shows while work goes on."""

from __future__ import annotations

import io
import re

from rich.console import Console

from minewatch.cli.display import bars

TOLD = [
    ("epochs", 0, 0),
    ("epochs | loss 0.41, validation F1 [0.5]", 1, 2),
    ("epochs | loss 0.38, validation F1 0.84", 2, 2),
    ("epochs", 2, 2),
]


def test_a_log_gets_each_line_as_it_comes_and_one_at_the_end() -> None:
    log, seen = io.StringIO(), []
    with bars(Console(file=log, width=30)) as notify:
        for step in TOLD:
            notify(*step)
            seen.append(log.getvalue().splitlines())
    first = "epochs 1/2: loss 0.41, validation F1 [0.5]"  # longer than the console is wide
    second = "epochs 2/2: loss 0.38, validation F1 0.84"
    assert seen[:2] == [[], [first]]
    assert seen[2][:2] == [first, second]
    assert len(seen[3]) == 3
    assert re.fullmatch(r"epochs: \d+\.\d s", seen[3][2])


def test_a_terminal_gets_one_bar_a_stage_with_how_it_goes() -> None:
    screen = io.StringIO()
    with bars(Console(file=screen, width=120, force_terminal=True)) as notify:
        for step in TOLD[:3]:
            notify(*step)
    last = re.sub(r"\x1b\[[^A-Za-z]*[A-Za-z]", "", screen.getvalue()).splitlines()[-1]
    assert "epochs: loss 0.38, validation F1 0.84" in last
    assert "2/2" in last


def test_a_stage_without_more_to_tell_is_one_line_when_done() -> None:
    log = io.StringIO()
    with bars(Console(file=log)) as notify:
        for done in range(4):
            notify("coherence", done, 3)
    assert re.fullmatch(r"coherence: \d+\.\d s\n", log.getvalue())
