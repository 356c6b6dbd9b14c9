"""Points of a footprint map to look at, so that its areas can be told with their errors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from minewatch import estimates
from minewatch._files import whole
from minewatch._origins import geopackage_options
from minewatch.report import Section
from minewatch.workflows.activity_parts import Part

if TYPE_CHECKING:
    import geopandas as gpd

    from minewatch.workflows.mapping_parts import Findings
    from minewatch.workflows.mapping_settings import MappingSettings

__all__ = ["points_part", "require_unlabelled", "write_points"]

LEAST = 50
"""Points in the rarer class, where there are enough in all."""


def require_unlabelled(folder: Path) -> None:
    """Refuse to replace points that somebody has labelled.

    Parameters
    ----------
    folder : pathlib.Path
        Of a run that may replace what is in it.

    Raises
    ------
    FileExistsError
        If points lie there with labels in them.
    """
    import geopandas as gpd

    for path in (folder / "points.geojson", folder / "points.gpkg"):
        if not path.is_file():
            continue
        table = gpd.read_file(path)
        if "label" not in table:
            continue
        count = int((table["label"].notna() & (table["label"].astype(str).str.strip() != "")).sum())
        if count:
            message = f"{path} holds {count} labels that somebody gave; move it elsewhere first"
            raise FileExistsError(message)


def points_part(settings: MappingSettings, folder: Path, found: Findings) -> Part:
    """Draw the points within the classes of the map.

    Parameters
    ----------
    settings : MappingSettings
        With ``points``, how many.
    folder : pathlib.Path
        Its folder.
    found : Findings
        With the map.

    Returns
    -------
    Part
        The file and what to do with it; nothing if no points are wanted.
    """
    if not settings.points:
        return Part()
    points = estimates.sample_design(
        found.mines,
        size=settings.points,
        minimum=min(LEAST, settings.points // 4),
        seed=settings.seed,
    )
    path = folder / f"points.{settings.outlines}"
    write_points(points, path)
    names = {0: "other", 1: "mine"}
    strata = [
        {
            "class": names[int(code)],
            "points": facts["points"],
            "pixels": facts["pixels"],
            "hectares on the map": round(float(facts["area_ha"]), 2),
        }
        for code, facts in points.attrs["design"].items()
    ]
    text = (
        f"{path.name} holds {len(points)} pixels, drawn by chance within each class of the map. "
        "Say of each what is really there, from better images than the map was made of: 1 mine, 0 "
        "anything else, in the column label; leave it empty where it cannot be told. Judge the "
        "pixel's own ground, and hide the columns stratum and map_class meanwhile: who sees what "
        "the map says tends to agree with it. Delete no point and change no other column, for "
        f"they carry the design. Then: minewatch area {_shown(path)}"
    )
    return Part(
        sections=[Section("Points to label", text, table=strata)],
        files={"points to label, for areas with an interval": path},
        summary={"points to label": f"{len(points)}, then: minewatch area {_shown(path)}"},
        numbers={"points": {names[int(k)]: v["points"] for k, v in points.attrs["design"].items()}},
    )


def _shown(path: Path) -> Path:
    """As it is typed where the run was started."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def write_points(points: gpd.GeoDataFrame, path: Path) -> None:
    """Write points with their design and an empty column for the label.

    Parameters
    ----------
    points : geopandas.GeoDataFrame
        From :func:`minewatch.estimates.sample_design`.
    path : pathlib.Path
        ``.geojson`` or ``.gpkg``; the file appears whole or not at all.
    """
    table = points.rename(columns={"reference": "label"})
    if path.suffix == ".geojson":
        estimates.write_points(table, path, blind=False)
        return
    with whole(path) as partial:
        table.to_file(
            partial,
            driver="GPKG",
            engine="pyogrio",
            layer=path.stem,
            index=False,
            **geopackage_options(),
        )
