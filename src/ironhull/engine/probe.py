"""The smallest programs there are: one ends at once, one waits for ever, one prints a file.

Made here, byte by byte, so that engines can be tried out without any image, and so that a
container of an image without a shell can be kept open while programs are run in it, and that an
image without any program can show what a program finds in it.
"""

from __future__ import annotations

import os
import platform
import secrets
import struct
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from ironhull.errors import EngineError
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import digest_of
from ironhull.oci.document import Document, canonical
from ironhull.oci.media_types import OCI_CONFIG, OCI_LAYER_TAR, OCI_MANIFEST
from ironhull.oci.tar import FILE
from ironhull.oci.tar_writer import TarHeader, TarWriter
from ironhull.store.choice import machine_platform
from ironhull.store.layout import ImageLayout

PROBE_COMMAND = "/probe"
_ADDRESS = 0x400000
# Machine number of ELF, then code: exit(0); pause() or ppoll(0, 0, 0, 0) in a loop;
# fd = open(argv[1]), read(fd) 64 KiB and write(1) until there is no more, exit(0), exit(1) after an
# error. Not sendfile(2): it takes no file of /proc.
_CODE = {
    "x86_64": (
        62,
        bytes.fromhex("b83c000000 31ff 0f05"),
        bytes.fromhex("b822000000 0f05 ebf7"),
        bytes.fromhex(
            "488b7c241031f6b8020000000f0585c078344189c44881ec000001004489e748"
            "89e6ba0000010031c00f0585c07817741c89c2bf010000004889e6b801000000"
            "0f0585c079d6bf01000000eb0231ffb83c0000000f05"
        ),
    ),
    "aarch64": (
        183,
        struct.pack("<3I", 0xD2800000, 0xD2800BA8, 0xD4000001),
        struct.pack(
            "<7I",
            *(0xD2800000, 0xD2800001, 0xD2800002, 0xD2800003, 0xD2800928),
            *(0xD4000001, 0x17FFFFFA),
        ),
        struct.pack(
            "<27I",
            *(0xF9400BE1, 0x92800C60, 0xD2800002, 0xD2800003, 0xD2800708, 0xD4000001, 0xB7F80200),
            *(0xAA0003F3, 0xD14043FF, 0xAA1303E0, 0x910003E1, 0xD2A00022, 0xD28007E8, 0xD4000001),
            *(0xB7F80100, 0xB4000120, 0xAA0003E2, 0xD2800020, 0x910003E1, 0xD2800808, 0xD4000001),
            *(0xB6FFFE80, 0xD2800020, 0x14000002, 0xD2800000, 0xD2800BA8, 0xD4000001),
        ),
    ),
}


def exit_program() -> bytes:
    """A static ELF executable that ends with exit code 0."""
    return _elf(1)


def pause_program() -> bytes:
    """A static ELF executable that sleeps until it is killed."""
    return _elf(2)


def read_program() -> bytes:
    """A static ELF executable that prints the file that its argument names; 1 if it cannot."""
    return _elf(3)


def _elf(which: int) -> bytes:
    machine = platform.machine()
    if machine not in _CODE:
        raise EngineError(
            f"images cannot be tried out on {machine} (known: {', '.join(sorted(_CODE))})"
        )
    number, code = _CODE[machine][0], _CODE[machine][which]
    assert isinstance(number, int)  # noqa: S101 - the table above
    assert isinstance(code, bytes)  # noqa: S101
    start = 64 + 56
    size = start + len(code)
    ident = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)
    # e_type EXEC, one program header right behind this header, no sections.
    head = struct.pack(
        "<HHIQQQIHHHHHH", 2, number, 1, _ADDRESS + start, 64, 0, 0, 64, 56, 1, 0, 0, 0
    )
    load = struct.pack("<IIQQQQQQ", 1, 5, 0, _ADDRESS, _ADDRESS, size, size, 0x1000)
    return ident + head + load + code


def probe_image(layout: ImageLayout) -> Descriptor:
    """An image with nothing in it but the program that ends at once, as its command."""
    pieces: list[bytes] = []
    writer = TarWriter(pieces.append)
    writer.add(TarHeader(PROBE_COMMAND.lstrip("/"), FILE, 0o755), exit_program())
    writer.end()
    layer = b"".join(pieces)
    config = canonical(
        {
            **machine_platform().json(),
            "config": {"Cmd": [PROBE_COMMAND]},
            "rootfs": {"type": "layers", "diff_ids": [digest_of(layer)]},
        }
    )
    document = Document.of(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": Descriptor(OCI_CONFIG, layout.blobs.put(config), len(config)).json(),
            "layers": [Descriptor(OCI_LAYER_TAR, layout.blobs.put(layer), len(layer)).json()],
        }
    )
    layout.blobs.put(document.raw)
    return document.descriptor()


class _Loads(Protocol):
    def load(self, layout: ImageLayout, manifest: Descriptor, names: Sequence[str]) -> str: ...

    def remove(self, image: str) -> None: ...


@contextmanager
def loaded_probe(engine: _Loads) -> Iterator[str]:
    """The probe's image in the engine, by a name of this process; gone afterwards."""
    name = f"localhost/ironhull-probe:{os.getpid()}-{secrets.token_hex(4)}"
    with tempfile.TemporaryDirectory(prefix="ironhull-probe-") as folder:
        layout = ImageLayout(Path(folder) / "layout", create=True)
        engine.load(layout, probe_image(layout), [name])
    try:
        yield name
    finally:
        engine.remove(name)
