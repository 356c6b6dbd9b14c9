"""The files of a mapping run: maps, polygons, scores, model and the page that explains them."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import xarray as xr

from minewatch import learn, metrics, plots, store, vectors
from minewatch.conventions import NO_CLASS, Layer, conform
from minewatch.report import Section, write_report
from minewatch.workflows.outputs import Result, versions, write_json, write_table
from minewatch.workflows.settings import write_settings

if TYPE_CHECKING:
    from pathlib import Path

    import geopandas as gpd
    import pystac
    from matplotlib.figure import Figure

    from minewatch.workflows.mapping_settings import MappingSettings

__all__ = ["Findings", "mine_map", "region_scores", "write_results"]

LARGEST = 60
"""Areas outlined in the picture; the GeoJSON holds them all."""

MINES = Layer("mine", "mine footprint", dtype="uint8", flags={"other": 0, "mine": 1})


@dataclass(frozen=True, eq=False)
class Findings:
    """What a mapping run found.

    Parameters
    ----------
    items : dict of str to list of pystac.Item
        Sensor → items used.
    stack, samples, folds : xarray.Dataset
        Covariates, samples and what cross-validation said of each sample.
    model : object
        The fitted forest.
    threshold : float
        Probability from which a pixel is a mine.
    probability : xarray.DataArray
        Dims (class, y, x).
    """

    items: dict[str, list[pystac.Item]]
    stack: xr.Dataset
    samples: xr.Dataset
    folds: xr.Dataset
    model: Any
    threshold: float
    probability: xr.DataArray


def mine_map(probability: xr.DataArray, threshold: float) -> xr.DataArray:
    """Class map of a probability: 1 mine, 0 other, 255 unknown.

    Parameters
    ----------
    probability : xarray.DataArray
        Probability of a mine, dims (y, x).
    threshold : float
        Probability from which a pixel is a mine.

    Returns
    -------
    xarray.DataArray
        uint8, dims (y, x), lazy if `probability` is.
    """
    known = probability.notnull()
    classes = (probability >= threshold).astype("uint8")
    return conform(classes.where(known, NO_CLASS), MINES, threshold=threshold)


def region_scores(mines: xr.DataArray, polygons: gpd.GeoDataFrame) -> dict[str, float]:
    """Score a map on every pixel of a labelled region.

    Parameters
    ----------
    mines : xarray.DataArray
        From :func:`mine_map`.
    polygons : geopandas.GeoDataFrame
        Column ``label``: 1 mine, 0 other; pixels outside all polygons do not count.

    Returns
    -------
    dict of str to float
        Counts and scores.
    """
    truth = vectors.rasterize(polygons, like=mines, column="label")
    known = truth.isin([0, 1]) & (mines != NO_CLASS)
    table = metrics.confusion(truth.where(known), mines.where(known), classes=(0, 1))
    return metrics.scores(table, beta=1.0)


def write_results(settings: MappingSettings, folder: Path, found: Findings) -> Result:
    """Write everything beside the stores and say what there is.

    Parameters
    ----------
    settings : MappingSettings
        The run.
    folder : pathlib.Path
        Its folder.
    found : Findings
        What it found.

    Returns
    -------
    Result
        Folder, summary, files.
    """
    probability = found.probability.sel({"class": 1}, drop=True)
    probability = probability.assign_attrs(long_name="probability of a mine")
    mines = mine_map(probability, found.threshold).compute()
    outlines = vectors.polygonize(mines, min_area_ha=settings.min_area)
    vectors.to_geojson(outlines, folder / "mines.geojson")
    files = {
        "mines, with hectares and size class": folder / "mines.geojson",
        "class map": store.to_cog(mines, folder / "mines.tif"),
        "probability of a mine": store.to_cog(probability, folder / "probability.tif"),
    }
    tested = found.folds.probability.sel({"class": 1}, drop=True)
    predicted = (tested >= found.threshold).astype("int64")
    scores: dict[str, Any] = {
        "threshold": found.threshold,
        "cross_validation": metrics.scores(
            metrics.confusion(
                found.folds.label, predicted, classes=(0, 1), weight=found.folds.weight
            ),
            beta=1.0,
        ),
        "samples": dict(found.samples.attrs),
    }
    if settings.held_out is not None:
        polygons = vectors.read_polygons(settings.held_out, label_column=settings.label)
        scores["held_out"] = region_scores(mines, polygons)
    files["scores"] = write_json(folder / "metrics.json", scores)
    figures = {
        "map": plots.probability_figure(
            probability, outlines=outlines.nlargest(LARGEST, "area_ha")
        ),
        "importances": plots.importance_figure(learn.importances(found.model)),
        "curve": plots.precision_recall_figure(found.folds.label.values, tested.values),
    }
    files["quicklook"] = plots.save(figures["map"], folder / "quicklook.png")
    files["covariates"] = folder / "features.zarr"
    files["fitted forest, to apply elsewhere"] = folder / "model.npz"
    used = [
        {"sensor": sensor, "item": item.id, "date": str(item.datetime or "")[:10]}
        for sensor, items in found.items.items()
        for item in items
    ]
    files["images used"] = write_table(folder / "items.csv", used, ["sensor", "item", "date"])
    made_with = versions()
    files["settings, to run it again"] = write_settings(
        settings, folder / "run.toml", provenance={**made_with, "images": len(used)}
    )
    summary = _summary(outlines, scores)
    files["page that explains it all"] = write_report(
        folder / "report.html",
        title="Mine footprints from optical and radar images",
        sections=_sections(figures, scores, outlines, used),
        provenance={
            "settings": dataclasses.asdict(settings),
            "samples": dict(found.samples.attrs),
            "covariates": list(found.stack.data_vars),
            "left out": found.stack.attrs.get("left_out", "nothing"),
            "versions": made_with,
        },
        summary=summary,
    )
    return Result(folder, summary, files)


def _summary(outlines: gpd.GeoDataFrame, scores: dict[str, Any]) -> dict[str, str]:
    tested = scores["cross_validation"]
    rows = {
        "mine areas": f"{len(outlines)} with {outlines.area_ha.sum():,.1f} ha",
        "threshold": f"probability {scores['threshold']:.2f}",
        "F1, cross-validated by polygon": f"{tested['f_beta']:.3f}",
        "precision, recall": f"{tested['precision']:.3f}, {tested['recall']:.3f}",
    }
    if "held_out" in scores:
        rows["F1, held-out region"] = f"{scores['held_out']['f_beta']:.3f}"
    return rows


def _sections(
    figures: dict[str, Figure],
    scores: dict[str, Any],
    outlines: gpd.GeoDataFrame,
    used: list[dict[str, str]],
) -> list[Section]:
    table = [
        {"scored on": name.replace("_", " "), **_shown(scores[name])}
        for name in ("cross_validation", "held_out")
        if name in scores
    ]
    by_size = outlines.groupby("size_class", observed=False).area_ha.agg(["count", "sum"])
    sizes = [
        {"size class": str(size), "areas": int(row["count"]), "hectares": round(row["sum"], 2)}
        for size, row in by_size.iterrows()
    ]
    return [
        Section(
            "Where the mines are",
            "The probability that a pixel is a mine, as the forest votes. Outlined are the "
            f"largest areas where it passes the threshold (at most {LARGEST}). The probability "
            "holds for ground like the samples; it says nothing about who mines or with what "
            "permit.",
            figures=[figures["map"]],
            table=sizes,
        ),
        Section(
            "How good the map is",
            "Each polygon of the reference was held back once as a whole: pixels of one polygon "
            "resemble each other, and splitting them would flatter the map. Samples are weighted "
            "by the area they stand for.",
            figures=[figures["curve"]],
            table=table,
        ),
        Section(
            "What the forest looked at",
            "Share of the impurity that each covariate took away, in percent. Correlated "
            "covariates share it.",
            figures=[figures["importances"]],
        ),
        Section("Images used", table=used),
    ]


def _shown(scores: dict[str, float]) -> dict[str, float]:
    names = ("precision", "recall", "f_beta", "specificity", "accuracy", "mcc")
    return {("F1" if name == "f_beta" else name): round(scores[name], 4) for name in names}
