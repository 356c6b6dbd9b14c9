"""
From an SLC stack to activity
=============================

Twelve lines turn fourteen radar images of one site into a map of where a mine was active, where it
stood still, and where the images are too few to tell. Here they are one by one, with a look at what
each of them made.
"""

# %%
# The images
# ----------
# A simulated radar site: bare rock, forest, a river, a pit that is worked all the time and a dump
# that is worked now and then. ``slc`` holds one complex number a pixel and date. With real data it
# is ``slc = mw.sources.slc.open_stack("cslc/*.h5")``; nothing below changes.

import numpy as np

import minewatch as mw

world = mw.simulate.mine_world(seed=42, size=192)
slc = world.slc.chunk(time=1)
slc

# %%
# Mean brightness in decibels: forest is bright, the river black, and the grey patches are bare
# ground. Nothing here tells rock from a pit, or which of them is being worked.

brightness = mw.radar.to_db((abs(slc) ** 2).mean("time").assign_attrs(units="1"))
brightness = brightness.rename("brightness").assign_attrs(long_name="mean brightness", units="dB")
figure = mw.plots.map_figure(brightness, colours="gray")

# %%
# Pairs and coherence
# -------------------
# Each image is compared with the next, twelve days later. Coherence is measured in a window of
# 3 rows × 10 columns, some 18 independent looks: near 1 where the ground kept its speckle, never
# below about 0.2 where it lost it.
#
# In the first pair the pit (upper right) has vanished in the noise of the forest. The dump below it
# stood still that time, and is as bright as the rock to the left.

pairs = mw.insar.select_pairs(slc, max_temporal_baseline=12)
coherence = mw.insar.coherence(slc, pairs, window=(3, 10)).persist()
figure = mw.plots.map_figure(coherence.isel(pair=0), title="5 to 17 March 2022")

# %%
# Stable ground
# -------------
# Pixels whose coherence is high on average (above 0.8) and steady (standard deviation below 0.2)
# are the yardstick. Forest and water lose coherence by themselves and never qualify.

stable = mw.activity.stable_pixels(coherence)
figure = mw.plots.map_figure(stable)

# %%
# Pairs that can be trusted
# -------------------------
# Where even stable ground lost coherence, it rained. Such pairs would make the whole scene look
# active, so they are dropped, each with its reason.

ledger = mw.activity.screen_pairs(coherence, stable)
figure = mw.plots.ledger_figure(ledger)

# %%
# Where activity begins
# ---------------------
# NDAI compares each pixel with stable ground on the same dates: 0 is as coherent, 1 is no coherence
# at all. Averaged over the pairs it falls into two heaps, and the threshold lies in the valley
# between them.

mean_ndai = mw.activity.mean_ndai(coherence, ledger)
threshold = mw.activity.ndai_threshold(mean_ndai)
figure = mw.plots.threshold_figure(threshold, mean_ndai)

# %%
# How often active
# ----------------
# TAI is the share of the kept pairs in which a pixel's NDAI exceeds the threshold, with its exact
# 95 % interval. A pixel is *active* if even the lower end is at least one half, *stable* if even
# the upper end is at most 0.3, and *undecided* otherwise.

tai = mw.activity.tai(coherence, ledger, threshold=threshold)
areas = mw.activity.activity_areas(tai)
areas.to_dataframe().round(2)

# %%
# Forest and water changed too, but that is not mining, so they are masked. Here the summer's
# optical images do it, brought to the radar's grid.

optical = mw.composites.composite(
    world.sentinel2.where(mw.masks.sentinel2_clear(world.sentinel2.quality))
)
optical = mw.grids.resample(optical[["green", "red", "nir", "swir16"]], like=slc)
green = mw.masks.vegetation(mw.indices.ndvi(optical.red, optical.nir)) == 1
water = mw.masks.water(mw.indices.mndwi(optical.green, optical.swir16)) == 1
tai = mw.activity.tai(coherence, ledger, threshold=threshold, mask=green | water).compute()

# %%
# How good is it? The truth is known, so it can be asked. Medians, because the rim of a patch, one
# window wide, holds forest as well.

ground = mw.simulate.SLC_GROUND
for name in ("pit", "dump", "rock"):
    inside = tai.tai.where((world.slc_ground == ground[name]).values)
    print(f"{name}: TAI {float(inside.median()):.2f}")
kept = ledger.keep.values
print(f"the dump was worked in {np.mean(world.dump_active.values[kept]):.2f} of the kept pairs")

# %%
# The map, with the true outlines of pit and dump. The dump was worked in about a third of eleven
# pairs, and eleven pairs are too few to call that active or stable: it stays undecided.

outlines = mw.vectors.polygonize(
    world.slc_ground.isin([ground["pit"], ground["dump"]]).astype("uint8"), value=1
)
figure = mw.plots.activity_figure(tai, outlines=outlines)
