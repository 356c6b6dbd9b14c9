"""Networks: taught by torch, kept as ONNX, asked by onnxruntime.

torch is needed to teach one, onnxruntime to ask it, neither to import this room: what lacks is told
by the function that needs it.
"""

from __future__ import annotations

from minewatch.learn.networks.detector import Network
from minewatch.learn.networks.focal import focal_loss
from minewatch.learn.networks.frameworks import require_onnxruntime, require_torch
from minewatch.learn.networks.layers import patch_network
from minewatch.learn.networks.onnx_archives import load_archive, save_archive, session
from minewatch.learn.networks.training import fit_network

__all__ = [
    "patch_network",
    "focal_loss",
    "fit_network",
    "Network",
    "require_torch",
    "require_onnxruntime",
    "save_archive",
    "load_archive",
    "session",
]
