"""Scene records of ASF and CMR as a table, with perpendicular baselines from state vectors.

Three forms are read: GeoJSON features of ASF search, CMR's UMM-JSON items, and both at once as
asf_search holds them. Sentinel-1 bursts and scenes carry two state vectors ten seconds apart,
from which the baseline follows; OPERA CSLC records carry none (their files do: see
:func:`minewatch.sources.slc.open_stack`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from minewatch.sources.slc._acquisitions import Orbit
from minewatch.sources.slc._orbits import perpendicular_baselines

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt
    import pandas as pd

__all__ = ["read_scenes"]

COLUMNS = (
    "name", "product", "stack", "path", "frame", "orbit", "direction", "polarization", "platform",
    "start_time", "longitude", "latitude", "url", "perpendicular_baseline",
)  # fmt: skip

REACH = 10.0
"""Seconds beyond the state vectors that their cubic is trusted for: it is good to a centimetre."""


def read_scenes(
    source: str | Path | Mapping[str, Any] | Iterable[Mapping[str, Any]],
) -> pd.DataFrame:
    r"""Read scene or burst records into a table.

    The perpendicular baseline of a scene is its orbit's offset from that of the first scene of its
    stack, across track and line of sight, at the middle of the ground it shows:

    .. math:: B_\perp = (S - S_0) \cdot \hat n, \qquad
              \hat n = \frac{(P - S_0) \times v_0}{|(P - S_0) \times v_0|},

    with S the zero-Doppler position on the cubic through the two state vectors of the record. A
    record without them keeps the baseline that ASF computed, if its whole stack has one.

    Parameters
    ----------
    source : str, pathlib.Path, mapping or iterable of mappings
        A JSON file, or what it holds: a GeoJSON FeatureCollection of ASF search
        (``asf_search.ASFSearchResults.geojson()``, Vertex's export), a CMR answer in UMM-JSON
        (``{"items": [...]}``), or a list of such records.

    Returns
    -------
    pandas.DataFrame
        One row a scene, ordered by stack and time: ``name``, ``product`` (``BURST``, ``SLC``,
        ``CSLC`` …), ``stack`` (what may be paired: burst, or path and frame, with its
        polarization), ``path``, ``frame``, ``orbit``, ``direction``, ``polarization``,
        ``platform``, ``start_time`` (UTC; static layers have none), ``longitude`` and ``latitude``
        (of the middle, degrees), ``url`` and ``perpendicular_baseline`` (m, relative to one scene
        of the stack; NaN unknown).

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it holds no records, or one has no name.

    See Also
    --------
    pair_list : which of them to compare.

    References
    ----------
    Alaska Satellite Facility, asf_search, https://docs.asf.alaska.edu/asf_search/basics/

    Examples
    --------
    >>> record = {
    ...     "properties": {
    ...         "sceneName": "S1_372326_IW3_20180815T151558_VV_6BD3-BURST",
    ...         "startTime": "2018-08-15T15:15:59.530553Z",
    ...         "processingLevel": "BURST",
    ...         "pathNumber": 174,
    ...         "polarization": "VV",
    ...         "burst": {"fullBurstID": "174_372326_IW3"},
    ...     }
    ... }
    >>> read_scenes([record])[["stack", "path", "start_time"]]
                   stack  path                 start_time
    0  174_372326_IW3 VV   174 2018-08-15 15:15:59.530553
    """
    import pandas as pd

    records = [_told(_Record, number, item) for number, item in enumerate(_items(source))]
    if not records:
        message = "read_scenes found no records; give GeoJSON features or UMM-JSON items"
        raise ValueError(message)
    rows = [_told(record.row, number) for number, record in enumerate(records)]
    by_name = {row["name"]: record for row, record in zip(rows, records, strict=True)}
    table = pd.DataFrame(rows, columns=list(COLUMNS)).drop_duplicates("name")
    table = table.sort_values(["stack", "start_time"], ignore_index=True)
    for _, stack in table.groupby("stack", sort=False):
        metres = _baselines([by_name[name] for name in stack["name"]])
        table.loc[stack.index, "perpendicular_baseline"] = metres
    return table


def _told(read: Callable[..., Any], number: int, *given: Any) -> Any:
    """What is read of a record, or which one cannot be read."""
    try:
        return read(*given)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        message = (
            f"read_scenes cannot read record {number}: {error}; give GeoJSON features of ASF, or "
            "UMM-JSON items of CMR"
        )
        raise ValueError(message) from error


def _items(source: Any) -> list[Mapping[str, Any]]:
    """The records in whatever holds them."""
    if isinstance(source, str | Path):
        path = Path(source)
        if not path.is_file():
            message = f"read_scenes finds no file {path}; save the search result as GeoJSON there"
            raise FileNotFoundError(message)
        try:
            source = json.loads(path.read_text(encoding="utf-8"))
        except (ValueError, RecursionError) as error:
            message = f"{path} is no JSON ({error}); save the search result as GeoJSON"
            raise ValueError(message) from None
    if isinstance(source, Mapping):
        listed = source.get("features", source.get("items"))
        source = [source] if listed is None else listed
    if not isinstance(source, Iterable):
        message = f"read_scenes needs a list of records, got {type(source).__name__}"
        raise ValueError(message)
    return list(source)


class _Record:
    """One scene; what ASF's properties do not say is looked up in UMM."""

    def __init__(self, item: Mapping[str, Any]) -> None:
        self.properties: Mapping[str, Any] = item.get("properties") or {}
        self.umm: Mapping[str, Any] = item.get("umm") or {}
        self.attributes: dict[str, list[str]] = {
            entry["Name"]: entry["Values"] for entry in self.umm.get("AdditionalAttributes", [])
        }

    def told(self, key: str, attribute: str = "") -> Any:
        """A property, else the first value of a UMM attribute; None where neither says."""
        value = self.properties.get(key)
        if value in (None, "None") and attribute in self.attributes:
            value = self.attributes[attribute][0]
        return None if value in (None, "None", "NA") else value

    def row(self) -> dict[str, Any]:
        """What the table says of it."""
        name = self.told("sceneName") or self.umm.get("GranuleUR")
        extent = self.umm.get("TemporalExtent", {}).get("RangeDateTime", {})
        start = self.told("startTime") or extent.get("BeginningDateTime") or "NaT"
        if not name:
            message = "it has no name (sceneName, or GranuleUR in umm)"
            raise ValueError(message)
        product = str(self.told("processingLevel") or self.told("", "PROCESSING_TYPE") or "")
        polarization = self._polarization()
        longitude, latitude = self.middle()
        url = self.told("url") or next(
            (link["URL"] for link in self.umm.get("RelatedUrls", [])), None
        )
        orbits = self.umm.get("OrbitCalculatedSpatialDomains") or [{}]
        direction = str(self.told("flightDirection", "ASCENDING_DESCENDING") or "")
        return {
            "name": str(name),
            "product": product,
            "stack": self._stack(product, polarization),
            "path": _whole(self.told("pathNumber", "PATH_NUMBER")),
            "frame": _whole(self.told("frameNumber", "FRAME_NUMBER")),
            "orbit": _whole(self.told("orbit") or orbits[0].get("OrbitNumber")),
            "direction": direction.lower(),
            "polarization": polarization,
            "platform": str(self.told("platform", "ASF_PLATFORM") or "").upper(),
            "start_time": _moment(start),
            "longitude": longitude,
            "latitude": latitude,
            "url": url,
            "perpendicular_baseline": np.nan,
        }

    def _polarization(self) -> str:
        told = self.properties.get("polarization") or self.attributes.get("POLARIZATION") or ""
        return "+".join(told) if isinstance(told, list) else str(told)

    def _stack(self, product: str, polarization: str) -> str:
        burst = (self.properties.get("burst") or {}).get("fullBurstID") or self.told(
            "operaBurstID", "OPERA_BURST_ID"
        )
        burst = burst or self.told("", "BURST_ID_FULL")
        frame = (
            f"{self.told('pathNumber', 'PATH_NUMBER')}/{self.told('frameNumber', 'FRAME_NUMBER')}"
        )
        kind = "" if product in ("BURST", "") else f" {product}"
        return f"{burst or frame}{kind} {polarization}".strip()

    def middle(self) -> tuple[float, float]:
        """Longitude and latitude of the middle; NaN unknown."""
        longitude, latitude = (
            self.told(f"center{axis}", f"CENTER_{axis.upper()}") for axis in ("Lon", "Lat")
        )
        if longitude is None or latitude is None:
            return float("nan"), float("nan")
        return float(longitude), float(latitude)

    def orbit(self, epoch: np.datetime64) -> Orbit | None:
        """State vectors, in seconds from an epoch, with the cubic's ends drawn out."""
        from scipy.interpolate import CubicHermiteSpline

        vectors: dict[str, list[npt.NDArray[np.float64]]] = {"POSITION": [], "VELOCITY": []}
        times = []
        for role in ("PRE", "POST"):
            for kind, found in vectors.items():
                entry = self.attributes.get(f"SV_{kind}_{role}", [""])[0].split(",")
                if len(entry) != 4:
                    return None
                found.append(np.array(entry[:3], "float64"))
            times.append(_moment(entry[3]))
        seconds = (np.array(times) - epoch) / np.timedelta64(1, "s")
        if not seconds[1] > seconds[0]:
            return None
        path = CubicHermiteSpline(seconds, vectors["POSITION"], vectors["VELOCITY"])
        when = np.array([seconds[0] - REACH, *seconds, seconds[1] + REACH])
        return Orbit(when, path(when), path.derivative()(when))


def _moment(text: str) -> np.datetime64:
    """A time in UTC, whatever its zone."""
    import pandas as pd

    moment = pd.Timestamp(text)
    moment = moment if moment.tzinfo is None else moment.tz_convert("UTC").tz_localize(None)
    found: np.datetime64 = moment.as_unit("ns").to_datetime64()
    return found


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)


def _baselines(records: list[_Record]) -> npt.NDArray[np.float64]:
    """Metres relative to one scene, from orbits where they are told, else as ASF computed."""
    from pyproj import Transformer

    epoch = np.datetime64("2014-01-01", "ns")
    orbits = [_told(record.orbit, number, epoch) for number, record in enumerate(records)]
    first = next((i for i, orbit in enumerate(orbits) if orbit is not None), None)
    longitude, latitude = (np.nan, np.nan) if first is None else records[first].middle()
    if first is not None and np.isfinite(longitude):
        to_space = Transformer.from_crs(4979, 4978, always_xy=True)
        ground = np.array(to_space.transform(longitude, latitude, 0.0))
        return perpendicular_baselines(orbits, ground)
    told = [record.told("perpendicularBaseline") for record in records]
    return np.array([np.nan if value is None else float(value) for value in told], "float64")
