r"""Reflectance as seen from straight above: the BRDF c-factor of Landsat and Sentinel-2.

Ground is brighter with the sun behind the sensor than with the sun in front of it, so that the
edges of a swath do not meet those of the next. The RossThick–LiSparseR model says how much, with
one set of coefficients per band for the whole Earth (Roy et al. 2016, 2017): the ratio of the model
seen from the nadir to the model as observed is the factor c, and NBAR = c·ρ. All angles are in
degrees.
"""

from __future__ import annotations

from minewatch.brdf.adjustment import COEFFICIENTS, c_factor, nbar, normal_sun_zenith
from minewatch.brdf.scattering import li_sparse, ross_thick

__all__ = ["COEFFICIENTS", "ross_thick", "li_sparse", "c_factor", "normal_sun_zenith", "nbar"]
