"""The job file that orders pairs from HyP3, and what it costs.

References
----------
Alaska Satellite Facility, HyP3 documentation: using the API, credits, burst InSAR product guide;
https://hyp3-docs.asf.alaska.edu
"""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minewatch._files import whole

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

__all__ = ["credits", "hyp3_jobs", "write_hyp3_jobs"]

BURST_STEPS = {
    "20x4": ((4, 1), (15, 5)),
    "10x2": ((3, 1), (9, 5), (15, 10)),
    "5x1": tuple((n, 1 if n == 1 else 5 * (n - 1)) for n in range(1, 11))
    + tuple((n, 5 * n + 35) for n in range(11, 16)),
}
"""Looks → (up to so many pairs of bursts, credits of the job). ASF's credit table, 2026."""

SCENE_CREDITS = {"20x4": 10, "10x2": 15}
"""Looks → credits of a pair of whole scenes (INSAR_GAMMA)."""

FREE_CREDITS = 8_000
"""What an account has free in a month, late 2026; it was 10,000 before."""

MOST_BURSTS = 15
MOST_JOBS = 200
"""HyP3 takes so many bursts in one job, so many jobs in one request."""


def hyp3_jobs(
    pairs: pd.DataFrame,
    *,
    looks: str = "20x4",
    merge_bursts: bool = False,
    apply_water_mask: bool = False,
    name: str = "minewatch",
) -> list[dict[str, Any]]:
    """The jobs that have HyP3 make the coherence of each pair.

    ``INSAR_ISCE_BURST`` for bursts, ``INSAR_GAMMA`` for whole scenes, and, with `merge_bursts`,
    one ``INSAR_ISCE_MULTI_BURST`` for all bursts of one path on the same two dates. Looks are
    range × azimuth: 20x4 gives pixels of 80 m, 10x2 of 40 m, 5x1 (bursts only) of 20 m. A pit
    wants 5x1.

    Parameters
    ----------
    pairs : pandas.DataFrame
        From :func:`pair_list`.
    looks : {"20x4", "10x2", "5x1"}
        Range and azimuth looks.
    merge_bursts : bool
        One product a date pair instead of one a burst; up to 15 bursts that adjoin.
    apply_water_mask : bool
        Have water masked from unwrapping. Coherence itself is not changed.
    name : str
        Of all jobs, to find them again; at most 100 characters.

    Returns
    -------
    list of dict
        As the HyP3 API takes them.

    Raises
    ------
    ValueError
        If `looks` are not offered for the product, the product is not one that HyP3 takes, or the
        bursts of a pair do not adjoin.

    See Also
    --------
    write_hyp3_jobs, credits

    Examples
    --------
    >>> import pandas as pd
    >>> pair = pd.DataFrame({"product": ["BURST"], "reference": ["a"], "secondary": ["b"]})
    >>> hyp3_jobs(pair, looks="5x1")[0]["job_parameters"]
    {'granules': ['a', 'b'], 'looks': '5x1', 'apply_water_mask': False}
    """
    products = sorted(set(pairs["product"]))
    if len(products) != 1 or products[0] not in ("BURST", "SLC"):
        message = (
            f"hyp3_jobs takes pairs of bursts or of scenes (BURST or SLC), got {products}; CSLC "
            "are images already: open them with sources.slc.open_stack"
        )
        raise ValueError(message)
    offered = BURST_STEPS if products == ["BURST"] else SCENE_CREDITS
    if looks not in offered:
        message = f"HyP3 makes {products[0]} pairs with looks {list(offered)}, got {looks!r}"
        raise ValueError(message)
    if len(name) > 100:
        message = f"HyP3 takes names of up to 100 characters, got {len(name)}; shorten name"
        raise ValueError(message)
    options = {"looks": looks, "apply_water_mask": apply_water_mask}
    if merge_bursts and products == ["BURST"]:
        kind = "INSAR_ISCE_MULTI_BURST"
        given: list[dict[str, Any]] = _merged(pairs)
    else:
        kind = "INSAR_ISCE_BURST" if products == ["BURST"] else "INSAR_GAMMA"
        given = [
            {"granules": [one, other]}
            for one, other in zip(pairs["reference"], pairs["secondary"], strict=True)
        ]
    return [
        {"name": name, "job_type": kind, "job_parameters": {**granules, **options}}
        for granules in given
    ]


def _merged(pairs: pd.DataFrame) -> list[dict[str, Any]]:
    """Bursts of one path on the same two dates, lined up."""
    days = [pairs[key].dt.floor("D") for key in ("reference_time", "secondary_time")]
    given = []
    for _, group in pairs.groupby([pairs["path"], pairs["polarization"], *days], sort=True):
        lined = group.sort_values("reference", ignore_index=True)
        for swath, bursts in itertools.groupby(
            sorted((name.split("_")[2], int(name.split("_")[1])) for name in lined["reference"]),
            key=lambda burst: burst[0],
        ):
            numbers = [number for _, number in bursts]
            if numbers != list(range(numbers[0], numbers[0] + len(numbers))):
                message = (
                    f"HyP3 merges bursts that adjoin, got {swath} {numbers} for "
                    f"{lined['reference_time'][0]:%Y-%m-%d}; leave out merge_bursts"
                )
                raise ValueError(message)
        if len(lined) > MOST_BURSTS:
            message = f"HyP3 merges up to {MOST_BURSTS} bursts, got {len(lined)}; choose fewer"
            raise ValueError(message)
        given.append({key: list(lined[key]) for key in ("reference", "secondary")})
    return given


def write_hyp3_jobs(jobs: Sequence[Mapping[str, Any]], path: str | Path) -> list[Path]:
    """Write the body of the request that orders jobs from HyP3.

    POST it to ``https://hyp3-api.asf.alaska.edu/jobs``, or hand its list to the Python SDK's
    ``submit_prepared_jobs``. A request takes 200 jobs: more are written to several files.

    Parameters
    ----------
    jobs : sequence of mappings
        From :func:`hyp3_jobs`.
    path : str or pathlib.Path
        A ``.json``; of several files ``NAME-1.json``, ``NAME-2.json`` ….

    Returns
    -------
    list of pathlib.Path
        What was written.

    Raises
    ------
    ValueError
        If there are no jobs.

    Examples
    --------
    >>> import tempfile
    >>> job = {"name": "pit", "job_type": "INSAR_ISCE_BURST", "job_parameters": {}}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     [path.name for path in write_hyp3_jobs([job] * 201, f"{folder}/jobs.json")]
    ['jobs-1.json', 'jobs-2.json']
    """
    if not jobs:
        message = "write_hyp3_jobs got no jobs; make them with hyp3_jobs(pairs)"
        raise ValueError(message)
    path = Path(path)
    parts = [jobs[i : i + MOST_JOBS] for i in range(0, len(jobs), MOST_JOBS)]
    written = []
    for number, part in enumerate(parts, start=1):
        file = path if len(parts) == 1 else path.with_stem(f"{path.stem}-{number}")
        with whole(file) as unfinished:
            unfinished.write_text(json.dumps({"jobs": list(part)}, indent=2), encoding="utf-8")
        written.append(file)
    return written


def credits(jobs: Sequence[Mapping[str, Any]], *, monthly: int = FREE_CREDITS) -> pd.DataFrame:
    """What jobs cost, in HyP3 credits.

    A pair of bursts costs 1 at any looks; merged bursts cost by steps of their number, scenes 10
    or 15. From ASF's credit table as of 2026, which ASF changes at times: it shows the
    present one at https://hyp3-docs.asf.alaska.edu/using/credits.

    Parameters
    ----------
    jobs : sequence of mappings
        From :func:`hyp3_jobs`.
    monthly : int
        Credits an account has in a month.

    Returns
    -------
    pandas.DataFrame
        A row for each ``job_type``, ``looks`` and number of ``pairs`` in a job: how many ``jobs``,
        ``credits_each`` and ``credits``. In attrs the total ``credits`` and the ``months`` that
        they take.

    Raises
    ------
    KeyError
        If a job is of a type, or has looks, without a known price.

    Examples
    --------
    >>> import pandas as pd
    >>> pair = pd.DataFrame({"product": ["BURST"], "reference": ["a"], "secondary": ["b"]})
    >>> table = credits(hyp3_jobs(pair, looks="5x1") * 9000)
    >>> table.attrs
    {'credits': 9000, 'months': 2}
    """
    import pandas as pd

    counts: dict[tuple[str, str, int], int] = {}
    for job in jobs:
        given = job["job_parameters"]
        size = len(given.get("reference", [0]))
        key = str(job["job_type"]), str(given.get("looks", "20x4")), size
        counts[key] = counts.get(key, 0) + 1
    rows = []
    for (kind, looks, size), number in sorted(counts.items()):
        each = _price(kind, looks, size)
        rows.append((kind, looks, size, number, each, each * number))
    columns = ["job_type", "looks", "pairs", "jobs", "credits_each", "credits"]
    table = pd.DataFrame(rows, columns=columns)
    total = int(table["credits"].sum())
    table.attrs = {"credits": total, "months": -(-total // monthly)}
    return table


def _price(kind: str, looks: str, size: int) -> int:
    if kind == "INSAR_GAMMA" and looks in SCENE_CREDITS:
        return SCENE_CREDITS[looks]
    if kind in ("INSAR_ISCE_BURST", "INSAR_ISCE_MULTI_BURST"):
        for most, price in BURST_STEPS.get(looks, ()):
            if size <= most:
                return price
    message = f"credits knows no price of {kind} with looks {looks!r} and {size} pairs of bursts"
    raise KeyError(message)
