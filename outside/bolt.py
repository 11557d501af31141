"""Writes a BoltDB file, the format of trivy's database, as one page per bucket tree.

Nested buckets are written inline (a bucket header with root 0, then a leaf page), whatever their
size, which readers of the format accept; only the outermost bucket has a page of its own.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PAGE = 4096
_LEAF, _META, _FREELIST = 0x02, 0x04, 0x10
_BUCKET = 0x01
_HEADER = struct.Struct("<QHHI")
_ELEMENT = struct.Struct("<IIII")

Tree = Mapping[bytes, Any]
"""Keys to values (bytes) or to nested trees."""


def write_bolt(path: Path, tree: Tree) -> None:
    """One file: two meta pages, an empty free list, and everything in one leaf."""
    leaf = _leaf(tree, 3)
    pages = -(-len(leaf) // PAGE)
    header = _HEADER.pack(3, _LEAF, len(tree), pages - 1)
    leaf = header + leaf[_HEADER.size :]
    freelist = _HEADER.pack(2, _FREELIST, 0, 0)
    with path.open("wb") as file:
        file.write(_meta(0, 3 + pages).ljust(PAGE, b"\0"))
        file.write(_meta(1, 3 + pages).ljust(PAGE, b"\0"))
        file.write(freelist.ljust(PAGE, b"\0"))
        file.write(leaf.ljust(pages * PAGE, b"\0"))


def _leaf(tree: Tree, number: int) -> bytes:
    items = [(key, *_value(tree[key])) for key in sorted(tree)]
    if len(items) > 0xFFFF:
        raise ValueError(f"{len(items)} keys in one bucket; a page holds 65535")
    table, data = [], []
    position = _ELEMENT.size * len(items)
    for index, (key, flags, value) in enumerate(items):
        start = position - _ELEMENT.size * index
        table.append(_ELEMENT.pack(flags, start, len(key), len(value)))
        data += [key, value]
        position += len(key) + len(value)
    return _HEADER.pack(number, _LEAF, len(items), 0) + b"".join(table) + b"".join(data)


def _value(value: Any) -> tuple[int, bytes]:
    if isinstance(value, Mapping):
        return _BUCKET, struct.pack("<QQ", 0, 0) + _leaf(value, 0)
    return 0, value


def _meta(number: int, pages: int) -> bytes:
    body = struct.pack("<IIIIQQQQQ", 0xED0CDAED, 2, PAGE, 0, 3, 0, 2, pages, number)
    return _HEADER.pack(number, _META, 0, 0) + body + struct.pack("<Q", _fnv64a(body))


def _fnv64a(data: bytes) -> int:
    value = 0xCBF29CE484222325
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return value
