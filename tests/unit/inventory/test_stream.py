import gzip
import hashlib
import io
import os
import random
import zlib

import pytest
import zstandard

from ironhull.errors import MalformedError, UntrustedError
from ironhull.inventory.stream import Expected, LayerStream, StreamLimits

TEXT = random.Random(1).randbytes(700_000) + bytes(900_000)


def digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def read(
    data: bytes, expected: Expected | None = None, limits: StreamLimits | None = None
) -> tuple[bytes, LayerStream]:
    with LayerStream(io.BytesIO(data), expected or Expected("layer"), limits) as stream:
        return b"".join(stream), stream


FORMS = {
    "plain": TEXT,
    "gzip": gzip.compress(TEXT),
    "members": gzip.compress(TEXT[:100]) + gzip.compress(TEXT[100:]),
    "padded": gzip.compress(TEXT) + bytes(1000),
    "empty member": gzip.compress(TEXT) + gzip.compress(b""),
    "zstd": zstandard.compress(TEXT),
    "frames": zstandard.compress(TEXT[:100]) + zstandard.compress(TEXT[100:]),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_compression_is_told_by_its_bytes_and_measured(form: str) -> None:
    data = FORMS[form]
    expected = Expected("layer", digest(data), digest(TEXT), len(data))
    text, stream = read(data, expected)
    assert text == TEXT
    assert (stream.digest, stream.diff_id) == (digest(data), digest(TEXT))
    assert (stream.stored, stream.uncompressed) == (len(data), len(TEXT))


def test_a_gzip_of_exactly_one_chunk_of_output_ends() -> None:
    for size in (256 * 1024, 512 * 1024, 256 * 1024 - 1):
        assert len(read(gzip.compress(bytes(size)))[0]) == size


@pytest.mark.parametrize(
    "wrong",
    [
        Expected("layer", digest=digest(b"")),
        Expected("layer", diff_id=digest(b"")),
        Expected("layer", size=7),
        Expected("layer", size=10**9),
    ],
)
@pytest.mark.parametrize("form", ["plain", "gzip", "zstd"])
def test_bytes_that_are_not_the_promised_ones_are_refused(form: str, wrong: Expected) -> None:
    with pytest.raises(UntrustedError, match="layer"):
        read(FORMS[form], wrong)


@pytest.mark.parametrize(("form", "place"), [("gzip", 350_000), ("members", 90), ("zstd", 9)])
def test_damaged_data_is_refused(form: str, place: int) -> None:
    data = bytearray(FORMS[form])
    data[place : place + 3] = b"\xff\xff\xff"
    with pytest.raises(MalformedError, match="layer: damaged"):
        read(bytes(data))


def test_gzip_that_is_cut_off_is_refused() -> None:
    with pytest.raises(MalformedError, match="too early"):
        read(FORMS["gzip"][:-20])


def test_garbage_behind_gzip_is_refused() -> None:
    with pytest.raises(MalformedError, match="gzip"):
        read(FORMS["gzip"] + b"garbage")


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_a_bomb_is_refused_by_what_it_swells_to(pack: object) -> None:
    bomb = pack(bytes(4 << 20))  # type: ignore[operator]
    limits = StreamLimits(ratio=100, ratio_from=1 << 20)
    with pytest.raises(MalformedError, match="bomb"):
        read(bomb, limits=limits)
    assert len(read(bomb)[0]) == 4 << 20


def test_a_layer_beyond_the_limit_is_refused() -> None:
    with pytest.raises(MalformedError, match="larger than 1000000"):
        read(TEXT, limits=StreamLimits(uncompressed=1_000_000))


def test_a_reader_that_stops_early_leaves_no_thread() -> None:
    with LayerStream(io.BytesIO(TEXT * 10), Expected("layer")) as stream:
        next(iter(stream))
    assert not stream._thread.is_alive()


def test_what_fails_while_reading_comes_out_where_it_is_read() -> None:
    class Broken:
        def read(self, size: int, /) -> bytes:
            raise OSError("gone")

    with pytest.raises(OSError, match="gone"), LayerStream(Broken(), Expected("layer")) as stream:
        list(stream)


def test_deflate_blocks_of_stored_bytes_do_not_confuse_the_end() -> None:
    packed = zlib.compressobj(0, zlib.DEFLATED, 31)
    data = os.urandom(300_000)
    assert read(packed.compress(data) + packed.flush())[0] == data
