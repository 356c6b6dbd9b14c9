"""What became another kind of ground between two dates, from two maps of probabilities.

The two maps may come from different sensors: an optical map of a clear day before, a radar map of a
cloudy one after. What either is unsure of then stays a small probability of change, where two maps
of likeliest classes would differ or agree outright.
"""

from __future__ import annotations

from minewatch.changes.error_rates import false_change_rate
from minewatch.changes.transitions import class_change, transition

__all__ = ["class_change", "transition", "false_change_rate"]
