"""The table that Climate TRACE publishes: its columns, and empty where nothing is known."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest

from minewatch.estimates import climate_trace_table, emissions, production

FIRST = [
    "source_id", "source_name", "source_type", "iso3_country", "sector", "subsector",
    "start_time", "end_time", "lat", "lon", "geometry_ref", "gas", "emissions_quantity",
    "temporal_granularity", "activity", "activity_units", "emissions_factor",
    "emissions_factor_units", "capacity", "capacity_units", "capacity_factor",
    "capacity_factor_units", "other1", "other1_def",
]  # fmt: skip


@pytest.fixture
def made() -> pd.DataFrame:
    areas = pd.DataFrame(
        {"mine": "pit", "year": [2020, 2021, 2022, 2023], "area_m2": [10.0, 12.0, 11.0, np.nan]}
    )
    reported = pd.DataFrame({"mine": "pit", "year": [2020, 2021], "production_t": [30.0, 48.0]})
    factors = pd.DataFrame(
        {"level": ["national"], "key": ["FIN"], "factor_tco2e_per_t": [0.5], "std": [0.1]}
    )
    return emissions(production(areas, reported), factors, country="FIN")


def test_columns_are_theirs_in_their_order(made):
    table = climate_trace_table(made)
    assert list(table.columns[: len(FIRST)]) == FIRST
    assert list(table.columns[40:44]) == [
        "other10", "other10_def", "created_date", "modified_date",
    ]  # fmt: skip
    assert [name for name in table if "confidence" in name or "uncertainty" in name] == list(
        table.columns[44:]
    )
    assert len(table.columns) == 50


def test_values_are_those_of_the_estimates(made):
    table = climate_trace_table(
        made, subsector="copper-mining", ore="copper ore", date="2026-01-31"
    )
    np.testing.assert_allclose(table.emissions_quantity, made.emissions_tco2e)
    np.testing.assert_allclose(table.activity, made.production_t)
    np.testing.assert_allclose(table.activity * table.emissions_factor, table.emissions_quantity)
    row = table.iloc[2]
    assert (row.start_time, row.end_time) == ("2022-01-01 00:00:00", "2022-12-31 00:00:00")
    assert (row.sector, row.subsector) == ("mineral-extraction", "copper-mining")
    assert row.emissions_factor_units == "t of co2e_100yr per t of copper ore"
    assert (row.iso3_country, row.temporal_granularity) == ("FIN", "annual")
    assert (row.other1, row.other2) == (11.0, "own ratio of 2 reported years")
    assert (row.confidence_activity, row.confidence_emissions_quantity) == ("medium", "low")
    assert row.uncertainty_emissions_quantity == pytest.approx(made.emissions_std[2])
    assert row.created_date == "2026-01-31"


def test_missing_is_empty_and_not_nought(made):
    text = climate_trace_table(made).to_csv(index=False)
    again = pd.read_csv(io.StringIO(text))
    assert np.isnan(again.emissions_quantity[3])
    assert np.isnan(again.activity[3])
    assert again.confidence_emissions_quantity.isna().tolist() == [False, False, False, True]
    for name in ("source_id", "lat", "capacity", "capacity_factor", "created_date"):
        assert again[name].isna().all()
    cells = [line.split(",") for line in text.splitlines()]
    assert cells[4][FIRST.index("emissions_quantity")] == ""
    # A mine that produced nothing emitted nothing, and that is a figure.
    idle = climate_trace_table(made.assign(production_t=0.0, emissions_tco2e=0.0))
    assert (idle.emissions_quantity == 0).all()


def test_what_is_known_of_a_mine_is_filled_in(made):
    sources = pd.DataFrame(
        {"mine": ["pit", "other"], "source_id": [4711, 1], "lat": [63.7, 0.0], "lon": [26.0, 0.0],
         "source_type": ["open pit", None], "iso3_country": [None, "SWE"]}
    )  # fmt: skip
    table = climate_trace_table(made, sources=sources)
    assert (table.source_id == 4711).all()
    assert (table.lat == 63.7).all()
    assert (table.source_type == "open pit").all()
    assert (table.iso3_country == "FIN").all()  # an empty cell takes nothing away
    unknown = climate_trace_table(made, sources=sources.iloc[1:])
    assert unknown.lat.isna().all()


def test_a_bare_table_will_do():
    bare = pd.DataFrame(
        {"mine": ["a"], "year": [2021], "production_t": [1.0], "emission_factor": [2.0],
         "emissions_tco2e": [2.0]}
    )  # fmt: skip
    table = climate_trace_table(bare, gas="co2")
    assert table.gas[0] == "co2"
    assert table.iso3_country.isna().all()
    assert table.confidence_activity.isna().all()


def test_errors_say_what_would_do(made):
    with pytest.raises(ValueError, match="co2, co2e_20yr, co2e_100yr"):
        climate_trace_table(made, gas="ch4")
    with pytest.raises(ValueError, match=r"\['emissions_tco2e'\] is missing"):
        climate_trace_table(made.drop(columns="emissions_tco2e"))
    with pytest.raises(ValueError, match=r"columns \['owner'\] that Climate TRACE does not"):
        climate_trace_table(made, sources=pd.DataFrame({"mine": ["pit"], "owner": ["me"]}))
    with pytest.raises(ValueError, match="twice"):
        climate_trace_table(made, sources=pd.DataFrame({"mine": ["pit", "pit"]}))
