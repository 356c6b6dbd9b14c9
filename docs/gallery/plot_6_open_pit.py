"""
An open pit through five seasons
================================

The products of Kavats, Khramov and Sergieieva (2025), one after the other, on a simulated mine whose
truth is known: a pit, a dump and a quarry in the boreal forest, 48 images of five snow-free seasons,
43 pairs. At the end all of them are one command.
"""

# %%
# The site
# --------
# A1 is the pit, worked without a break. A2 is a dump and A3 a quarry, each in three parts with
# calendars of their own. S1, tailings, and S2, bare rock, are stable; in the last season vehicles
# cross them once or twice. Lines are the zones.

import numpy as np
import pandas as pd

import minewatch as mw

pit = mw.simulate.open_pit(seed=42)
figure = mw.plots.map_figure(pit.ground, outlines=pit.zones)

# %%
# Stable ground
# -------------
# Consecutive pairs from May to September, coherence in the paper's window of 3 rows × 10 columns;
# ``persist`` keeps it, as everything below reads it. Stable pixels have a mean above 0.8 and a
# standard deviation below 0.2: bare rock, tailings, and the quarry's parts in their quiet years.
# Forest, lake and the pit itself stay dark.

slc = pit.slc.chunk(time=1)
pairs = mw.insar.select_pairs(slc, max_temporal_baseline=36, months=range(5, 10))
coherence = mw.insar.coherence(slc, pairs, window=(3, 10)).persist()
stable = mw.activity.stable_pixels(coherence).persist()
figure = mw.plots.stable_figure(stable, coherence.mean("pair"), outlines=pit.zones)

# %%
# The ledger
# ----------
# A pair is worth what it leaves of stable ground: at least 0.8, or it goes. Four pairs go, and they
# are the four in which the simulation had it rain. Five pairs take 24 days, since each season lacks
# one image.

ledger = mw.activity.screen_pairs(coherence, stable)
figure = mw.plots.ledger_figure(ledger)
spoilt = pit.weather_dropped.values
print(f"dropped {int((~ledger.keep).sum())} of {len(spoilt)} pairs, spoilt {spoilt.sum()}")
print("the same pairs:", bool((~ledger.keep.values == spoilt).all()))

# %%
# Does the baseline still show?
# -----------------------------
# A longer baseline costs coherence, and the kept pairs say so. NDAI is a ratio to stable ground of
# the same pair, so that there the effect should be gone: the mean NDAI of stable ground hardly
# depends on the baseline.

kept = ledger.isel(pair=ledger.keep.values)
line = mw.activity.baseline_regression(kept)
figure = mw.plots.regression_figure(ledger, line)

index = mw.activity.ndai(coherence, ledger.stable_mean).where(stable).mean(("y", "x"))
checked = ledger.assign(stable_ndai=("pair", index.values)).isel(pair=ledger.keep.values)
by_index = mw.activity.baseline_regression(checked, variable="stable_ndai")
for name, fit in (("all pairs", mw.activity.baseline_regression(ledger)), ("kept", line)):
    print(f"coherence, {name}: r {float(fit.r):.2f}, p {float(fit.p):.2g}, n {int(fit.n)}")
print(f"NDAI, kept: r {float(by_index.r):.2f}, p {float(by_index.p):.2g}")

# %%
# Mean NDAI and where activity begins
# -----------------------------------
# NDAI averaged over the kept pairs has two heaps: ground like the stable one near 0, and on the
# right forest and lake, which have no coherence to lose, with the pit. The threshold lies in the
# valley. The dump and the quarry, worked now and then, lie between.

mean_ndai = mw.activity.mean_ndai(coherence, ledger).persist()
threshold = mw.activity.ndai_threshold(mean_ndai)
figure = mw.plots.mean_ndai_figure(mean_ndai, threshold, outlines=pit.zones)
histogram = mw.plots.threshold_figure(threshold, mean_ndai)

# %%
# What looks like a mine and is none
# ----------------------------------
# Forest (NDVI) and lake (MNDWI) lose coherence without anyone's doing, and a steep pit wall is seen
# folded. Each pixel is left out for one reason, and the areas add up.

exclusion = mw.masks.exclusion(
    vegetation=mw.masks.vegetation(pit.ndvi),
    water=mw.masks.water(pit.mndwi),
    geometry=mw.masks.radar_geometry(pit.elevation, incidence=39, look_azimuth=78),
)
figure = mw.plots.exclusions_figure(exclusion, outlines=pit.zones)
mw.activity.excluded_areas(exclusion).set_index(reason="name").to_dataframe().round(3)

# %%
# TAI of each season, and of all
# ------------------------------
# The share of pairs above the threshold. The pit is red in every season; a part of the quarry
# lights up in 2020, another in 2021, the third in 2022; the dump moves from its ends to its middle.
# The index of all seasons pools the pairs, and so pales what was worked in one year of five.

settings = {"threshold": threshold, "rule": "paper", "mask": exclusion > 0}
seasons = mw.activity.tai(coherence, ledger, by="year", **settings).compute()
tai = mw.activity.tai(coherence, ledger, **settings).compute()
figure = mw.plots.seasons_figure(seasons, tai, outlines=pit.zones)

# %%
# Held against the truth, zone by zone: mean TAI, and the share of the kept pairs in which the
# ground was really worked. The windows that straddle an edge make the difference on A1 to A3. On
# the stable zones work was light, a third of the scatterers once or twice, and most of it stays
# below the threshold.

worked = np.append(0, pit.patch_active.values[ledger.keep.values].mean(axis=0))
truth = pit.patch.copy(data=worked[pit.patch.values])
inside = {
    name: mw.vectors.rasterize(pit.zones[pit.zones.name == name], like=truth)
    for name in pit.zones.name
}
pd.DataFrame(
    {
        "TAI": {name: float(tai.tai.where(zone).mean()) for name, zone in inside.items()},
        "worked": {name: float(truth.where(zone).mean()) for name, zone in inside.items()},
    }
).round(3)

# %%
# Year by year, TAI and in brackets the truth:

pd.DataFrame(
    {
        name: [
            f"{found:.2f} ({true:.2f})"
            for found, true in zip(
                seasons.tai.where(zone).mean(("y", "x")).values,
                pit.annual_activity_share.where(zone).mean(("y", "x")).values,
                strict=True,
            )
        ]
        for name, zone in inside.items()
    },
    index=seasons.year.values,
)

# %%
# Activity and stability
# ----------------------
# The paper's two areas: TAI of at least one half, and TAI of exactly 0. Between lie the quarry and
# parts of the dump. With 39 pairs a single false alarm takes a pixel out of the stability area;
# that is why stable ground is a field of many small holes.

figure = mw.plots.contours_figure(tai, mean_ndai, pit.zones)

# %%
# The same as hectares, with what the interval of TAI leaves open, the share outside the concession
# and the dates between which a tenth of the zone was active:

table = mw.activity.zone_table(
    tai, pit.zones, coherence=coherence, ledger=ledger, concessions=pit.concession
)
columns = ["area_ha", "active_ha", "active_ha_lower", "active_ha_upper", "stable_ha"]
columns += ["outside_concession_share", "first_active_pair", "last_active_pair"]
table.set_index("name")[columns].round(2).T

# %%
# Zones over time
# ---------------
# The greatest NDAI of each zone, its 95 % quantile and its median, pair by pair, and the box plots
# of the greatest. A1 never rests. The quarry's greatest is high in every season, since some part of
# it is nearly always worked, while its median is low: the two together tell a zone worked in parts.
# S1 and S2 stay below the threshold but for the pairs in which vehicles crossed.

series = mw.activity.zone_series(coherence, ledger, pit.zones).compute()
figure = mw.plots.zone_series_figure(series, threshold=float(threshold))
boxes = mw.plots.box_figure(mw.activity.box_statistics(series["max"]), threshold=float(threshold))

crossed = pit.active.sel(zone=["S1", "S2"]).any("zone")
days = crossed.secondary_time.values[crossed.values].astype("datetime64[D]")
print("vehicles on S1 or S2 in the pairs of", *days)

# %%
# Against elevation
# -----------------
# Two surface models, of 6 June and 6 September 2022, and the index of the pairs between them. What
# was dug or dumped is where TAI is high; that the second model lies 0.3 m too high is found on
# stable ground and taken out.

dates = ("2022-06-06", "2022-09-06")
summer = mw.activity.tai(mw.activity.pairs_between(coherence, *dates), ledger, **settings)
compared = mw.activity.compare_elevation(summer, pit.dsm_before, pit.dsm_after, stable=stable)
figure = mw.plots.elevation_figure(compared, summer.compute(), outlines=pit.zones)
for name in ("spearman", "auc", "level_of_detection", "bias", "active_precision", "active_recall"):
    print(f"{name}: {compared.attrs[name]:.2f}")

# %%
# The same as one command
# -----------------------
# ``minewatch simulate`` writes this mine as files; with your own, leave that line out. The report
# shows every figure of this page.
#
# .. code-block:: sh
#
#    minewatch simulate pit --kind open-pit
#    minewatch activity pit/slc --preset kavats --output pit/activity \
#        --zones pit/zones.geojson --concessions pit/concession.geojson \
#        --ndvi pit/ndvi.tif --mndwi pit/mndwi.tif \
#        --elevation pit/elevation.tif --look-azimuth 78 \
#        --dsm-before pit/dsm_before.tif --dsm-after pit/dsm_after.tif \
#        --dsm-dates 2022-06-01 2022-09-30
