"""From simulated images to tonnes: areas, the missing year and emissions against the truth."""

from __future__ import annotations

import numpy as np
import pytest

from minewatch import activity, insar, simulate, vectors
from minewatch.estimates import emissions, production

YEARS = (2020, 2021, 2022)


def test_three_years_of_a_pit():
    pit = simulate.open_pit(years=YEARS)
    pairs = insar.select_pairs(pit.slc, max_temporal_baseline=30)
    coherence = insar.coherence(pit.slc, pairs, window=(3, 10)).compute()
    ledger = activity.screen_pairs(coherence, activity.stable_pixels(coherence))
    threshold = activity.ndai_threshold(activity.mean_ndai(coherence, ledger))
    zones = vectors.rasterize(pit.zones, like=coherence)
    annual = activity.mean_ndai(coherence, ledger, by="year").where(zones)
    colours = activity.activity_colours(annual, years=YEARS, threshold=threshold)
    counts = activity.colour_counts(colours)
    truth = pit.production.set_index("year")
    # A window of 3 x 10 pixels blurs the rims of patches of 1 to 5 ha.
    np.testing.assert_allclose(counts.year_area, truth.area_m2, rtol=0.04)

    areas = counts.year_area.to_dataframe(name="area_m2").reset_index()
    areas = areas[["year", "area_m2"]].assign(mine=truth.mine.iloc[0])
    reported = pit.production[pit.production.reported][["mine", "year", "production_t"]]
    made = production(areas, reported)
    row = made.set_index("year").loc[2021]
    true = truth.production_t[2021]
    # Production scatters by 5 % about 3.3 t/m2 in each of the three years.
    assert row.production_t == pytest.approx(true, rel=0.15)
    assert row.production_lower_t < true < row.production_upper_t
    assert row.t_per_m2 == pytest.approx(3.3, rel=0.1)
    table = emissions(made, pit.factors, country="FIN")
    assert (table.factor_level == "asset").all()
    factor = pit.factors.factor_tco2e_per_t[0]
    np.testing.assert_allclose(table.emissions_tco2e, made.production_t * factor)
