"""Whole runs on a small simulated world that is written once."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from minewatch import simulate
from minewatch.workflows import ActivitySettings, MappingSettings, activity_run, mapping_run

SIZE = 192


class Workflows:
    """From files to maps, on threads."""

    timeout = 300
    number = 1
    repeat = (1, 3, 60.0)
    warmup_time = 0

    def setup_cache(self) -> str:
        """Write the world; asv hands the folder to every benchmark and removes nothing else."""
        folder = Path(tempfile.mkdtemp(prefix="minewatch-bench-"))
        world = simulate.mine_world(seed=42, size=SIZE)
        simulate.write_slc(world, folder / "slc")
        simulate.write_stac(world, folder / "stac")
        simulate.write_vectors(world, folder)
        return str(folder)

    def setup(self, folder: str) -> None:
        self.output = tempfile.mkdtemp(prefix="minewatch-bench-")

    def teardown(self, folder: str) -> None:
        shutil.rmtree(self.output, ignore_errors=True)

    def time_activity(self, folder: str) -> None:
        activity_run(self._activity(folder))

    def time_mapping(self, folder: str) -> None:
        mapping_run(self._mapping(folder))

    def peakmem_activity(self, folder: str) -> None:
        activity_run(self._activity(folder))

    def peakmem_mapping(self, folder: str) -> None:
        mapping_run(self._mapping(folder))

    def _activity(self, folder: str) -> ActivitySettings:
        return ActivitySettings(input=f"{folder}/slc", output=self.output, overwrite=True)

    def _mapping(self, folder: str) -> MappingSettings:
        return MappingSettings(
            catalog=f"{folder}/stac/catalog.json",
            reference=f"{folder}/reference.geojson",
            output=self.output,
            trees=20,
            overwrite=True,
        )
