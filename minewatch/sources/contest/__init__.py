"""The two data sets of the 2025 IEEE GRSS Data Fusion Contest, and how its baselines score.

Nothing is downloaded: whoever has the archives unpacks them and names the folder. Track 1 is land
cover from radar, learnt from labels that optical models gave (OpenEarthMap-SAR); track 2 is damage
to buildings, optical before and radar after (BRIGHT).

References
----------
Xia et al. (2025), OpenEarthMap-SAR: a benchmark synthetic aperture radar dataset for global
high-resolution land cover mapping. https://doi.org/10.48550/arXiv.2501.10891
Chen et al. (2025), BRIGHT: a globally distributed multimodal building damage assessment dataset
with very-high-resolution for all-weather disaster response, ESSD 17, 6217-6253.
https://doi.org/10.5194/essd-17-6217-2025
"""

from __future__ import annotations

from minewatch.sources.contest.class_tables import TRACK1_CLASSES, TRACK2_CLASSES
from minewatch.sources.contest.image_sets import open_track1, open_track2
from minewatch.sources.contest.scoring import evaluate

__all__ = ["open_track1", "open_track2", "evaluate", "TRACK1_CLASSES", "TRACK2_CLASSES"]
