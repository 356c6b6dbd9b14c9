"""Layers to draw, and what came onto the figures."""

from __future__ import annotations

import numpy as np
import xarray as xr

from minewatch import grids

UTM = "EPSG:32721"


def square_layer(values, name="tai", **attrs):
    height, width = values.shape[-2:]
    box = grids.geobox(
        (500_000, 9_280_000, 500_000 + 20 * width, 9_280_000 + 20 * height), crs=UTM, resolution=20
    )
    return xr.DataArray(
        values,
        dims=("y", "x"),
        coords=grids.coordinates(box),
        name=name,
        attrs={"long_name": "temporal activity index", "units": "1", **attrs},
    )


def texts(figure):
    """Everything that is written on a figure."""
    import matplotlib.text

    figure.draw_without_rendering()
    found = figure.findobj(matplotlib.text.Text)
    return [text.get_text() for text in found if text.get_visible() and text.get_text()]


def image_of(figure, axes=0):
    return figure.axes[axes].images[0]


def off_the_sheet(figure):
    """Whether anything reaches the edge of the sheet, where it would be cut off."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    picture = np.asarray(canvas.buffer_rgba())[..., :3]
    border = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    return bool((border < 255).any())
