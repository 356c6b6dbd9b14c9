"""
How many pairs does "stable" need?
==================================

A pixel that was quiet in five pairs of five may be stable, or may be worked every other month and
have been lucky. The temporal activity index (TAI) is a share of counted pairs, so the pairs decide
what it allows to say. This page shows how many are enough.
"""

# %%
# Every count there can be
# ------------------------
# A sheet of coherence with a pixel for each pair of counts: ``observed`` pairs from top to bottom,
# ``exceeded`` of them (with activity) from left to right. One call gives index, interval and class
# of all of them.

import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

import minewatch as mw

most = 60
dates = pd.date_range("2022-01-05", periods=most + 1, freq="12D")
coords = {"reference_time": ("pair", dates[:-1]), "secondary_time": ("pair", dates[1:])}
pair, observed, exceeded = np.ogrid[:most, : most + 1, : most + 1]
seen = (pair < observed) & (exceeded <= observed)
values = np.where(seen, np.where(pair < exceeded, 0.3, 0.9), np.nan)
coherence = xr.DataArray(values.astype("float32"), dims=("pair", "y", "x"), coords=coords)
ledger = xr.Dataset(
    {"stable_mean": ("pair", np.full(most, 0.9)), "keep": ("pair", np.full(most, True))}, coords
)
tai = mw.activity.tai(coherence, ledger, threshold=0.2, min_count=3).rename(
    y="of_pairs", x="with_activity"
)

# %%
# The two clear cases
# -------------------
# Never active, or always. The interval is exact (Clopper and Pearson), 95 %: of 100 pixels whose
# true share lies outside it, at most five would have given such a count.

n = np.arange(3, most + 1)
never = tai.upper.sel(with_activity=0, of_pairs=slice(3, None)).values
always = tai.lower.values[n, n]
first_stable, first_active = n[never <= 0.3][0], n[always >= 0.5][0]
print(f"stable takes {first_stable} quiet pairs, active takes {first_active} busy ones")

figure = Figure(figsize=(7.5, 3.8), layout="constrained")
axes = figure.add_subplot()
blue, red = "#3b6ea5", "#d1495b"
axes.fill_between(n, 0, never, color=blue, alpha=0.18, linewidth=0)
axes.fill_between(n, always, 1, color=red, alpha=0.18, linewidth=0)
axes.plot(n, never, color=blue)
axes.plot(n, always, color=red)
axes.axhline(0.3, color=blue, linestyle=":", linewidth=1)
axes.axhline(0.5, color=red, linestyle=":", linewidth=1)
axes.plot(first_stable, never[first_stable - 3], "o", color=blue)
axes.plot(first_active, always[first_active - 3], "o", color=red)
axes.annotate(
    f"stable from {first_stable} pairs", (first_stable, 0.3), (16, 0.36), color=blue,
    arrowprops={"arrowstyle": "-", "color": blue},
)  # fmt: skip
axes.annotate(
    f"active from {first_active} pairs", (first_active, 0.54), (10, 0.64), color=red,
    arrowprops={"arrowstyle": "-", "color": red},
)  # fmt: skip
axes.text(most, 0.97, "always active", ha="right", va="center", color=red, fontsize=9)
axes.text(most, 0.03, "never active", ha="right", va="center", color=blue, fontsize=9)
axes.set(xlim=(3, most), ylim=(0, 1), xlabel="pairs", ylabel="share of time active, 95 % interval")
axes.spines[["top", "right"]].set_visible(False)

# %%
# Twelve-day repeats give eleven pairs in four and a half months. Half a year of Sentinel-1 can say
# "stable"; two months cannot.
#
# Everything between
# ------------------
# A wedge of doubt: it narrows with the number of pairs, and never closes around shares between
# 0.3 and 0.5, which are neither one nor the other.

colours = {0: "#f0deb4", 1: blue, 2: red}
figure = Figure(figsize=(7.5, 4.2), layout="constrained")
axes = figure.add_subplot()
for code, name in ((1, "stable"), (0, "undecided"), (2, "active")):
    row, column = np.nonzero(tai.activity.values == code)
    axes.scatter(row, column / row, s=7, color=colours[code], label=name, linewidths=0)
axes.set(xlim=(2, most + 1), xlabel="pairs", ylabel="share of pairs with activity (TAI)")
axes.legend(ncols=3, frameon=False, loc="lower left", bbox_to_anchor=(0, 1), markerscale=2)
axes.spines[["top", "right"]].set_visible(False)

# %%
# What it means for a map
# -----------------------
# Ground of four kinds, by how often it is worked, seen by coherence of 18 looks. The more pairs,
# the more of it is decided. Ground that is worked in one of five pairs takes far longer to be
# called stable than ground that is never touched, and ground worked in two of five stays undecided.
#
# One caution: consecutive pairs share an image, and a machine that digs today digs tomorrow. The
# pairs are not quite independent, so the true interval is somewhat wider than this one.

rng = np.random.default_rng(0)
kinds = {"never": 0.0, "1 of 5 pairs": 0.2, "2 of 5": 0.4, "4 of 5": 0.8}
share = np.array(list(kinds.values()))[:, None] * np.ones(500)
worked = rng.random((most, *share.shape)) < share
true = mw.simulate.decorrelation(
    12.0, initial=0.93, time_constant=400.0, active=worked.astype(float)
)
sheet = xr.DataArray(true, dims=("pair", "y", "x"), coords=coords)
cube = mw.simulate.coherence_cube(sheet, looks=18, seed=rng)

decided = {}
for count in range(4, most + 1, 4):
    part = cube.isel(pair=slice(count))
    few = mw.activity.tai(part, ledger, threshold=0.13)
    decided[count] = (few.activity != 0).mean("x").values
decided = pd.DataFrame(decided, index=list(kinds)).T

figure = Figure(figsize=(7.5, 3.8), layout="constrained")
axes = figure.add_subplot()
for name, hue in zip(kinds, (blue, "#56b4e9", "#8a8a8a", red), strict=True):
    axes.plot(decided.index, decided[name], "o-", color=hue, label=name, markersize=4)
axes.set(xlim=(3, most + 1), ylim=(-0.02, 1.02), xlabel="pairs", ylabel="share of pixels decided")
axes.legend(title="ground worked in", frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
axes.spines[["top", "right"]].set_visible(False)
