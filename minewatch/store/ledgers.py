"""Which blocks of a job are done: a line of JSON each, so that a job that was stopped goes on.

A line is appended when a block is in the store, never before. A process may be killed at any
moment, also while it writes a line: what is no whole line counts as not written.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import asdict, dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Any

from minewatch._files import whole

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = [
    "Block",
    "begin_ledger",
    "close_ledger",
    "closed_with",
    "difference",
    "note",
    "read_ledger",
    "reason_of",
]

FORMAT = "minewatch-blocks-2"
LONGEST = 400
"""Characters of a reason."""


@dataclass(frozen=True)
class Block:
    """How one block of a job ended.

    Attributes
    ----------
    name : str
        Which one, e.g. ``y 0:1024``.
    status : str
        "done" or "failed".
    attempts : int
        How often it was tried, over all runs.
    seconds : float
        How long the last attempt took.
    reason : str
        Why it failed; empty where it did not.
    """

    name: str
    status: str
    attempts: int
    seconds: float = 0.0
    reason: str = ""


def begin_ledger(path: Path, key: str, blocks: Sequence[str]) -> None:
    """Begin the ledger of a job, in place of one that is there.

    Parameters
    ----------
    path : pathlib.Path
        The file, by custom ``*.blocks.jsonl``.
    key : str
        All that the numbers depend on, as text; its digest is kept. Of a JSON object each member
        has its own, and the items of one that is a list are kept.
    blocks : sequence of str
        Names of all blocks.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     ledger = Path(folder) / "tai.blocks.jsonl"
    ...     begin_ledger(ledger, "threshold 0.13", ["y 0:1024", "y 1024:2048"])
    ...     note(ledger, Block("y 0:1024", "done", 1, 2.5))
    ...     list(read_ledger(ledger, "threshold 0.13", ["y 0:1024", "y 1024:2048"]))
    ['y 0:1024']
    """
    with whole(path) as partial:
        partial.write_text(json.dumps(_header(key, blocks)) + "\n", encoding="utf-8")


def _header(key: str, blocks: Sequence[str]) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "minewatch": metadata.version("minewatch"),
        "key": _digest(key),
        "parts": {name: _part(value) for name, value in _members(key).items()},
        "blocks": len(blocks),
        "plan": _digest("\n".join(blocks)),
    }


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _members(key: str) -> dict[str, Any]:
    content = _parsed(key.encode())
    return content if isinstance(content, dict) else {}


def _part(value: Any) -> dict[str, Any]:
    told: dict[str, Any] = {"digest": _digest(json.dumps(value, sort_keys=True))}
    return told | {"ids": value} if isinstance(value, list) else told


def close_ledger(path: Path, contents: str) -> None:
    """Note in its header what the store was when all its blocks were done.

    Parameters
    ----------
    path : pathlib.Path
        A ledger that was begun.
    contents : str
        What tells this store from any other that takes its place.
    """
    first, *lines = path.read_bytes().splitlines(keepends=True)
    header = json.dumps({**json.loads(first), "contents": contents}).encode()
    with whole(path) as partial:
        partial.write_bytes(b"".join([header, b"\n", *lines]))


def closed_with(path: Path) -> str | None:
    """What :func:`close_ledger` noted.

    Parameters
    ----------
    path : pathlib.Path
        The ledger.

    Returns
    -------
    str or None
        None if there is no ledger, or its job is not done.
    """
    contents = _read(path)[0].get("contents")
    return contents if isinstance(contents, str) else None


def difference(path: Path, key: str, blocks: Sequence[str]) -> str:
    """Why blocks that a ledger tells of are none of a job.

    Parameters
    ----------
    path : pathlib.Path
        The ledger.
    key : str
        As in :func:`begin_ledger`.
    blocks : sequence of str
        Names of all blocks of the job.

    Returns
    -------
    str
        What changed, in a few words; empty if no block is done, or nothing changed.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     ledger = Path(folder) / "tai.blocks.jsonl"
    ...     begin_ledger(ledger, '{"settings": {"window": 5}, "inputs": ["a"]}', ["y 0:9"])
    ...     note(ledger, Block("y 0:9", "done", 1))
    ...     difference(ledger, '{"settings": {"window": 7}, "inputs": ["a", "b"]}', ["y 0:9"])
    'settings changed, inputs changed (1 new, 0 gone)'
    """
    old, noted = _read(path)
    if not any(block.status == "done" for block in noted):
        return ""
    new = _header(key, blocks)
    if old.get("format") != FORMAT or not old.keys() >= new.keys():
        return "the ledger is of another version of minewatch"
    told = []
    if old["minewatch"] != new["minewatch"]:
        told.append(f"minewatch was {old['minewatch']} and is {new['minewatch']}")
    parts = [
        f"{name} changed{_counted(old['parts'].get(name, {}), part)}"
        for name, part in new["parts"].items()
        if old["parts"].get(name) != part
    ]
    told += parts or (["the key changed"] if old["key"] != new["key"] else [])
    if old["plan"] != new["plan"]:
        told.append("it is cut into other blocks")
    return ", ".join(told)


def _counted(old: dict[str, Any], new: dict[str, Any]) -> str:
    if "ids" not in old or "ids" not in new:
        return ""
    was, now = (set(map(str, each["ids"])) for each in (old, new))
    return f" ({len(now - was)} new, {len(was - now)} gone)"


def _read(path: Path) -> tuple[dict[str, Any], list[Block]]:
    """Header and notes of a ledger; what is damaged or not there is left out."""
    content = path.read_bytes() if path.is_file() else b""
    first, *lines = content.splitlines() or [b""]
    header = _parsed(first)
    blocks = (_block(_parsed(line)) for line in lines)
    return header if isinstance(header, dict) else {}, [each for each in blocks if each is not None]


def note(path: Path, block: Block) -> None:
    """Append what became of a block; it is on the disk when this returns.

    Parameters
    ----------
    path : pathlib.Path
        A ledger that was begun.
    block : Block
        What to note.
    """
    line = json.dumps(asdict(block), ensure_ascii=False).encode() + b"\n"
    with path.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        # A line that was cut short ends here, or this one would continue it.
        cut_short = file.read(1) != b"\n"
        file.write(b"\n" + line if cut_short else line)
        file.flush()
        os.fsync(file.fileno())


def read_ledger(path: Path, key: str, blocks: Sequence[str]) -> dict[str, Block] | None:
    """What is known of the blocks of a job.

    Parameters
    ----------
    path : pathlib.Path
        The ledger.
    key : str
        As in :func:`begin_ledger`.
    blocks : sequence of str
        Names of all blocks of the job.

    Returns
    -------
    dict of str to Block, or None
        The last that was noted of each block; None if there is no ledger, or it is of another job:
        other blocks, another key, or another version of minewatch.
    """
    header, noted = _read(path)
    header.pop("contents", None)
    if header != _header(key, blocks):
        return None
    known = set(blocks)
    return {block.name: block for block in noted if block.name in known}


def _parsed(line: bytes) -> object:
    try:
        return json.loads(line.decode("utf-8"))
    except ValueError:
        return None


def _block(content: object) -> Block | None:
    if not isinstance(content, dict) or content.get("status") not in ("done", "failed"):
        return None
    try:
        return Block(**content)
    except TypeError:
        return None


def reason_of(error: BaseException) -> str:
    """One line that says why, without what signs an address.

    Parameters
    ----------
    error : BaseException
        What happened.

    Returns
    -------
    str
        Its kind and its words, queries of addresses left out.

    Examples
    --------
    >>> reason_of(OSError("https://blob.test/B04.tif?sig=secret: 403"))
    'OSError: https://blob.test/B04.tif?…: 403'
    """
    text = " ".join(str(error).split())
    text = re.sub(r"\?[^\s'\",:;)]+", "?…", text)
    return f"{type(error).__name__}: {text}"[:LONGEST].rstrip(": ")
