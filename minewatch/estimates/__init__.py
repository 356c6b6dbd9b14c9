"""From active ground to ore and to emissions, and areas of classes, with their errors.

Square metres of activity (:func:`minewatch.activity.colour_counts`) and the tonnes that a mine
reported give tonnes a square metre; these fill the years without a report, and emission factors
turn tonnes of ore into tonnes of CO2 equivalent. Tables in, tables out; what is not known stays
NaN and says why. Areas of classes come from a map's pixels, as they are, or from a sample of them
that was drawn and labelled, without the map's bias and with an interval.
"""

from __future__ import annotations

from minewatch.estimates.area_estimators import stratified_area
from minewatch.estimates.climate_trace import climate_trace_table
from minewatch.estimates.emission_factors import emissions
from minewatch.estimates.footprint_regression import inventory_regression
from minewatch.estimates.ore_conversion import to_ore
from minewatch.estimates.output_rates import production
from minewatch.estimates.pixel_counts import class_area
from minewatch.estimates.sample_allocation import sample_size
from minewatch.estimates.sampling_design import sample_design, write_points

__all__ = [
    "production",
    "to_ore",
    "inventory_regression",
    "emissions",
    "climate_trace_table",
    "class_area",
    "sample_size",
    "sample_design",
    "write_points",
    "stratified_area",
]
