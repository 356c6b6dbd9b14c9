"""Whether two runs left the same: to the byte, or but for what the files tell of their origin."""

from __future__ import annotations

import filecmp
import json
from typing import TYPE_CHECKING, Any

from minewatch._origins import ORIGIN
from minewatch.workflows.identities import identity
from minewatch.workflows.origins import origin_in
from minewatch.workflows.provenance import read_record

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["BUT_FOR_ORIGIN", "compared"]

DATA = (".tif", ".geojson", ".gpkg", ".csv", ".zarr", ".npz")
"""What is compared of a run of an earlier version, which recorded no results."""

DATED = ("run.toml", "report.html")
"""What tells when and where a run was made."""

COST = "cost"
"""What a run took, among its numbers: seconds and memory, each time others."""

BUT_FOR_ORIGIN = "but for its origin"
"""The same data, made with other versions or of inputs of other names, and the file says so."""


def compared(first: Path, second: Path) -> list[dict[str, object]]:
    """Compare what two runs left. Reads it.

    Parameters
    ----------
    first, second : pathlib.Path
        Folders of the runs.

    Returns
    -------
    list of dict
        For each result of the first, but its settings and its page, ``name`` and ``same``: ``yes``
        (to the byte; of numbers but what they cost; of a result that is gone by its digest),
        ``but for its origin`` (the same data, and the file tells of another origin), ``no`` or
        ``lacking``.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = (Path(folder) / "pairs.csv").write_text("keep")
    ...     compared(Path(folder), Path(folder))
    [{'name': 'pairs.csv', 'same': 'yes'}]
    """
    return [
        {"name": name, "same": _same(first / name, second / name, digest)}
        for name, digest in sorted(_results(first).items())
    ]


def _results(folder: Path) -> dict[str, str]:
    """Names and digests of what a run recorded that lies in its folder."""
    record = read_record(folder)
    if record is None:
        rows = [
            {"name": path.name}
            for path in folder.iterdir()
            if path.suffix in DATA
            and not path.name.startswith(".")
            and path.name != "comparison.csv"
        ]
    else:
        rows = record["results"]
    return {
        row["name"]: str(row.get("digest", ""))
        for row in rows
        if row["name"] not in DATED
        and (folder / row["name"]).resolve().is_relative_to(folder.resolve())
    }


def _same(first: Path, second: Path, digest: str) -> str:
    if not second.exists():
        return "lacking"
    if not first.exists():
        return "yes" if identity(second) == digest else "no"
    if first.is_dir() != second.is_dir():
        return "no"
    differing = _differing(first, second)
    if not differing:
        return "yes"
    if first.suffix == ".json":
        return "yes" if _numbers(first) == _numbers(second) else "no"
    if origin_in(first) == origin_in(second):
        return "no"
    if first.is_dir():
        alike = differing == {"zarr.json"} and _described(first) == _described(second)
    else:
        alike = _alike(first, second)
    return BUT_FOR_ORIGIN if alike else "no"


def _numbers(path: Path) -> Any:
    """What stands in a JSON file but what it cost; the bytes of what is none."""
    content = path.read_bytes()
    try:
        told = json.loads(content)
    except ValueError:
        return content
    return {k: v for k, v in told.items() if k != COST} if isinstance(told, dict) else told


def _differing(first: Path, second: Path) -> set[str]:
    """Which files differ; of single ones the first."""
    if not first.is_dir():
        return set() if filecmp.cmp(first, second, shallow=False) else {first.name}
    one, other = (
        {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
        for folder in (first, second)
    )
    return (one.keys() ^ other.keys()) | {
        name
        for name in one.keys() & other.keys()
        if not filecmp.cmp(one[name], other[name], shallow=False)
    }


def _described(store: Path) -> Any:
    told = json.loads((store / "zarr.json").read_text(encoding="utf-8"))
    return {**told, "attributes": _without(told["attributes"])}


def _without(told: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in told.items() if key != ORIGIN}


def _alike(first: Path, second: Path) -> bool:
    """Whether two files that carry other origins hold the same data."""
    how = {".tif": _rasters_alike, ".geojson": _texts_alike, ".gpkg": _tables_alike}
    return first.suffix in how and how[first.suffix](first, second)


def _texts_alike(first: Path, second: Path) -> bool:
    one, other = (json.loads(path.read_text(encoding="utf-8")) for path in (first, second))
    return bool(_without(one) == _without(other))


def _rasters_alike(first: Path, second: Path) -> bool:
    import rasterio

    with rasterio.open(first) as one, rasterio.open(second) as other:
        facts = [
            (str(file.profile), _without(file.tags()), file.descriptions, file.units)
            for file in (one, other)
        ]
        return facts[0] == facts[1] and all(
            one.read(window=window).tobytes() == other.read(window=window).tobytes()
            for _, window in one.block_windows(1)
        )


def _tables_alike(first: Path, second: Path) -> bool:
    import geopandas as gpd
    import pyogrio

    layers = [pyogrio.list_layers(path)[:, 0].tolist() for path in (first, second)]
    if layers[0] != layers[1]:
        return False
    for layer in layers[0]:
        one, other = (gpd.read_file(path, layer=layer) for path in (first, second))
        if getattr(one, "crs", None) != getattr(other, "crs", None) or not one.equals(other):
            return False
    return True
