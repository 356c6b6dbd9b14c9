"""Ready-made coherence: a product a pair, from whatever made it, as one cube.

HyP3 (scene, burst and multi-burst products), openEO on CDSE, GAMMA and PyRate, SNAP exports,
NISAR GUNW, and any folder of rasters with two dates in their names. Coherence that can still be
made here, from co-registered complex images such as OPERA CSLC, comes from
:func:`minewatch.insar.coherence`.
"""

from __future__ import annotations

from minewatch.sources.coherence.stacks import empty_pairs, open_stack

__all__ = ["empty_pairs", "open_stack"]
