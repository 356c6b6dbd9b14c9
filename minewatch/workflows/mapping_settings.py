"""What a mapping run can be told, and the published way of telling it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from minewatch.workflows.settings import option

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MAP_PRESETS", "MappingSettings"]


@dataclass(frozen=True)
class MappingSettings:
    """How a footprint map is made; each field is a key of the TOML file and an option."""

    catalog: str = option(
        dataclasses.MISSING, "STAC API address, catalog.json or item collection", path=True
    )
    reference: str = option(
        dataclasses.MISSING, "polygon file to learn from, with a column of labels", path=True
    )
    output: str = option("mines", "folder for the results", path=True)
    label: str = option("label", "column of the reference: 1 mine, 0 anything else")
    held_out: str | None = option(
        None, "polygons to score the map on, never learnt from", path=True
    )
    # Images
    bbox: tuple[float, float, float, float] | None = option(
        None, "west south east north in degrees; by default around all polygons"
    )
    datetime: str | None = option(None, "e.g. 2022-04-01/2022-10-31")
    collections: tuple[str, ...] = option((), "collections to use; by default all that fit")
    max_cloud_cover: float | None = option(None, "percent, for optical items")
    max_items: int = option(1000, "more matches than this are an error")
    sign: Literal["auto", "none", "planetary-computer"] = option(
        "auto", "who signs addresses when they are opened; auto knows the Planetary Computer"
    )
    crs: str | None = option(None, "CRS of the map, e.g. EPSG:32721; by default the UTM zone")
    resolution: float = option(10.0, "pixel size in units of the CRS")
    resampling: Literal["default", "nearest", "bilinear", "cubic"] = option(
        "default", "how images come onto the grid; default suits each sensor; power never by cubic"
    )
    # Clouds, light and speckle
    clouds: tuple[str, ...] = option(
        ("quality",), "what finds clouds and shadows: quality, score, shadow, outliers"
    )
    cloud_buffer: float = option(0.0, "metres that clouds and shadows are grown by")
    brdf: Literal["none", "observed", "lat"] = option(
        "none", "bring reflectance to a view from straight above, under which sun"
    )
    speckle: Literal["lee", "refined_lee", "lee_sigma", "none"] = option(
        "lee", "filter of the Sentinel-1 images"
    )
    looks: float = option(4.4, "equivalent number of looks of the Sentinel-1 images")
    lee_window: int = option(7, "rows and columns of the filter; 1 leaves the speckle")
    reducer: str = option(
        "median", "composite of optical images: median, geomedian, mean or a quantile like 0.25"
    )
    min_count: int = option(1, "fewest clear optical images of a pixel")
    counts: bool = option(
        False, "count the clear views of each pixel; reads once more what finds clouds"
    )
    memory: float = option(4.0, "GiB that a worker may take; long series are read in small blocks")
    # Covariates
    covariates: Literal["available", "fusion"] = option(
        "available", "what the sensors give, or the 45 of Nursamsi et al. (2024)"
    )
    elevation: bool = option(False, "take elevation as a covariate, where the catalogue has it")
    texture: int = option(0, "window of local mean, spread and entropy; 0 leaves them out")
    # Learning
    max_per_polygon: int = option(200, "most samples of one polygon")
    mode: Literal["sklearn", "smile"] = option(
        "sklearn", "samples of each tree: with replacement, or without as Earth Engine draws them"
    )
    trees: int = option(100, "trees of the forest")
    bag: float = option(0.6, "share of the samples each tree sees")
    search: bool = option(False, "try 72 forests of 10 to 150 trees, and take the best")
    select: bool = option(False, "keep the covariates of more than 2.5 % importance, at most 25")
    folds: int = option(5, "folds of the cross-validation, split by polygon")
    block: float | None = option(
        None, "metres: polygons of one square block of this side stay in one fold"
    )
    calibration: Literal["none", "isotonic", "platt"] = option(
        "isotonic", "what makes of votes a probability, learnt on polygons that were held back"
    )
    threshold: str = option(
        "best", "probability of a mine: best (by cross-validated F), precision:0.9, or a number"
    )
    beta: float = option(1.0, "weight of recall against precision in that F; 0.5 favours precision")
    permutation: int = option(
        0, "shuffles of each covariate for its importance on held-back polygons; 0 leaves it"
    )
    seed: int = option(0, "seed of samples, folds and forest")
    # By radar alone
    sar_only: bool = option(
        False, "map by radar alone, taught by an optical map: for seasons without a clear image"
    )
    teacher: str | None = option(
        None, "folder of an earlier map that teaches; by default one learnt in this run", path=True
    )
    student: Literal["forest", "boosting"] = option("forest", "what learns from the teacher")
    noise: Literal["none", "confident", "soft", "small_loss"] = option(
        "soft", "what is done about the teacher's errors"
    )
    keep: float = option(1.0, "share of each class of the teacher's labels, the surest; 1 is all")
    student_samples: int = option(12000, "pixels of the map that the teacher labels")
    cleanup: bool = option(True, "let the majority of 3 x 3 pixels decide on the radar's map")
    # After the map
    min_area: float = option(0.01, "hectares below which an area is no mine")
    outlines: Literal["geojson", "gpkg"] = option("geojson", "format of the outlines")
    points: int = option(
        0, "points to label by eye, drawn by chance within each class, for an estimate of the area"
    )
    cluster: str = option("threads", "threads, local, local:8 or tcp://host:8786")
    dask_report: str | None = option(
        None, "HTML file of Dask's performance report; not with threads", path=True
    )
    overwrite: bool = option(False, "replace the results of an earlier run in this folder")
    resume: bool = option(False, "go on with a run of these settings that was stopped there")


MAP_PRESETS: Mapping[str, Mapping[str, object]] = {
    "nursamsi": {
        "datetime": "2022-04-01/2022-10-31",
        "max_cloud_cover": 40.0,
        "resampling": "cubic",
        "clouds": ("quality", "shadow"),
        "speckle": "lee_sigma",
        "covariates": "fusion",
        "mode": "smile",
        "select": True,
        "beta": 0.5,
    },
}
"""Settings as published; what is given besides wins.

``nursamsi``: Nursamsi et al. (2024), doi:10.1016/j.jag.2024.104015. 100 trees on 60 % of the
samples; the grid that they were chosen from does not hold them, so it is not searched.
"""
