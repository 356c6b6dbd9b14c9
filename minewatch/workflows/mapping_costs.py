"""What a mapping run cost: seconds of each stage, and memory."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from minewatch.report import Section
from minewatch.workflows.activity_parts import Part

if TYPE_CHECKING:
    from minewatch.workflows.mapping_parts import Findings
    from minewatch.workflows.mapping_settings import MappingSettings

__all__ = ["cost_part", "cost_rows", "peak_memory"]

GIB = 2**30

STATUS = Path("/proc/self/status")
"""What Linux tells of this process."""


def peak_memory() -> float | None:
    """The most resident memory that this process has had, GiB.

    Returns
    -------
    float or None
        None where the system does not tell (Windows).

    Examples
    --------
    >>> peak_memory() is None or peak_memory() > 0
    True
    """
    told = STATUS.read_text(encoding="utf-8") if STATUS.is_file() else ""
    if "VmHWM:" in told:  # ru_maxrss begins with what the process held that started this one
        return int(told.split("VmHWM:")[1].split()[0]) / 2**20
    try:
        import resource
    except ImportError:
        return None
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return held / GIB if sys.platform == "darwin" else held * 1024 / GIB


def cost_rows(spent: dict[str, float], pixels: int) -> list[dict[str, object]]:
    """Seconds of each stage, and nanoseconds for each pixel of the map.

    Parameters
    ----------
    spent : dict of str to float
        Stage → seconds.
    pixels : int
        Of the map.

    Returns
    -------
    list of dict
        A row for each stage and one for all of them.

    Examples
    --------
    >>> cost_rows({"map": 2.0}, pixels=10**6)[-1]
    {'stage': 'all', 'seconds': 2.0, 'ns a pixel': 2000.0}
    """
    rows = {**spent, "all": sum(spent.values())}
    return [
        {
            "stage": stage,
            "seconds": round(seconds, 2),
            "ns a pixel": float(f"{seconds * 1e9 / max(pixels, 1):.3g}"),
        }
        for stage, seconds in rows.items()
    ]


def cost_part(settings: MappingSettings, folder: Path, found: Findings) -> Part:
    """How long each stage took, up to the writing of the page that tells it.

    Parameters
    ----------
    settings : MappingSettings
        The run.
    folder : pathlib.Path
        Its folder.
    found : Findings
        What it found.

    Returns
    -------
    Part
        A section and the numbers behind it.
    """
    del folder
    pixels = int(found.probability.size)
    rows = cost_rows(found.spent, pixels)
    peak = peak_memory()
    held = "" if peak is None else f" The main process held {peak:.2f} GiB at most."
    text = (
        f"{pixels:,} pixels, on {settings.cluster!r}. What is not in the list is "
        f"the writing of this page and of the files beside it.{held}"
    )
    cost = {
        "pixels": pixels,
        "images": sum(map(len, found.items.values())),
        "seconds": dict(found.spent),
        "peak_gib": peak,
    }
    return Part(sections=[Section("What it cost", text, table=rows)], numbers={"cost": cost})
