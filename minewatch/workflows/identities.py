"""What a file, a folder or an image of a catalogue is known by: a digest of what is in it.

Whether an input is still what it was must be told without reading gigabytes again. Small files are
digested whole; of large ones the size and sixteen pieces, spread evenly from the first byte to the
last. So a copy is the same as its original, another image of the same name is not, and one byte
that is altered in the midst of a large file may pass.

What belongs to a file is digested with it: the pixels beside a header, the columns beside outlines.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from minewatch.sources._pins import item_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pystac

__all__ = ["belongings", "bytes_of", "identity", "item_identity", "items_told", "plain_address"]

WHOLE = 64 * 2**20
"""Bytes up to which a file is digested whole."""
WHOLE_OF_MANY = 2**20
"""The same for each file of a store, and for each image of an item."""
PIECES, PIECE = 16, 2**16
"""Of a larger file: how many pieces are digested, and their bytes."""
SHAPEFILE = (".shx", ".dbf", ".prj", ".cpg")
"""What stands beside a ``.shp``."""
LARGE = 2**30
"""Bytes of a store from which on its files are treated as if they were sixteen times as large."""


def identity(path: Path) -> str:
    """What a file or a folder is known by. Reads it, or pieces of it.

    Parameters
    ----------
    path : pathlib.Path
        A file, or a folder such as a Zarr store.

    Returns
    -------
    str
        ``sha256:…`` of a file up to 64 MiB, as ``sha256sum`` gives it; ``pieces-sha256:…`` of a
        larger one, of its size and its pieces; ``with-sha256:…`` of a file and of what belongs to
        it (:func:`belongings`); ``tree-sha256:…`` of a folder, of the names and identities of all
        its files but hidden ones; empty if nothing is there.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     (Path(folder) / "a.txt").write_text("abc")
    ...     print(identity(Path(folder) / "a.txt")[:20], identity(Path(folder))[:16])
    3
    sha256:ba7816bf8f01c tree-sha256:98a1
    """
    if path.is_file():
        return _of_one(path, whole=WHOLE)
    if not path.is_dir():
        return ""
    digest = hashlib.sha256()
    coarser = 16 if bytes_of(path) > LARGE else 1
    for file in _files(path):
        known = _of_file(file, whole=WHOLE_OF_MANY // coarser, piece=PIECE // coarser)
        told = [file.relative_to(path).as_posix(), known]
        digest.update(json.dumps(told).encode())
    return f"tree-sha256:{digest.hexdigest()}"


def belongings(path: Path) -> list[Path]:
    """What lies beside a file and is read with it.

    Parameters
    ----------
    path : pathlib.Path
        The file.

    Returns
    -------
    list of pathlib.Path
        Of BEAM-DIMAP (``x.dim``) the folder ``x.data``; of a shapefile index, columns, CRS and
        encoding; of any other file its ENVI header, ``x.hdr`` or ``x.img.hdr``.

    Examples
    --------
    >>> belongings(Path("nowhere.shp"))
    []
    """
    kind = path.suffix.lower()
    if kind == ".dim":
        beside = {path.with_suffix(".data")}
    elif kind == ".shp":
        beside = {path.with_suffix(end) for one in SHAPEFILE for end in (one, one.upper())}
    else:
        beside = {path.with_suffix(".hdr"), path.with_name(f"{path.name}.hdr")}
    return sorted(one for one in beside - {path} if one.exists())


def bytes_of(path: Path) -> int:
    """Size of a file and of what belongs to it, or of all files of a folder but hidden ones.

    Parameters
    ----------
    path : pathlib.Path
        File or folder; it need not be there.

    Returns
    -------
    int
        Bytes.
    """
    if path.is_file():
        return path.stat().st_size + sum(map(bytes_of, belongings(path)))
    return sum(file.stat().st_size for file in _files(path)) if path.is_dir() else 0


def _files(folder: Path) -> Iterator[Path]:
    return (
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(p.startswith(".") for p in path.relative_to(folder).parts)
    )


def _of_one(path: Path, *, whole: int) -> str:
    """Of a file and of what belongs to it."""
    known = _of_file(path, whole=whole)
    if not (beside := belongings(path)):
        return known
    # The endings, not the names: a renamed copy is the same.
    told = [[one.name.removeprefix(path.stem), _of_it(one, whole=whole)] for one in beside]
    content = json.dumps([known, *told]).encode()
    return f"with-sha256:{hashlib.sha256(content).hexdigest()}"


def _of_it(path: Path, *, whole: int) -> str:
    return identity(path) if path.is_dir() else _of_file(path, whole=whole)


def _of_file(path: Path, *, whole: int, piece: int | None = None) -> str:
    piece = PIECE if piece is None else piece
    size = path.stat().st_size
    with path.open("rb") as file:
        if size <= whole:
            return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
        digest = hashlib.sha256(str(size).encode())
        for at in range(PIECES):
            file.seek((size - piece) * at // (PIECES - 1))
            digest.update(file.read(piece))
    return f"pieces-sha256:{digest.hexdigest()}"


def item_identity(item: pystac.Item) -> str:
    """What an image of a catalogue is known by. Reads images that lie on this machine.

    Its id, properties and footprint; of each asset the address without what signs it, checksum and
    size where the catalogue tells them (the STAC file extension), and the identity of a local file.
    Nothing is asked of a server: an image that was replaced on one, under its own address and with
    no word of it in the catalogue, is not noticed.

    Parameters
    ----------
    item : pystac.Item
        The image.

    Returns
    -------
    str
        ``item-sha256:…``.
    """
    assets = {}
    for key, asset in item.assets.items():
        href = asset.get_absolute_href() or asset.href
        facts = asset.extra_fields
        local = _local(href)
        told = [plain_address(href), facts.get("file:checksum"), facts.get("file:size")]
        if local is not None and local.is_file():
            told.append(_of_one(local, whole=WHOLE_OF_MANY))
        assets[key] = told
    # Properties as the catalogue has them: what stands in the file, or was sent.
    content = [item.collection_id, item.id, item.properties, item.geometry, item.bbox, assets]
    text = json.dumps(content, sort_keys=True, default=str)
    return f"item-sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _local(href: str) -> Path | None:
    parts = urlsplit(href)
    if parts.scheme == "file":
        return Path(unquote(parts.path))
    return None if "://" in href else Path(href)


def plain_address(href: str) -> str:
    """An address without query and fragment, in which signatures stand.

    Parameters
    ----------
    href : str
        Address or path.

    Returns
    -------
    str
        What names the file.

    Examples
    --------
    >>> plain_address("https://blob.test/B04.tif?sig=secret")
    'https://blob.test/B04.tif'
    """
    return href.partition("?")[0] if "://" in href else href


def items_told(items: Iterable[pystac.Item], what: str) -> list[dict[str, Any]]:
    """Images of a catalogue as inputs of a record.

    Parameters
    ----------
    items : iterable of pystac.Item
        The images.
    what : str
        What they are, e.g. the sensor.

    Returns
    -------
    list of dict
        ``what``, ``name`` (collection and id), ``digest``, ``at`` (where the item is).
    """
    return [
        {
            "what": what,
            "name": item_name(item),
            "digest": item_identity(item),
            "at": plain_address(item.get_self_href() or ""),
        }
        for item in items
    ]
