"""From active ground to ore and to emissions, with what is known of their errors.

Square metres of activity (:func:`minewatch.activity.colour_counts`) and the tonnes that a mine
reported give tonnes a square metre; these fill the years without a report, and emission factors
turn tonnes of ore into tonnes of CO2 equivalent. Tables in, tables out; what is not known stays
NaN and says why.
"""

from __future__ import annotations

from minewatch.estimates.climate_trace import climate_trace_table
from minewatch.estimates.emission_factors import emissions
from minewatch.estimates.footprint_regression import inventory_regression
from minewatch.estimates.ore_conversion import to_ore
from minewatch.estimates.output_rates import production

__all__ = [
    "production",
    "to_ore",
    "inventory_regression",
    "emissions",
    "climate_trace_table",
]
