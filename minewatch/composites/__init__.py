"""Composites: one clean image from a season of clouded or speckled ones."""

from __future__ import annotations

from minewatch.composites.blocks import block_size
from minewatch.composites.series import composite, valid_count

__all__ = ["block_size", "composite", "valid_count"]
