"""Emissions in the columns in which Climate TRACE publishes those of a source.

The names and their order are those of its data schema, version 5.0.0 (November 2025),
https://github.com/climatetracecoalition/methodology-documents, 2025/README, with
``emissions_factor_units``, which its files have and the head of the schema leaves out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from minewatch.estimates.tables import numbers, unique_rows, whole_years, with_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["climate_trace_table"]

OTHERS = [f"other{i}{end}" for i in range(1, 11) for end in ("", "_def")]
COLUMNS = [
    "source_id", "source_name", "source_type", "iso3_country", "sector", "subsector",
    "start_time", "end_time", "lat", "lon", "geometry_ref", "gas", "emissions_quantity",
    "temporal_granularity", "activity", "activity_units", "emissions_factor",
    "emissions_factor_units", "capacity", "capacity_units", "capacity_factor",
    "capacity_factor_units", *OTHERS, "created_date", "modified_date",
]  # fmt: skip

OURS = {
    "confidence_activity": "activity_confidence",
    "confidence_emissions_factor": "factor_confidence",
    "confidence_emissions_quantity": "confidence",
    "uncertainty_activity": "production_std_t",
    "uncertainty_emissions_factor": "emission_factor_std",
    "uncertainty_emissions_quantity": "emissions_std",
}
"""Columns of minewatch behind theirs, and where they come from."""

GASES = ("co2", "co2e_20yr", "co2e_100yr")


def climate_trace_table(
    emissions: pd.DataFrame,
    *,
    sources: pd.DataFrame | None = None,
    subsector: str = "iron-mining",
    ore: str = "iron ore",
    gas: str = "co2e_100yr",
    date: str | None = None,
) -> pd.DataFrame:
    """Rows as in Climate TRACE's files of emission sources, one for each mine and year.

    What is not known stays empty: there, 0 means that nothing was emitted, an empty cell that there
    is no figure yet. ``to_csv(path, index=False)`` writes it so.

    Parameters
    ----------
    emissions : pandas.DataFrame
        From :func:`minewatch.estimates.emissions`.
    sources : pandas.DataFrame, optional
        ``mine`` and what is known of it, in columns of Climate TRACE: ``source_id``,
        ``source_name``, ``source_type`` (e.g. open pit), ``iso3_country``, ``lat``, ``lon``,
        ``geometry_ref``, ``capacity``, ``capacity_units`` … One row a mine.
    subsector : str
        Theirs, of the sector mineral-extraction: ``"iron-mining"``, ``"copper-mining"``,
        ``"bauxite-mining"``, ``"rock-quarrying"``, ``"sand-quarrying"``.
    ore : str
        What the tonnes are of, for the units.
    gas : {"co2e_100yr", "co2e_20yr", "co2"}
        What the factors were of. Of fuel burnt, CO2 alone is counted and the three are one.
    date : str, optional
        Day on which the rows were made, ISO 8601.

    Returns
    -------
    pandas.DataFrame
        Their columns in their order. ``activity`` is tonnes of ore; ``other1`` the active area in
        m², ``other2`` how the activity was found. Behind them, since theirs are in a file of their
        own: ``confidence_activity``, ``confidence_emissions_factor``,
        ``confidence_emissions_quantity`` (``"very low"`` to ``"very high"``) and
        ``uncertainty_…`` of the three (standard deviations, in the units of the value).

    Raises
    ------
    ValueError
        If a column is missing, `sources` has one that is not theirs, or `gas` is unknown.

    References
    ----------
    Climate TRACE, data schema v5.0.0 (2025), https://climatetrace.org/data

    Examples
    --------
    >>> made = pd.DataFrame(
    ...     {
    ...         "mine": ["pit"],
    ...         "year": [2021],
    ...         "production_t": [10.0],
    ...         "emission_factor": [3.0],
    ...         "emissions_tco2e": [30.0],
    ...     }
    ... )
    >>> table = climate_trace_table(made, ore="iron ore")
    >>> table[["source_name", "start_time", "gas", "emissions_quantity"]]
      source_name           start_time         gas  emissions_quantity
    0         pit  2021-01-01 00:00:00  co2e_100yr                30.0
    >>> table.emissions_factor_units[0], bool(table.capacity.isna()[0])
    ('t of co2e_100yr per t of iron ore', True)
    """
    if gas not in GASES:
        message = f"climate_trace_table knows the gases {', '.join(GASES)}, got gas={gas!r}"
        raise ValueError(message)
    needed = ["mine", "year", "production_t", "emission_factor", "emissions_tco2e"]
    table = with_columns(emissions, needed, by="climate_trace_table")
    year = whole_years(table, by="climate_trace_table").astype(str)
    area = numbers(table, "area_m2", by="climate_trace_table")
    source = table["source"] if "source" in table else pd.Series(None, table.index, dtype="object")
    country = table.get("country", None)
    columns: dict[str, object] = {
        **dict.fromkeys(COLUMNS),
        "source_name": table["mine"],
        "iso3_country": country,
        "sector": "mineral-extraction",
        "subsector": subsector,
        "start_time": year + "-01-01 00:00:00",
        "end_time": year + "-12-31 00:00:00",
        "gas": gas,
        "emissions_quantity": table["emissions_tco2e"],
        "temporal_granularity": "annual",
        "activity": table["production_t"],
        "activity_units": f"t of {ore}",
        "emissions_factor": table["emission_factor"],
        "emissions_factor_units": f"t of {gas} per t of {ore}",
        "other1": area,
        "other1_def": "area of surface activity from radar coherence, m2",
        "other2": source,
        "other2_def": "how the activity was found",
        "created_date": date,
        "modified_date": date,
    }
    for name in ("lat", "lon", "capacity", "capacity_factor"):
        columns[name] = np.nan
    result = pd.DataFrame(columns, index=table.index)
    for name, origin in OURS.items():
        if name.startswith("confidence"):
            level = table[origin] if origin in table else pd.Series("", table.index)
            result[name] = level.str.replace("_", " ").replace("", None)
        else:
            result[name] = numbers(table, origin, by="climate_trace_table")
    return result if sources is None else _described(result, table["mine"], sources)


def _described(result: pd.DataFrame, mines: pd.Series[str], sources: pd.DataFrame) -> pd.DataFrame:
    """Fill in what the user knows of each mine."""
    known = with_columns(sources, ["mine"], by="climate_trace_table (sources)")
    unique_rows(known, ["mine"], by="climate_trace_table (sources)")
    if foreign := _foreign(list(known.columns)):
        message = (
            f"climate_trace_table (sources) has columns {foreign} that Climate TRACE does not; "
            f"theirs are {COLUMNS[:11]} and capacity, capacity_units, …"
        )
        raise ValueError(message)
    rows = known.set_index("mine").reindex(mines)
    for name in rows.columns:
        given = pd.Series(rows[name].to_numpy(), index=result.index)
        result[name] = given.where(given.notna(), result[name])
    return result


def _foreign(columns: Sequence[str]) -> list[str]:
    return [name for name in columns if name not in {"mine", *COLUMNS}]
