"""The door: parse, call, say where the results are."""

from __future__ import annotations

from minewatch.cli.commands import main

__all__ = ["main"]
