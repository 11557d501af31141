from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ironhull.chunked.crc64 import crc64

_POLYNOMIAL = 0xD800000000000000


def one_by_one(data: bytes) -> int:
    """The definition: bit by bit."""
    register = 2**64 - 1
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (_POLYNOMIAL if register & 1 else 0)
    return register ^ (2**64 - 1)


def test_the_checksum_is_the_one_that_the_catalogue_of_crcs_lists():
    assert crc64(b"123456789") == 0xB90956C775A41001


@given(st.binary(max_size=200))
def test_short_contents_have_the_checksum_of_the_definition(data):
    assert crc64(data) == one_by_one(data)


@given(st.integers(4000, 20_000), st.integers(0, 255))
def test_contents_of_several_rows_too(size, seed):
    data = (bytes([seed]) + bytes(range(256)) * (size // 256 + 1))[:size]
    assert crc64(data) == one_by_one(data)


@given(st.binary(max_size=9000), st.binary(max_size=9000))
def test_a_content_may_come_in_pieces(first, second):
    assert crc64(second, crc64(first)) == crc64(first + second)
