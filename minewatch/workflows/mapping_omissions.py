"""What a map does without, each with its reason, as the record of the run tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minewatch import vectors
from minewatch.workflows.mapping_images import LACKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import xarray as xr

    from minewatch.workflows.mapping_learning import Learnt
    from minewatch.workflows.mapping_settings import MappingSettings

__all__ = ["left_out"]

UNDRAWN = "no pixel of it was drawn: outside of the map, too small, or not known in each covariate"


def left_out(settings: MappingSettings, stack: xr.Dataset, learnt: Learnt) -> list[dict[str, str]]:
    """Covariates, dates, assets and polygons that a map is made without. Reads the polygons.

    Parameters
    ----------
    settings : MappingSettings
        The run.
    stack : xarray.Dataset
        Its covariates, from :func:`minewatch.workflows.mapping_inputs.covariates`.
    learnt : Learnt
        What it learnt.

    Returns
    -------
    list of dict
        ``what``, ``name``, ``reason``; of a polygon its row in the file, from 0.
    """
    return [
        *_rows("covariate", learnt.left_out, "others matter more"),
        *_rows("covariate", stack.attrs.get("left_out", ()), "no image of its sensor"),
        *_rows(
            "date",
            stack.attrs.get("dates_left_out", ()),
            "the sun's direction is unknown, or it stands too low for shadows to end",
        ),
        *_rows("asset", stack.attrs.get(LACKING, ()), "the item has none; unknown on its date"),
        *_polygons(settings, learnt),
    ]


def _polygons(settings: MappingSettings, learnt: Learnt) -> Iterator[dict[str, str]]:
    for what in ("reference", "held_out"):
        path = getattr(settings, what)
        if not path:
            continue
        table = vectors.read_polygons(path)
        without = table.attrs["dropped_rows"]
        yield from _rows(f"{what} polygon", without, "no outline with an area")
        if what == "reference" and learnt.samples.attrs.get("polygons_unused"):
            gone = set(without)
            rows = [row for row in range(len(table) + len(gone)) if row not in gone]
            drawn = set(learnt.samples["polygon"].values.tolist())
            undrawn = (row for at, row in enumerate(rows) if at not in drawn)
            yield from _rows(f"{what} polygon", undrawn, UNDRAWN)


def _rows(what: str, names: Iterable[object], reason: str) -> list[dict[str, str]]:
    return [{"what": what, "name": str(name), "reason": reason} for name in names]
