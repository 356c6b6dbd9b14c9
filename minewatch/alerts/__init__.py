"""What changed since the last look: ground that became active, and what speaks for it."""

from __future__ import annotations

from minewatch.alerts.new_ground import new_activity

__all__ = ["new_activity"]
