"""Masks: which pixels of an image are worth reading, and why the others are not.

Quality masks are bool, and missing quality is not clear; put them on with ``image.where(mask)``.
Clouds, their shadows and dark outliers in time, where there is no quality band or it is not
trusted, are uint8 classes with 255 where nothing is known: ``image.where(cloud == 0)``.
What looks like a mine and is none (plants, water), and what the radar cannot see (shadow, layover),
are uint8 classes with 255 where nothing is known; :func:`exclusion` joins them into one layer of
reasons, and ``exclusion > 0`` is what :func:`minewatch.activity.tai` leaves out.
"""

from __future__ import annotations

from minewatch.masks.clouds import cloud, cloud_score
from minewatch.masks.cover import low_backscatter, vegetation, water
from minewatch.masks.growth import grow
from minewatch.masks.outliers import temporal_dark_outliers
from minewatch.masks.quality import landsat_clear, palsar_clear, sentinel2_clear
from minewatch.masks.reasons import exclusion
from minewatch.masks.relief import radar_geometry
from minewatch.masks.shadows import cloud_shadow

__all__ = [
    "landsat_clear",
    "sentinel2_clear",
    "palsar_clear",
    "cloud_score",
    "cloud",
    "cloud_shadow",
    "temporal_dark_outliers",
    "grow",
    "vegetation",
    "water",
    "low_backscatter",
    "radar_geometry",
    "exclusion",
]
