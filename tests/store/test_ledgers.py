"""What is noted of a block is on the disk, and a line that was cut short was not written."""

from __future__ import annotations

import json

import pytest

import minewatch
from minewatch.store import ledgers
from minewatch.store.ledgers import (
    Block,
    begin_ledger,
    close_ledger,
    closed_with,
    difference,
    note,
    read_ledger,
    reason_of,
)

NAMES = ["y 0:1024", "y 1024:2048", "y 2048:2100"]


@pytest.fixture
def ledger(tmp_path):
    path = tmp_path / "features.blocks.jsonl"
    begin_ledger(path, "looks 4.4", NAMES)
    return path


def test_a_ledger_without_notes_knows_no_block(ledger):
    assert read_ledger(ledger, "looks 4.4", NAMES) == {}


def test_no_ledger_is_none(tmp_path):
    assert read_ledger(tmp_path / "none.jsonl", "looks 4.4", NAMES) is None


@pytest.mark.parametrize(
    ("key", "names"), [("looks 18", NAMES), ("looks 4.4", NAMES[:2]), ("looks 4.4", NAMES[::-1])]
)
def test_a_ledger_of_another_job_is_none(ledger, key, names):
    note(ledger, Block(NAMES[0], "done", 1))
    assert read_ledger(ledger, key, names) is None


def test_the_last_note_of_a_block_counts(ledger):
    note(ledger, Block(NAMES[1], "failed", 3, 0.5, "OSError: 503"))
    note(ledger, Block(NAMES[1], "done", 4, 2.0))
    assert read_ledger(ledger, "looks 4.4", NAMES) == {NAMES[1]: Block(NAMES[1], "done", 4, 2.0)}


def test_every_cut_of_the_last_line_leaves_the_others_and_takes_new_ones(ledger):
    note(ledger, Block(NAMES[0], "done", 1, 1.0))
    before = ledger.read_bytes()
    note(ledger, Block(NAMES[1], "done", 1, 1.0))
    whole = ledger.read_bytes()
    for length in range(len(before), len(whole)):
        ledger.write_bytes(whole[:length])
        # All but the newline is a whole note: the line says everything.
        known = {NAMES[0]} if length < len(whole) - 1 else {NAMES[0], NAMES[1]}
        assert set(read_ledger(ledger, "looks 4.4", NAMES)) == known
        note(ledger, Block(NAMES[2], "done", 1, 1.0))
        assert set(read_ledger(ledger, "looks 4.4", NAMES)) == known | {NAMES[2]}


def test_a_header_that_was_cut_short_is_no_ledger(ledger):
    text = ledger.read_bytes()
    for length in range(len(text) - 1):
        ledger.write_bytes(text[:length])
        assert read_ledger(ledger, "looks 4.4", NAMES) is None


@pytest.mark.parametrize(
    "line",
    [
        b"[]",
        b"null",
        b'{"name": "y 0:1024"}',
        b'{"name": "y 0:1024", "status": "perhaps", "attempts": 1}',
        b'{"name": "y 0:1024", "status": "done", "attempts": 1, "more": 2}',
        b'{"name": "y 9:10", "status": "done", "attempts": 1}',
        b"\xff\xfe",
    ],
)
def test_a_line_that_is_no_note_is_passed_over(ledger, line):
    with ledger.open("ab") as file:
        file.write(line + b"\n")
    note(ledger, Block(NAMES[2], "done", 1))
    assert set(read_ledger(ledger, "looks 4.4", NAMES)) == {NAMES[2]}


def test_each_line_is_json_that_others_can_read(ledger):
    note(ledger, Block(NAMES[0], "failed", 3, 1.5, 'OSError: "γ⁰"\nsecond line'))
    header, line = map(json.loads, ledger.read_text(encoding="utf-8").splitlines())
    assert header["blocks"] == 3
    assert line == {
        "name": NAMES[0],
        "status": "failed",
        "attempts": 3,
        "seconds": 1.5,
        "reason": 'OSError: "γ⁰"\nsecond line',
    }


def test_the_header_tells_settings_and_inputs_apart(tmp_path):
    headers = []
    for threshold, inputs in ((0.1, ["a", "b"]), (0.2, ["a", "b"]), (0.2, ["a"])):
        key = json.dumps({"settings": {"threshold": threshold}, "inputs": inputs})
        begin_ledger(tmp_path / "tai.blocks.jsonl", key, NAMES)
        headers.append(json.loads((tmp_path / "tai.blocks.jsonl").read_text()))
    assert len({header["key"] for header in headers}) == 3
    one, two, three = (header["parts"] for header in headers)
    assert one["inputs"] == two["inputs"] != three["inputs"]
    assert one["settings"] != two["settings"] == three["settings"]
    assert (one["inputs"]["ids"], three["inputs"]["ids"]) == (["a", "b"], ["a"])
    assert headers[0]["minewatch"] == minewatch.__version__


def test_another_version_is_another_job(ledger, monkeypatch):
    note(ledger, Block(NAMES[0], "done", 1))
    was = minewatch.__version__
    monkeypatch.setattr(ledgers.metadata, "version", lambda name: "99.0")
    assert read_ledger(ledger, "looks 4.4", NAMES) is None
    told = difference(ledger, "looks 4.4", NAMES)
    assert told == f"minewatch was {was} and is 99.0"


def test_what_changed_is_told_where_anything_is_lost(ledger, tmp_path):
    assert difference(tmp_path / "none.jsonl", "looks 18", NAMES) == ""
    assert difference(ledger, "looks 18", NAMES) == ""
    note(ledger, Block(NAMES[0], "failed", 3, 1.0, "OSError"))
    assert difference(ledger, "looks 18", NAMES) == ""
    note(ledger, Block(NAMES[1], "done", 1))
    assert difference(ledger, "looks 4.4", NAMES) == ""
    assert difference(ledger, "looks 18", NAMES) == "the key changed"
    assert difference(ledger, "looks 4.4", NAMES[:2]) == "it is cut into other blocks"
    ledger.write_bytes(ledger.read_bytes().replace(b"blocks-2", b"blocks-1", 1))
    assert difference(ledger, "looks 4.4", NAMES).startswith("the ledger is of another version")
    ledger.write_bytes(b"[1]\n" + ledger.read_bytes())
    assert difference(ledger, "looks 4.4", NAMES).startswith("the ledger is of another version")


def test_a_ledger_that_is_closed_is_the_same_ledger(ledger):
    note(ledger, Block(NAMES[0], "done", 1))
    before = read_ledger(ledger, "looks 4.4", NAMES)
    assert closed_with(ledger) is None
    for contents in ("one", "two"):
        close_ledger(ledger, contents)
        assert closed_with(ledger) == contents
        assert read_ledger(ledger, "looks 4.4", NAMES) == before
    assert read_ledger(ledger, "looks 18", NAMES) is None


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError("stalled"), "OSError: stalled"),
        (RuntimeError("a\n  b"), "RuntimeError: a b"),
        (ValueError(), "ValueError"),
        (
            OSError("'https://a.test/x.tif?se=1&sig=k%3D': 403"),
            "OSError: 'https://a.test/x.tif?…': 403",
        ),
    ],
)
def test_reasons_are_one_line_without_signatures(error, reason):
    assert reason_of(error) == reason


def test_a_reason_is_no_page():
    assert len(reason_of(OSError("<html>" * 1000))) <= 400
