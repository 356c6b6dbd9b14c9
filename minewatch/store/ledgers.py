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
from typing import TYPE_CHECKING

from minewatch._files import whole

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["Block", "begin_ledger", "note", "read_ledger", "reason_of"]

FORMAT = "minewatch-blocks-1"
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
        All that the numbers depend on, as text; its digest is kept.
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


def _header(key: str, blocks: Sequence[str]) -> dict[str, object]:
    digest = hashlib.sha256(key.encode()).hexdigest()
    plan = hashlib.sha256("\n".join(blocks).encode()).hexdigest()
    return {"format": FORMAT, "key": digest, "blocks": len(blocks), "plan": plan}


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
        other blocks, or another key.
    """
    if not path.is_file():
        return None
    first, *lines = path.read_bytes().splitlines() or [b""]
    if _parsed(first) != _header(key, blocks):
        return None
    known = set(blocks)
    noted = (_block(_parsed(line)) for line in lines)
    return {block.name: block for block in noted if block is not None and block.name in known}


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
