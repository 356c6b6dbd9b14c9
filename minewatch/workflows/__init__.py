"""Whole runs: from a folder or a catalogue to maps, tables and a page that explains them."""

from __future__ import annotations

from minewatch.workflows.outputs import Notify, Result

__all__ = ["Notify", "Result"]
