"""The changelog as an Atom feed of one entry (RFC 4287), for who follows an image."""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree.ElementTree import Element, SubElement, tostring

from ironhull.changes.document import Json
from ironhull.changes.reports.text import render as text_of
from ironhull.changes.reports.words import summary

_ATOM = "http://www.w3.org/2005/Atom"


def render(document: Json) -> str:
    """A feed with this changelog."""
    return feed([document])


def feed(documents: Iterable[Json]) -> str:
    """A feed of one image's changelogs, the newest first; at least one.

    What stands in it is the same for the same changelogs: its moments are the images' own.
    """
    listed = list(documents)
    root = Element("feed", xmlns=_ATOM)
    _text(root, "title", f"Rebuilds of {listed[0]['image']}")
    _text(root, "id", f"urn:ironhull:changelog:{listed[0]['image']}")
    _text(root, "updated", _moment(listed[0]))
    _text(SubElement(root, "author"), "name", "Ironhull")
    for document in listed:
        entry = SubElement(root, "entry")
        after = document["after"]
        _text(entry, "title", f"{document['image']}: {summary(document)}")
        _text(entry, "id", f"urn:oci:{after['digest'] or after['manifest'] or document['made']}")
        _text(entry, "updated", _moment(document))
        content = _text(entry, "content", text_of(document))
        content.set("type", "text")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{tostring(root, encoding="unicode")}\n'


def _moment(document: Json) -> str:
    moment = document["after"]["created"] or document["made"]
    assert isinstance(moment, str)  # noqa: S101 - `document_of` writes texts
    return moment


def _text(parent: Element, name: str, text: str) -> Element:
    element = SubElement(parent, name)
    element.text = text
    return element
