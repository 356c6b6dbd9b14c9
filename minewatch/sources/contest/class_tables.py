"""Codes of the labels of both tracks."""

from __future__ import annotations

__all__ = ["TRACK1_CLASSES", "TRACK2_CLASSES"]

TRACK1_CLASSES = {
    "background": 0,
    "bareland": 1,
    "grass": 2,
    "pavement": 3,
    "road": 4,
    "tree": 5,
    "water": 6,
    "cropland": 7,
    "building": 8,
}
"""Land cover of track 1; 0 is no class but where there is no label: teach with ``ignore=0``."""

TRACK2_CLASSES = {"background": 0, "intact": 1, "damaged": 2, "destroyed": 3}
"""Buildings of track 2; the background is a class and counts."""
