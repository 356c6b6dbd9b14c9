"""Texts that come with images, as metadata and calibrations: read, and parsed with distrust."""

from __future__ import annotations

import time
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, url2pathname, urlopen
from xml.etree import ElementTree

if TYPE_CHECKING:
    from typing import NoReturn

__all__ = ["document", "parsed_xml"]

MAX_BYTES = 50_000_000
"""Such texts have about 1 MB; more is something else."""

PAUSE = 0.5
"""Seconds before a server is asked again, if it does not say how many."""

LONGEST_WAIT = 120.0
"""Seconds that a server may ask for before it is asked again."""


def document(href: str, *, timeout: float, max_retries: int, what: str) -> bytes:
    """What stands in a file of this machine or of a web server.

    Parameters
    ----------
    href : str
        Path, or address with http or https.
    timeout : float
        Seconds to wait for the server.
    max_retries : int
        How often it is asked again after 429, 5xx or a broken connection.
    what : str
        What it should be, for messages.

    Returns
    -------
    bytes
        All of it.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If the address is of another kind, or the file too large for such a text.
    """
    parts = urlsplit(href)
    if parts.scheme in {"", "file"}:
        path = Path(url2pathname(parts.path) if parts.scheme else href)
        with path.open("rb") as file:
            return _limited(file.read(MAX_BYTES + 1), href, what)
    if parts.scheme not in {"http", "https"}:
        message = (
            f"the {what} lies at {href}, and only http and https can be read; turn the "
            "address into one of these with load(..., sign=function)"
        )
        raise ValueError(message)
    for attempt in range(max_retries + 1):
        wait = PAUSE
        try:
            with urlopen(Request(href), timeout=timeout) as answer:
                content = answer.read(MAX_BYTES + 1)
                if answer.length and len(content) <= MAX_BYTES:
                    # Asked for so many bytes, it does not say that fewer came than promised.
                    message = f"IncompleteRead, {answer.length} bytes are missing"
                    raise OSError(message)
                return _limited(content, href, what)
        # Not the address itself in what is said: its query may hold a token.
        except HTTPError as error:
            if attempt == max_retries or not (error.code == 429 or error.code >= 500):
                message = f"HTTP status {error.code} for {parts.path}"
                raise OSError(message) from None
            wait = _asked_for(error.headers.get("Retry-After"))
        except (OSError, HTTPException) as error:
            if attempt == max_retries:
                message = f"{parts.path} cannot be read: {error or type(error).__name__}"
                raise OSError(message) from error
        time.sleep(wait)
    message = f"max_retries={max_retries} is below 0; use 0 for none"
    raise ValueError(message)


def _asked_for(seconds: str | None) -> float:
    """How long a server wants to be left alone; a date instead of seconds is not heeded."""
    if seconds is None or not seconds.strip().isdecimal():
        return PAUSE
    return min(float(seconds), LONGEST_WAIT)


def _limited(content: bytes, href: str, what: str) -> bytes:
    if len(content) > MAX_BYTES:
        message = f"{urlsplit(href).path} has more than {MAX_BYTES} bytes: no {what}"
        raise ValueError(message)
    return content


def parsed_xml(content: bytes | str) -> ElementTree.Element:
    """The root of an XML text that comes from anywhere.

    Parameters
    ----------
    content : bytes or str
        In any encoding.

    Returns
    -------
    xml.etree.ElementTree.Element
        The root.

    Raises
    ------
    ValueError
        If it is no XML, or declares a document type, with which entities come that grow.

    Examples
    --------
    >>> parsed_xml(b"<Tile><a>1</a></Tile>").findtext("a")
    '1'
    """
    try:
        return ElementTree.fromstring(content, ElementTree.XMLParser(target=_Plain()))
    except ElementTree.ParseError as error:
        message = f"it is no XML: {error}"
        raise ValueError(message) from error


class _Plain(ElementTree.TreeBuilder):
    """A tree without a document type: the parser, not a search, knows in which encoding."""

    def doctype(self, *_: str | None) -> NoReturn:
        """Refuse it."""
        message = "it declares a document type, which no such file needs"
        raise ValueError(message)
