"""Square patches of radar scenes, and detectors that say whether one shows a mine.

After Lemes Neto et al. (2025): patches of 104 × 104 pixels of VV, VH and their "polarization
average" in dB. Patches of one place at several dates are nearly copies of each other: they are
split by place, never patch by patch.
"""

from __future__ import annotations

from minewatch.learn.networks.detector import Network
from minewatch.learn.networks.training import fit_network
from minewatch.learn.patches.detector_files import load_detector, save_detector
from minewatch.learn.patches.extraction import extract
from minewatch.learn.patches.radar_channels import channels
from minewatch.learn.patches.scanning import scan
from minewatch.learn.patches.splitting import split
from minewatch.learn.patches.texture_detector import TextureDetector, fit_textures
from minewatch.learn.turns import augment, turned

__all__ = [
    "channels",
    "extract",
    "split",
    "augment",
    "turned",
    "fit_network",
    "Network",
    "fit_textures",
    "TextureDetector",
    "save_detector",
    "load_detector",
    "scan",
]
