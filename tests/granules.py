"""MTD_TL.xml of a granule whose sensor flies a known path, as ESA writes it."""

from __future__ import annotations

import itertools

import numpy as np

from minewatch.sources.angles import BAND_NUMBERS

ULX, ULY, STEP, NODES = 600_000, 9_000_000, 5_000, 23
BANDS = tuple(BAND_NUMBERS.values())


def nodes():
    east = np.tile(np.arange(NODES) * STEP, (NODES, 1))
    return east, east.T


def sun(east, south):
    """Slopes of the ray to the sun: it stands in the north-east."""
    return 0.55 - 2e-7 * east, 0.5 + 3e-7 * south


def view(east, south):
    """Slopes of the ray to a sensor that passes in the middle: west of it, it looks east."""
    return (55_000 - east) / 786_000, 0.02 + 0 * south


def numbers(values):
    rows = "".join(f"<VALUES>{' '.join(f'{v:.9f}' for v in row)}</VALUES>" for row in values)
    step = f"<COL_STEP unit='m'>{STEP}</COL_STEP><ROW_STEP unit='m'>{STEP}</ROW_STEP>"
    return f"{step}<Values_List>{rows.replace('nan', 'NaN')}</Values_List>"


def both(east, north):
    zenith = np.degrees(np.arctan(np.hypot(east, north)))
    azimuth = np.degrees(np.arctan2(east, north)) % 360
    return f"<Zenith>{numbers(zenith)}</Zenith><Azimuth>{numbers(azimuth)}</Azimuth>"


def granule(
    *, detectors=2, bands=BANDS, view=view, swath=None, corner=(ULX, ULY), crs="EPSG:32721"
):
    """MTD_TL.xml; each detector sees a strip and all overlap by a node."""
    east, south = nodes()
    grids = []
    edges = np.linspace(0, NODES - 1, detectors + 1).astype(int)
    for band in bands:
        for number, (first, last) in enumerate(itertools.pairwise(edges)):
            seen = np.zeros((NODES, NODES), bool)
            seen[:, first : last + 1] = True
            if swath is not None:
                seen &= swath
            parts = [np.where(seen, part, np.nan) for part in view(east, south)]
            name = "Viewing_Incidence_Angles_Grids"
            grids.append(f"<{name} bandId='{band}' detectorId='{number}'>{both(*parts)}</{name}>")
    return (
        "<?xml version='1.0' encoding='UTF-8'?>\n"
        "<n1:Level-2A_Tile_ID xmlns:n1='https://psd-14.sentinel2.eo.esa.int/'><n1:Geometric_Info>"
        f"<Tile_Geocoding><HORIZONTAL_CS_CODE>{crs}</HORIZONTAL_CS_CODE>"
        f"<Geoposition resolution='10'><ULX>{corner[0]}</ULX><ULY>{corner[1]}</ULY></Geoposition>"
        f"</Tile_Geocoding><Tile_Angles><Sun_Angles_Grid>{both(*sun(east, south))}"
        f"</Sun_Angles_Grid>{''.join(grids)}</Tile_Angles></n1:Geometric_Info>"
        "</n1:Level-2A_Tile_ID>"
    )
