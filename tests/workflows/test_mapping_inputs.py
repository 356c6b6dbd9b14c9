"""What a run finds in a catalogue."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from minewatch import simulate, vectors
from minewatch.workflows import MappingSettings
from minewatch.workflows.mapping_inputs import find_items


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> MappingSettings:
    folder = tmp_path_factory.mktemp("world")
    world = simulate.mine_world(seed=1, size=128)
    simulate.write_stac(world, folder / "stac")
    simulate.write_vectors(world, folder)
    return MappingSettings(
        catalog=str(folder / "stac" / "catalog.json"),
        reference=str(folder / "reference.geojson"),
        datetime="2022",
    )


def test_heights_have_no_season(settings: MappingSettings) -> None:
    reference = vectors.read_polygons(settings.reference)
    assert "elevation" not in find_items(settings, reference)
    found = find_items(dataclasses.replace(settings, elevation=True), reference)
    assert [item.datetime.year for item in found["elevation"]] == [2021]
    assert {item.datetime.year for item in found["sentinel2"]} == {2022}


def test_a_catalogue_without_heights_is_told(settings: MappingSettings, tmp_path: Path) -> None:
    root = Path(settings.catalog)
    content = json.loads(root.read_text())
    content["links"] = [link for link in content["links"] if "dem" not in link["href"]]
    flat = root.with_name("flat.json")
    flat.write_text(json.dumps(content))
    how = dataclasses.replace(settings, catalog=str(flat), elevation=True)
    with pytest.raises(ValueError, match="leave elevation out"):
        find_items(how, vectors.read_polygons(settings.reference))
