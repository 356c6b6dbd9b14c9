"""Simulated mines with known truth: the judge of every method.

The simulators share no code with what they are used to judge. :func:`mine_world` makes a whole
district, :func:`write_stac`, :func:`write_slc` and :func:`write_vectors` put it on disk as a
satellite archive would; :func:`open_pit` makes one open-pit mine with five seasons of radar and
:func:`write_open_pit` its files; the samplers (:func:`slc_stack`, :func:`coherence_cube`,
:func:`speckle`, :func:`optical_series`, :func:`annual_ndai`) make single things whose moments are
known in closed form; :func:`relief_scene` knows what a radar sees of a surface.
"""

from __future__ import annotations

from minewatch.simulate.bayes import best_f1, mine_probability
from minewatch.simulate.classes import LAND_COVER, SLC_GROUND
from minewatch.simulate.exports import write_slc, write_vectors
from minewatch.simulate.optical import optical_series
from minewatch.simulate.pit_files import write_open_pit
from minewatch.simulate.pit_site import OpenPit, open_pit
from minewatch.simulate.relief import heap, relief_scene
from minewatch.simulate.samplers import annual_ndai, coherence_cube, speckle
from minewatch.simulate.slc import decorrelation, slc_stack
from minewatch.simulate.stac import write_stac
from minewatch.simulate.world import World, mine_world

__all__ = [
    "LAND_COVER",
    "OpenPit",
    "SLC_GROUND",
    "World",
    "annual_ndai",
    "best_f1",
    "coherence_cube",
    "decorrelation",
    "heap",
    "mine_probability",
    "mine_world",
    "open_pit",
    "optical_series",
    "relief_scene",
    "slc_stack",
    "speckle",
    "write_open_pit",
    "write_slc",
    "write_stac",
    "write_vectors",
]
