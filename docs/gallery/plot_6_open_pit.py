"""
An open pit through five seasons
================================

The products of Kavats, Khramov and Sergieieva (2025), doi:10.1144/gslspecpub2023-216, one after the
other, on a simulated mine whose truth is known: a pit, a dump and a quarry in the boreal forest, 48
images of five snow-free seasons, 43 pairs. At the end all of them are one command.
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
colours = "#b9a88a #4d7c4d #6fa8dc #8c3b2a #c98b4e #e0c060 #a9a9a9"
figure = mw.plots.map_figure(pit.ground.assign_attrs(flag_colors=colours), outlines=pit.zones)

# %%
# Stable ground
# -------------
# Consecutive pairs from May to September, coherence in the paper's window of 3 rows × 10 columns;
# ``persist`` keeps it, as everything below reads it. Stable pixels have a mean above 0.8 and a
# standard deviation below 0.2: bare rock and tailings. Forest, lake, pit and dump are dark; the
# quarry, each part worked in one year of five, is not steady enough.

slc = pit.slc.chunk(time=1)
pairs = mw.insar.select_pairs(slc, max_temporal_baseline=36, months=range(5, 10))
coherence = mw.insar.coherence(slc, pairs, window=(3, 10)).persist()
stable = mw.activity.stable_pixels(coherence).persist()
figure = mw.plots.stable_figure(stable, coherence.mean("pair"), outlines=pit.zones)

# %%
# The ledger
# ----------
# A pair is kept if its mean coherence over stable ground is at least 0.8. Four are not, and they
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
# A longer baseline costs coherence, and the kept pairs say so; among all 43 the weather hides most
# of it. NDAI compares with stable ground of the same pair, so that there the effect should be gone:
# per 100 m, the mean NDAI of stable ground changes a hundred times less.

kept = ledger.isel(pair=ledger.keep.values)
line = mw.activity.baseline_regression(kept)
figure = mw.plots.regression_figure(ledger, line)

index = mw.activity.ndai(coherence, ledger.stable_mean).where(stable).mean(("y", "x"))
checked = ledger.assign(stable_ndai=("pair", index.values)).isel(pair=ledger.keep.values)
by_index = mw.activity.baseline_regression(checked, variable="stable_ndai")
for name, fit in (("all pairs", mw.activity.baseline_regression(ledger)), ("kept", line)):
    print(f"coherence, {name} ({int(fit.n)}): r {float(fit.r):.2f}, p {float(fit.p):.2g}")
print(f"per 100 m: coherence {100 * float(line.slope):.4f}, NDAI {100 * float(by_index.slope):.4f}")

# %%
# Mean NDAI and where activity begins
# -----------------------------------
# NDAI averaged over the kept pairs has two heaps: stable ground near 0, and on the right forest,
# lake and pit, which keep no coherence. The threshold lies in the valley between, and the ground
# that is worked now and then on either side of it: the quarry at 0.12, the dump at 0.35.

mean_ndai = mw.activity.mean_ndai(coherence, ledger).persist()
threshold = mw.activity.ndai_threshold(mean_ndai)
figure = mw.plots.mean_ndai_figure(mean_ndai, threshold, outlines=pit.zones)
histogram = mw.plots.threshold_figure(threshold, mean_ndai)

# %%
# What looks like a mine and is none
# ----------------------------------
# Forest (NDVI) and lake (MNDWI) lose coherence without anyone's doing, and part of the pit's wall
# lies over itself in the image (layover). Each pixel is left out for one reason, and the areas add
# up. The rim of the forest stays: windows there see trees, though the pixel is rock.

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
# The share of pairs above the threshold. The pit is red in every season, two parts of three of the
# dump, and of the quarry the west in 2020, the middle in 2021, the east in 2022. The index of all
# seasons pools the pairs, and so pales what was worked in one year of five.

settings = {"threshold": threshold, "rule": "paper", "mask": exclusion > 0}
seasons = mw.activity.tai(coherence, ledger, by="year", **settings).compute()
tai = mw.activity.tai(coherence, ledger, **settings).compute()
figure = mw.plots.seasons_figure(seasons, tai, outlines=pit.zones)

# %%
# Held against the truth, zone by zone: mean TAI, and the share of the kept pairs in which the
# ground was really worked. Windows that straddle an edge make the small difference on A1 to A3. On
# the stable zones vehicles moved a third of the scatterers, once or twice; that brings NDAI near
# the threshold, and a fifth of it is seen.

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
# Year by year, TAI and in brackets the truth, which counts the four spoilt pairs as well:

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
# The paper's two areas over mean NDAI: TAI of at least one half, pit and dump, and TAI of exactly
# 0, rock. Neither is the quarry, worked a fifth of the time. S1 and S2 have holes where vehicles
# lifted NDAI over the threshold: one pair of 39 takes a pixel out of the stability area.

figure = mw.plots.contours_figure(tai, backdrop=mean_ndai, outlines=pit.zones)

# %%
# The same as hectares, with what the interval of TAI leaves open: whether the dump was active in
# more than half of the time, 39 pairs cannot say for most of it. Then the share outside the
# concession, and the dates between which at least a tenth of the zone was active.

table = mw.activity.zone_table(
    tai, pit.zones, coherence=coherence, ledger=ledger, concessions=pit.concession
)
columns = ["area_ha", "active_ha", "active_ha_lower", "active_ha_upper", "stable_ha"]
columns += ["outside_concession_share", "first_active_pair", "last_active_pair"]
table.set_index("name")[columns].round(2).T

# %%
# Zones over time
# ---------------
# The greatest NDAI of each zone, its 95 % quantile and its median, pair by pair, and box plots of
# the greatest. A1 never rests. In A3 the median is low throughout, the quantile high from 2020: a
# zone worked in parts. S1 and S2 rise when vehicles cross them.
#
# The greatest of thousands of pixels is easily led astray. In 2019 nobody worked in A3, but windows
# at its rim reach into the forest; on 4 September 2022 nobody drove on S1, but two pixels of 2,606
# exceed the threshold. The quantile knows neither.

series = mw.activity.zone_series(coherence, ledger, pit.zones).compute()
figure = mw.plots.zone_series_figure(series, threshold=float(threshold))
boxes = mw.plots.box_figure(mw.activity.box_statistics(series["max"]), threshold=float(threshold))

crossed = pit.active.sel(zone=["S1", "S2"]).any("zone")
days = crossed.secondary_time.values[crossed.values].astype("datetime64[D]")
print("vehicles on S1 or S2 in the pairs that end on", *days)

# %%
# Against elevation
# -----------------
# Two surface models, of 6 June and 6 September 2022, and the index of the pairs between them. TAI
# is high where the ground was lowered: metres in pit, dump and quarry. That the second model lies
# 0.3 m too high is found on stable ground and taken out. TAI above 0 up to 0.25 is mostly ground
# worked in one pair of seven, lowered by less than half a metre, below the level of detection; TAI
# between that and one half is mostly rim.

dates = ("2022-06-06", "2022-09-06")
summer = mw.activity.tai(mw.activity.pairs_between(coherence, *dates), ledger, **settings)
compared = mw.activity.compare_elevation(summer, pit.dsm_before, pit.dsm_after, stable=stable)
figure = mw.plots.elevation_figure(compared, tai=summer.compute(), outlines=pit.zones)
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
