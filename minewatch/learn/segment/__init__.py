"""A class for every pixel from what surrounds it: a small U-Net on radar scenes.

torch teaches the network, onnxruntime asks it; neither is needed to import this room or to cut
chips. It learns from labels that are often wrong, as those that an optical map gives.
"""

from __future__ import annotations

from minewatch.learn.segment.chip_sets import chips
from minewatch.learn.segment.scenes import predict_segments
from minewatch.learn.segment.segmenter_files import load_segmenter, save_segmenter
from minewatch.learn.segment.segmenters import Segmenter
from minewatch.learn.segment.training import fit_unet

__all__ = [
    "chips",
    "fit_unet",
    "Segmenter",
    "predict_segments",
    "save_segmenter",
    "load_segmenter",
]
