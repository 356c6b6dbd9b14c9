"""Numbers that a page of the documentation tells, so that tests can hold it to them."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["told"]

DOCS = Path(__file__).parents[1] / "docs"
NUMBER = re.compile(r"[−-]?\d[\d,]*\.?\d*")


def told(page: str, *labels: str) -> list[float]:
    """Numbers of the one table row of a page whose first cells are these labels."""
    found = []
    for line in (DOCS / page).read_text().splitlines():
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if tuple(cells[: len(labels)]) == labels:
            rest = " | ".join(cells[len(labels) :])
            found.append([plain(text) for text in NUMBER.findall(rest)])
    (numbers,) = found
    return numbers


def plain(text: str) -> float:
    return float(text.replace("−", "-").replace(",", ""))
