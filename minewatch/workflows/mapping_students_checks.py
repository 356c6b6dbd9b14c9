"""What a map by radar alone needs: a teacher that can see, and radar images to learn from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from minewatch import grids, store

if TYPE_CHECKING:
    from collections.abc import Collection

    from odc.geo.geobox import GeoBox

    from minewatch.workflows.mapping_settings import MappingSettings

__all__ = ["OPTICAL", "RADAR", "block_side", "check_students", "require_sensors", "teacher_grid"]

OPTICAL = ("sentinel2", "landsat8")
RADAR = ("sentinel1", "palsar")

TAUGHT_BY = ("run.toml", "features.zarr", "probability.zarr", "model.npz", "items.csv")
"""What is read of the folder of a teacher."""

FEWEST = 200
"""Pixels below which nothing can be learnt of blocks."""

LEAST_BLOCKS, LARGEST_BLOCK = 100, 1000.0
"""A map has so many blocks at least, and no block is larger than a kilometre."""


def check_students(settings: MappingSettings) -> None:
    """Refuse settings of a map by radar alone that mean nothing, before anything is read.

    Parameters
    ----------
    settings : MappingSettings
        The run.

    Raises
    ------
    FileNotFoundError
        If the teacher's folder is not that of a finished map.
    ImportError
        If the student could not be saved.
    ValueError
        If a setting means nothing; says what would.

    Examples
    --------
    >>> from minewatch.workflows import MappingSettings
    >>> check_students(MappingSettings(catalog="", reference="", teacher="mines"))
    Traceback (most recent call last):
    ...
    ValueError: a teacher is there to teach a map by radar alone; say sar_only, or leave teacher out
    """
    if not settings.sar_only:
        if settings.teacher is not None:
            message = (
                "a teacher is there to teach a map by radar alone; say sar_only, or leave teacher "
                "out"
            )
            raise ValueError(message)
        return
    for name, allowed in (
        ("noise", ("none", "confident", "soft", "small_loss")),
        ("student", ("forest", "boosting")),
    ):
        if getattr(settings, name) not in allowed:
            message = f"{name} {getattr(settings, name)!r} is not known; use {', '.join(allowed)}"
            raise ValueError(message)
    if not 0 < settings.keep <= 1:
        message = f"keep is {settings.keep}; use a share above 0 and up to 1, e.g. 0.6"
        raise ValueError(message)
    if settings.permutation:
        message = (
            f"permutation={settings.permutation} asks what a forest of polygons loses, and a "
            "student learns from none; leave it out with sar_only"
        )
        raise ValueError(message)
    if settings.student_samples < FEWEST:
        message = f"student_samples={settings.student_samples} is too small; use {FEWEST} or more"
        raise ValueError(message)
    if settings.student == "boosting":
        from minewatch.learn.estimator_files import require_skops

        require_skops()
    if settings.teacher is not None:
        _check_teacher(Path(settings.teacher))


def _check_teacher(folder: Path) -> None:
    lacking = [name for name in TAUGHT_BY if not (folder / name).exists()]
    if lacking:
        message = (
            f"{folder} lacks {', '.join(lacking)}; a teacher is the folder of a finished run of "
            "'minewatch map'"
        )
        if "model.npz" in lacking and (folder / "student.npz").exists():
            message = (
                f"{folder} was mapped by radar alone itself; give the folder of a map from optical "
                "images"
            )
        raise FileNotFoundError(message)


def teacher_grid(settings: MappingSettings) -> GeoBox | None:
    """The grid of the teacher's map, on which the student maps too.

    Parameters
    ----------
    settings : MappingSettings
        The run.

    Returns
    -------
    odc.geo.geobox.GeoBox or None
        None where the teacher is learnt in the same run.
    """
    if not settings.sar_only or settings.teacher is None:
        return None
    cube = store.open_cube(Path(settings.teacher) / "probability.zarr", name="probability")
    return grids.geobox_of(cube.isel({"class": 0}))


def require_sensors(settings: MappingSettings, sensors: Collection[str]) -> None:
    """Refuse a map by radar alone without a radar, or without an optical image to teach it.

    Parameters
    ----------
    settings : MappingSettings
        The run.
    sensors : collection of str
        Of which there are images.

    Raises
    ------
    ValueError
        If one is lacking; says what would do.

    Examples
    --------
    >>> from minewatch.workflows import MappingSettings
    >>> require_sensors(MappingSettings(catalog="", reference="", sar_only=True), ["sentinel1"])
    Traceback (most recent call last):
    ...
    ValueError: sar_only has no optical image to learn a teacher from, only sentinel1; widen ...
    """
    if not settings.sar_only:
        return
    if not set(RADAR) & set(sensors):
        message = (
            f"sar_only needs images of Sentinel-1 or PALSAR, found {', '.join(sorted(sensors))}; "
            "widen datetime, or add sentinel-1-rtc to the collections"
        )
        raise ValueError(message)
    if settings.teacher is None and not set(OPTICAL) & set(sensors):
        message = (
            f"sar_only has no optical image to learn a teacher from, only "
            f"{', '.join(sorted(sensors))}; widen datetime, or give a teacher: the folder of a map "
            "of another season"
        )
        raise ValueError(message)


def block_side(settings: MappingSettings, box: GeoBox) -> float:
    """Side of the blocks of ground that folds keep together, in units of the CRS.

    Parameters
    ----------
    settings : MappingSettings
        With ``block``.
    box : odc.geo.geobox.GeoBox
        The grid.

    Returns
    -------
    float
        As set; else a kilometre, or less where the map would not have a hundred blocks.
    """
    if settings.block is not None:
        return settings.block
    step = abs(box.resolution.x)
    area = box.shape[0] * box.shape[1] * step**2
    return min(LARGEST_BLOCK, float((area / LEAST_BLOCKS) ** 0.5))
