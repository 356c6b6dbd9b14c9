"""What the record of a run tells of the updates that came after it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from minewatch.activity.records import pair_index, spelled
from minewatch.workflows.identities import bytes_of, identity
from minewatch.workflows.outputs import in_short, versions, write_json
from minewatch.workflows.provenance import RECORD, read_record

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    import xarray as xr

    from minewatch.workflows.updating import UpdateSettings
    from minewatch.workflows.updating_progress import Progress

__all__ = ["refuse_updated", "tell_updates", "told_of", "updates_of", "updates_spelled"]

SHOWN = 3
"""Inputs of an update that are named."""


def updates_of(folder: Path) -> tuple[dict[str, Any], ...]:
    """What the record of a run tells of its updates.

    Parameters
    ----------
    folder : pathlib.Path
        Of the run.

    Returns
    -------
    tuple of dict
        From :func:`told_of`, in their order; none where there is no record.
    """
    record = read_record(folder) or {}
    return tuple(record.get("updates", ()))


def told_of(
    settings: UpdateSettings,
    folder: Path,
    progress: Progress,
    inputs: Iterable[Mapping[str, Any]],
    *,
    new: xr.DataArray,
    taken_out: xr.Dataset,
    tai: xr.Dataset,
) -> dict[str, Any]:
    """What is told of an update.

    Parameters
    ----------
    settings : UpdateSettings
        The update.
    folder : pathlib.Path
        Of the run, with the record as it is before.
    progress : Progress
        Of the update; knows those before.
    inputs : iterable of mapping
        All that the update was made of, from :func:`minewatch.workflows.provenance.inputs_of`.
    new, taken_out : xarray.DataArray or xarray.Dataset
        Pairs that joined, and pairs that it takes out.
    tai : xarray.Dataset
        The index with the new pairs.

    Returns
    -------
    dict
        ``finished``, the settings, ``pairs``, ``taken_out``, ``inputs`` (images that neither the
        run nor an update before had), ``threshold`` and ``stable`` (digest of the stable pixels).
    """
    before = [*(read_record(folder) or {"inputs": []})["inputs"]]
    before += [row for update in progress.updates for row in update["inputs"]]
    known = {row["name"] for row in before}
    stable = tai.stable.values
    return {
        "finished": versions()["finished"],
        "input": settings.input,
        "superseded": settings.superseded,
        "refresh": settings.refresh,
        "min_area": settings.min_area,
        "pairs": _dates(new),
        "taken_out": _dates(taken_out),
        "inputs": [
            dict(row) for row in inputs if row["what"] == "input" and row["name"] not in known
        ],
        "threshold": float(tai.attrs["threshold"]),
        "stable": f"sha256:{hashlib.sha256(stable.astype('u1').tobytes()).hexdigest()}",
    }


def _dates(pairs: xr.DataArray | xr.Dataset) -> list[str]:
    return [spelled([each]) for each in pair_index(pairs, by="update")]


def tell_updates(folder: Path, updates: Sequence[Mapping[str, Any]], files: Iterable[Path]) -> None:
    """Add what updates were to the record of a run.

    Parameters
    ----------
    folder : pathlib.Path
        Of the run, with its record.
    updates : sequence of mapping
        From :func:`told_of`, in their order.
    files : iterable of pathlib.Path
        What they wrote beside the results of the run.
    """
    record = read_record(folder) or {"results": []}
    rows = [
        {"name": path.name, "digest": identity(path), "bytes": bytes_of(path)} for path in files
    ]
    results = [*record["results"], *rows]
    write_json(folder / RECORD, {**record, "updates": list(updates), "results": results})


def updates_spelled(record: Mapping[str, Any]) -> dict[str, str]:
    """Updates of a run, in words.

    Parameters
    ----------
    record : mapping
        From :func:`minewatch.workflows.provenance.read_record`.

    Returns
    -------
    dict of str to str
        ``update 1`` and so on, with a line each.
    """
    return {
        f"update {number}": (
            f"{told['finished']}: {len(told['pairs'])} pairs of {_images(told)}; threshold "
            f"{told['threshold']:g}, {'found anew' if told['refresh'] else 'kept'}, stable pixels "
            f"{told['stable']}"
        )
        for number, told in enumerate(record.get("updates", ()), 1)
    }


def refuse_updated(folder: Path) -> None:
    """Refuse to make a run again whose results are also those of updates.

    Parameters
    ----------
    folder : pathlib.Path
        Of the run.

    Raises
    ------
    ValueError
        If it was updated; names the updates.
    """
    updates = updates_of(folder)
    if not updates:
        return
    told = "; ".join(
        f"{number}. {_images(update)}{', refreshed' if update['refresh'] else ''}"
        for number, update in enumerate(updates, 1)
    )
    message = (
        f"{folder} is a run and {len(updates)} update{'s' * (len(updates) > 1)} ({told}), which "
        "are not made again at once; run minewatch activity with its run.toml on the images before "
        "them, then minewatch update with those of each, in this order"
    )
    raise ValueError(message)


def _images(update: Mapping[str, Any]) -> str:
    names = [str(row["name"]) for row in update["inputs"]]
    return in_short(names, SHOWN) if names else "known images"
