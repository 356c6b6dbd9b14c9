"""Find items: in an API, in a static catalogue, in a file, or in a list that is already here.

An API answers a search itself. Everything else is walked and filtered here, condition by
condition, so that an empty result can say which condition emptied it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from minewatch.sources._pins import kept_ids, kept_items
from minewatch.sources.stac._addresses import is_remote, refuse_local_assets
from minewatch.sources.stac._arguments import conditions
from minewatch.sources.stac._contents import (
    as_items,
    local_items,
    no_stac,
    parsed,
    walked,
)
from minewatch.sources.stac._filters import Conditions, observed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import pystac

__all__ = ["search"]

LONGEST_WAIT = 120
"""Seconds that a server may ask for before it is asked again."""


def search(
    source: str | Path | Iterable[Any],
    *,
    collections: str | Iterable[str] | None = None,
    bbox: Any = None,
    intersects: Any = None,
    datetime: Any = None,
    ids: str | Iterable[str] | None = None,
    filter: str | Mapping[str, Any] | None = None,
    max_cloud_cover: float | None = None,
    max_items: int = 1000,
    timeout: float = 60,
    max_retries: int = 5,
    modifier: Callable[[Any], None] | None = None,
) -> list[pystac.Item]:
    """Find STAC items, ordered by time.

    Parameters
    ----------
    source : str, pathlib.Path or iterable
        Address of a STAC API; address or path of a ``catalog.json`` or ``collection.json``
        (walked), of an item, of an item collection or of a stac-geoparquet file; or a list of
        items or of their dicts.
    collections : str or iterable of str, optional
        Collection identifiers.
    bbox : sequence of float, GeoBox or layer, optional
        West, south, east, north in degrees; west > east crosses the antimeridian. Of a grid its
        outline.
    intersects : geometry, optional
        GeoJSON mapping, shapely geometry or anything with ``__geo_interface__``, in degrees.
    datetime : str, date or pair, optional
        ``"2023-01-01/2023-06-30"``, ``"2023"``, ``"../2023-01"``, ``(start, None)``; UTC.
    ids : str or iterable of str, optional
        Item identifiers.
    filter : str or mapping, optional
        CQL2 text or CQL2-JSON on item properties. An API that cannot filter is filtered here.
    max_cloud_cover : float, optional
        Largest ``eo:cloud_cover`` in percent; items that do not say it, radar for one, stay.
    max_items : int
        More matches than this are an error, never a silent cut.
    timeout : float
        Seconds to wait for each answer of a server.
    max_retries : int
        How often a request is repeated after a refused connection or an answer 429 or 5xx.
    modifier : callable, optional
        Called on each item to change it in place.

    Returns
    -------
    list of pystac.Item
        At least one, by time.

    Raises
    ------
    ValueError
        If nothing matches (names what was asked and how many items each condition left), if
        more than `max_items` match, if an argument cannot be read, or if a remote catalogue
        points at files of this machine.
    ConnectionError
        If a server does not answer.
    FileNotFoundError
        If a local catalogue does not exist.

    See Also
    --------
    load : the items as a lazy cube.

    References
    ----------
    STAC API 1.0.0, https://api.stacspec.org; OGC 21-065r2, Common Query Language (CQL2).

    Examples
    --------
    >>> item = {
    ...     "type": "Feature",
    ...     "stac_version": "1.0.0",
    ...     "id": "S2A_one",
    ...     "collection": "sentinel-2-l2a",
    ...     "geometry": {"type": "Point", "coordinates": [82.5, 22.3]},
    ...     "bbox": [82.5, 22.3, 82.5, 22.3],
    ...     "properties": {"datetime": "2023-01-10T05:00:00Z", "eo:cloud_cover": 3},
    ...     "links": [],
    ...     "assets": {},
    ... }
    >>> [found.id for found in search([item], bbox=(82, 22, 83, 23), filter="eo:cloud_cover < 5")]
    ['S2A_one']
    """
    asked = conditions(
        collections=collections,
        bbox=bbox,
        intersects=intersects,
        datetime=datetime,
        ids=kept_ids() if ids is None else ids,
        filter=filter,
        max_cloud_cover=max_cloud_cover,
    )
    if not isinstance(source, str | Path):
        candidates, here, label = as_items(source), asked, "the list"
    elif is_remote(str(source)):
        candidates, here = _remote(str(source), asked, max_items, timeout, max_retries)
        label = str(source)
    else:
        candidates, here, label = local_items(source), asked, str(source)
    items = kept_items(_unique(candidates))
    counts = [("read", len(items))]
    for name, test in here.tests().items():
        items = [item for item in items if test(item)]
        counts.append((name, len(items)))
    if not items:
        raise ValueError(_nothing(label, asked, counts))
    _refuse_more_than(max_items, items, label)
    if is_remote(label):
        refuse_local_assets(items, label)
    if modifier is not None:
        for item in items:
            modifier(item)
    return sorted(items, key=lambda item: (observed(item)[0], item.id))


def _remote(
    source: str,
    asked: Conditions,
    max_items: int,
    timeout: float,
    max_retries: int,
) -> tuple[list[pystac.Item], Conditions]:
    """The items of a remote catalogue, and the conditions that are still to be judged here."""
    import pystac_client
    from pystac_client.exceptions import APIError
    from pystac_client.stac_api_io import StacApiIO

    stac_io = StacApiIO(timeout=timeout, max_retries=_patience(max_retries))
    try:
        content = parsed(stac_io.read_text(source), source)
        served = [str(name) for name in content.get("conformsTo", ())]
        if not any("/item-search" in name for name in served):
            return walked(content, source, stac_io.read_text), asked
        client = pystac_client.Client.open(source, stac_io=stac_io)
        wanted = asked.expression
        filters = wanted is not None and any("#filter" in name for name in served)
        methods = {
            link.get("method", "GET") for link in content["links"] if link.get("rel") == "search"
        }
        found = client.search(
            method="GET" if methods == {"GET"} else "POST",
            collections=None if asked.collections is None else list(asked.collections),
            ids=None if asked.ids is None else list(asked.ids),
            intersects=None if asked.area is None else asked.area.__geo_interface__,
            datetime=_rfc3339(asked),
            filter=wanted if filters else None,
            max_items=max_items + 1,
        )
        records = list(found.items_as_dicts())
    except APIError as error:
        status = getattr(error, "status_code", None)
        reason = f"HTTP status {status}" if status else " ".join(str(error).split())[:300]
        message = (
            f"{source} did not answer the search ({reason}); check the address and the network, "
            "or raise timeout and max_retries"
        )
        raise ConnectionError(message) from error
    except no_stac() as error:
        message = (
            f"{source} answered with what is no STAC ({type(error).__name__}: {error}); check the "
            "address, or try again later"
        )
        raise ValueError(message) from error
    items = _unique(as_items(records, origin=source))
    _refuse_more_than(max_items, items, source)
    if filters:
        return items, Conditions()
    return items, Conditions(filter=asked.filter, max_cloud_cover=asked.max_cloud_cover)


def _patience(max_retries: int) -> Any:
    """How often a server is asked again, and how long it may let one wait for it."""
    from urllib3.util import Retry

    class Bounded(Retry):
        def get_retry_after(self, response: Any) -> float | None:
            wanted = super().get_retry_after(response)
            return None if wanted is None else min(wanted, LONGEST_WAIT)

    return Bounded(
        total=max_retries,
        backoff_factor=0.5,
        status_forcelist=(429, 500, 502, 503, 504),
        allowed_methods=None,
        raise_on_status=False,
    )


def _rfc3339(asked: Conditions) -> str | None:
    if asked.period is None:
        return None
    return "/".join(
        ".." if end is None else end.strftime("%Y-%m-%dT%H:%M:%S.%fZ") for end in asked.period
    )


def _unique(items: Iterable[pystac.Item]) -> list[pystac.Item]:
    """Each item once: some servers repeat a page."""
    return list({(item.collection_id, item.id): item for item in items}.values())


def _refuse_more_than(max_items: int, items: list[pystac.Item], label: str) -> None:
    if len(items) > max_items:
        message = (
            f"search found more than max_items={max_items} items in {label}; narrow bbox or "
            "datetime, or raise max_items"
        )
        raise ValueError(message)


def _nothing(label: str, asked: Conditions, counts: list[tuple[str, int]]) -> str:
    wanted = "; ".join(asked.tests()) or "everything"
    (_, first), *rest = counts
    story = f"{first} items read" if rest or not first else "none"
    story += "".join(f", {name.partition('=')[0]} left {count}" for name, count in rest)
    blame = next((name for name, count in rest if count == 0), None) if first else None
    named = [name.partition("=")[0] for name in ([blame] if blame else asked.tests())]
    fix = f"relax {' or '.join(named)}" if named else "check that it is the right catalogue"
    return f"search found no item in {label} for {wanted} ({story}); {fix}"
