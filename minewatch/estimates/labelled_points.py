"""Labelled points and the strata that they were drawn from, or an error that says what lacks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["Sample", "points_and_strata", "sample_of"]

OWN_DESIGN = ("stratum_ha", "total_ha")
"""Columns that :func:`minewatch.estimates.sample_design` writes beside every point."""


@dataclass(frozen=True)
class Sample:
    """Labelled points and the strata that they were drawn from."""

    stratum: npt.NDArray[np.int64]
    mapped: npt.NDArray[Any]
    reference: npt.NDArray[Any]
    cell: npt.NDArray[np.float64]
    """What a point counts, as an area."""
    size: npt.NDArray[np.float64]
    """Pixels in each stratum, or its area where that is all that is known."""
    finite: bool
    """Whether `size` counts pixels."""

    def ratio(self, y: Any, x: Any) -> tuple[float, float]:
        """Estimate the ratio of the totals of two values, and its standard error."""
        ratio, denominator = self._ratio(y, x)
        return ratio, self._error(y, x, ratio, 0) / denominator

    def share(self, y: Any) -> tuple[float, float, float]:
        """Share of the area where `y` is true, its standard error, and a cautious one.

        The cautious one is as if each stratum had shown one point more where it is, one where not:
        it is never 0 only because a stratum showed none.
        """
        every = np.ones(len(y))
        share, area = self._ratio(y, every)
        error, cautious = (self._error(y, every, share, more) / area for more in (0, 1))
        return share, error, cautious

    @property
    def _drawn(self) -> npt.NDArray[np.float64]:
        return self._sums(np.ones(len(self.stratum)))

    def _sums(self, values: Any) -> npt.NDArray[np.float64]:
        return np.asarray(np.bincount(self.stratum, values, len(self.size)), np.float64)

    def _ratio(self, y: Any, x: Any) -> tuple[float, float]:
        grown = self.size / self._drawn
        top, bottom = (float(grown @ self._sums(self.cell * value)) for value in (y, x))
        return (top / bottom, bottom) if bottom > 0 else (float("nan"), float("nan"))

    def _error(self, y: Any, x: Any, ratio: float, more: int) -> float:
        """Standard error of a ratio times its denominator."""
        drawn = self._drawn
        rest = self.cell * (np.asarray(y, np.float64) - ratio * np.asarray(x, np.float64))
        total, squares = self._sums(rest), self._sums(rest**2)
        # So many points more on either side, as large as those of the stratum.
        for value in (1 - ratio, -ratio):
            added = value * self._sums(self.cell) / drawn
            total, squares = total + more * added, squares + more * added**2
        seen = drawn + 2 * more
        scatter = np.maximum(squares - total**2 / seen, 0)
        # A stratum that was drawn whole has no error, one point or many.
        left = np.maximum(1 - drawn / self.size, 0) if self.finite else np.ones(len(drawn))
        freedom = seen if more else np.maximum(drawn - 1, 1)
        return float(np.sqrt((self.size**2 * left * scatter / freedom / seen).sum()))


def points_and_strata(points: Any, design: Any) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Points as a table with ``stratum``, ``map_class`` and ``reference``, and the strata.

    Raises
    ------
    TypeError
        If a table of confusion comes without a design.
    ValueError
        If columns or strata are lacking.
    """
    if not isinstance(points, pd.DataFrame) or "reference" not in points.columns:
        if design is None or not isinstance(points, xr.DataArray):
            _refuse(points)
        points = _from_counts(points)
    if "stratum" not in points.columns:
        message = (
            "stratified_area needs to know the stratum that each point was drawn from, got columns "
            f"{[str(name) for name in points.columns]}; points of sample_design have it"
        )
        raise ValueError(message)
    table = pd.DataFrame(points).copy()
    table["map_class"] = table["map_class"] if "map_class" in table else table["stratum"]
    for name in ("stratum", "map_class", "reference"):
        table[name] = _codes(table[name])
    areas = _own_design(table) if design is None else _given_design(design)
    if strange := sorted(set(table["stratum"]) - set(areas.index), key=str):
        message = (
            f"points were drawn from strata {strange} that are not in the design, which has "
            f"{areas.index.tolist()}; give the area of every stratum"
        )
        raise ValueError(message)
    return table, areas


def _refuse(points: Any) -> None:
    if isinstance(points, pd.DataFrame):
        message = (
            "stratified_area needs a column 'reference' with the label of each point, got "
            f"{[str(name) for name in points.columns]}; label the points of sample_design"
        )
        raise ValueError(message)
    message = (
        f"stratified_area got a {type(points).__name__} without the design behind it: counts of "
        "points say nothing of the ground that they stand for. Draw points with "
        "minewatch.estimates.sample_design(map), label them and pass them; or pass a table of "
        "minewatch.metrics.confusion of a sample that was stratified by the map, with "
        "design=minewatch.estimates.class_area(map)"
    )
    raise TypeError(message)


def _from_counts(counts: xr.DataArray) -> pd.DataFrame:
    """A row for each point of a table of counts (reference, predicted)."""
    if set(counts.dims) != {"reference", "predicted"}:
        message = (
            "stratified_area needs counts with dims (reference, predicted), got "
            f"{counts.dims}; use minewatch.metrics.confusion"
        )
        raise ValueError(message)
    number = counts.transpose("reference", "predicted").values
    if (number < 0).any() or (number != np.floor(number)).any():
        message = (
            "stratified_area needs counts of points, got a table that is weighted; use "
            "minewatch.metrics.confusion without weight="
        )
        raise ValueError(message)
    rows, columns = np.indices(number.shape)
    repeat = number.astype(np.int64).ravel()
    return pd.DataFrame(
        {
            "stratum": np.repeat(counts["predicted"].values[columns.ravel()], repeat),
            "reference": np.repeat(counts["reference"].values[rows.ravel()], repeat),
        }
    )


def _codes(column: pd.Series[Any]) -> pd.Series[Any]:
    """Whole numbers where they are such (booleans too), text otherwise, missing where missing."""
    values = column.astype(object).where(column.notna(), None)
    try:
        known = values.dropna().astype(np.float64)
    except (TypeError, ValueError):
        return values
    if not (known == np.floor(known)).all():
        message = (
            f"stratified_area needs classes in {column.name!r}, got e.g. "
            f"{known[known != np.floor(known)].iloc[0]}; use whole numbers or names"
        )
        raise ValueError(message)
    return known.astype(np.int64).astype("Int64").reindex(values.index)


def _own_design(table: pd.DataFrame) -> pd.DataFrame:
    if lacking := [name for name in OWN_DESIGN if name not in table]:
        message = (
            f"the points do not carry their design (columns {lacking} are missing); pass design=, "
            "the area of each stratum, e.g. minewatch.estimates.class_area(map) of the very map "
            "that they were drawn from"
        )
        raise ValueError(message)
    areas = table.groupby("stratum").first()
    total = float(table["total_ha"].iloc[0])
    if not np.isclose(areas["stratum_ha"].sum(), total, rtol=1e-6):
        message = (
            f"the points come from strata {areas.index.tolist()} of {areas['stratum_ha'].sum():g} "
            f"ha, the sample was drawn from {total:g} ha: a stratum is missing; pass all points of "
            "the sample, those without a reference too"
        )
        raise ValueError(message)
    kept = {"stratum_ha": "area_ha", "stratum_pixels": "pixels"}
    return areas[[name for name in kept if name in areas]].rename(columns=kept)


def _given_design(design: Any) -> pd.DataFrame:
    areas = design
    if isinstance(design, Mapping):
        areas = pd.DataFrame({"area_ha": list(design.values())}, index=list(design))
    if not isinstance(areas, pd.DataFrame) or "area_ha" not in areas:
        message = (
            "design is the area of each stratum, got "
            f"{type(design).__name__}; pass {{stratum: hectares}} or "
            "minewatch.estimates.class_area(map)"
        )
        raise ValueError(message)
    if not (areas["area_ha"] > 0).all():
        message = (
            f"strata have areas above 0, got {areas['area_ha'].tolist()}; leave out empty ones"
        )
        raise ValueError(message)
    return areas.set_axis(pd.Index(_codes(pd.Series(areas.index, name="design")).tolist()))


def sample_of(table: pd.DataFrame, areas: pd.DataFrame) -> Sample:
    """The sample that labelled points of known strata make.

    Raises
    ------
    ValueError
        If a stratum has too few points, or classes of map and reference differ altogether.
    """
    strata = areas.index.tolist()
    place = {stratum: at for at, stratum in enumerate(strata)}
    stratum = table["stratum"].map(place).to_numpy(np.int64)
    drawn = np.bincount(stratum, minlength=len(strata))
    finite = "pixels" in areas
    size = areas["pixels" if finite else "area_ha"].to_numpy(np.float64)
    few = drawn < (np.minimum(2, size) if finite else 2)
    if few.any():
        message = (
            f"stratified_area needs two labelled points in each stratum, got {drawn[few].tolist()} "
            f"in {[strata[at] for at in np.flatnonzero(few)]}; label more, or join strata"
        )
        raise ValueError(message)
    mapped, reference = (table[name].to_numpy(object) for name in ("map_class", "reference"))
    if not set(mapped) & set(reference):
        message = (
            f"the map knows the classes {sorted(set(mapped), key=str)}, the reference "
            f"{sorted(set(reference), key=str)}, none of them the same; use the codes of the map"
        )
        raise ValueError(message)
    own = "cell_ha" in table and finite
    cell = table["cell_ha"].to_numpy(np.float64) if own else np.ones(len(table))
    return Sample(stratum, mapped, reference, cell, size, finite)
