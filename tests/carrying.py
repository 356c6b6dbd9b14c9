"""What files carry of their origin, read as others read it, and held against the run's record."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import rasterio

NAME = "minewatch_origin"
KINDS = (".tif", ".zarr", ".geojson", ".gpkg")


def carried_by(path: Path) -> dict[str, Any] | None:
    """The origin in a file, without the package's own reader."""
    if path.suffix == ".tif":
        with rasterio.open(path) as file:
            text = file.tags().get(NAME)
        return None if text is None else json.loads(text)
    if path.suffix == ".zarr":
        text = json.loads((path / "zarr.json").read_text())["attributes"].get(NAME)
        return None if text is None else json.loads(text)
    if path.suffix == ".geojson":
        return json.loads(path.read_text()).get(NAME)
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as base:
        tables = {name for (name,) in base.execute("select name from sqlite_master")}
        if "gpkg_metadata" not in tables:
            return None
        ((text,),) = base.execute("select metadata from gpkg_metadata").fetchall()
    base.close()
    # GDAL keeps a list of names and texts as XML.
    from xml.etree import ElementTree

    found = ElementTree.fromstring(text).find(f".//MDI[@key='{NAME}']")
    return None if found is None or found.text is None else json.loads(found.text)


def as_recorded(folder: Path, *, but: tuple[str, ...] = ()) -> set[str]:
    """Assert that all files of a run carry what its record tells, and name them."""
    record = json.loads((folder / "provenance.json").read_text())
    inputs = {(row["what"], Path(row["name"]).name, row["digest"]) for row in record["inputs"]}
    versions = {key: value for key, value in record["versions"].items() if key != "finished"}
    dropped = [sorted(row.items()) for row in record["dropped"]]
    names = set()
    for path in sorted(folder.iterdir()):
        if path.suffix not in KINDS or path.name.startswith(".") or path.name in but:
            continue
        told = carried_by(path)
        assert told is not None, path.name
        assert told["settings"] == record["settings"], path.name
        assert told["versions"] == versions, path.name
        altered = {
            key
            for key, value in told["parameters"].items()
            if not isinstance(value, str) and value != record["parameters"][key]
        }
        assert not altered, f"{path.name}: {sorted(altered)}"
        found = {(row["what"], Path(row["name"]).name, row["digest"]) for row in told["inputs"]}
        assert found == inputs, f"{path.name}: {len(found ^ inputs)} inputs differ"
        assert all(sorted(row.items()) in dropped for row in told["dropped"]), path.name
        assert str(folder) not in json.dumps(told), path.name
        names.add(path.name)
    assert names
    return names
