"""The table of ratios: kernels and peers agree, and what is timed is what the table says."""

from __future__ import annotations

import time

import numpy.testing as npt
import pytest

from benchmarks import ratios
from benchmarks.peers import CASES, Case, Peer


@pytest.mark.parametrize("name", list(CASES))
def test_kernel_and_peers_agree_and_both_halves_run(name: str) -> None:
    case = CASES[name](96)
    case.agree()
    assert all(0 < peer.share <= 1 for peer in case.peers)
    assert all(len(half()) for half in case.halves)


def test_a_peer_that_differs_is_told() -> None:
    wrong = Peer("wrong", lambda: 2, npt.assert_equal)
    case = Case("one", 1, run=lambda: 1, halves=(int, int), peers=(wrong,))
    with pytest.raises(AssertionError, match="not equal"):
        ratios.compare(case, 1)


def test_ratios_are_of_times_and_shares(monkeypatch) -> None:
    # A clock that only the routes move: no processor has a say.
    now = [0.0]

    def takes(seconds: float):
        def run() -> int:
            now[0] += seconds
            return 1

        return run

    monkeypatch.setattr(time, "process_time", lambda: now[0])
    peer = Peer("peer", takes(6), npt.assert_equal, share=0.5, goal=3)
    case = Case(
        "loop",
        10**9,
        run=takes(2),
        halves=(takes(1), takes(1)),
        filled=takes(1.5),
        floor=takes(0.5),
        goal=5,
        peers=(peer,),
    )
    found = ratios.compare(case, 3, threads=False)
    assert found == ratios.Ratios(2, 3, {"peer": 6})
    (row,) = ratios.rows(case, found)
    assert row == "| loop | 2.0 | 3.0 | ≤ 5 | peer | 6.0 | ≥ 3 |  |"


def test_the_script_prints_a_table_of_all_columns(capsys) -> None:
    ratios.main(["--size", "64", "--rounds", "1", "--only", "coherence", "lee", "counts"])
    threads, _, head, line, *rows = capsys.readouterr().out.splitlines()
    assert threads.startswith("two threads, arithmetic alone ")
    assert line.count("|") == head.count("|")
    assert [row.split("|")[1].strip() for row in rows] == [
        "coherence, 3 × 10",
        "Lee filter, 7 × 7",
        "counts of TAI, 100 dates, 10 % gaps",
        "",
    ]
    for row in rows:
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert len(cells) == head.count("|") - 1
        assert float(cells[5].replace(",", "")) > 0
