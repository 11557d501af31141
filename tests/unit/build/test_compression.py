from __future__ import annotations

import pytest

from ironhull.build.compression import Compression
from ironhull.errors import InputError
from ironhull.oci.media_types import OCI_LAYER_GZIP, OCI_LAYER_ZSTD


@pytest.mark.parametrize(
    ("text", "whole", "media_type"),
    [
        ("zstd", "zstd:8", OCI_LAYER_ZSTD),
        ("zstd:19", "zstd:19", OCI_LAYER_ZSTD),
        ("zstd:chunked", "zstd:chunked:8", OCI_LAYER_ZSTD),
        ("zstd:chunked:3", "zstd:chunked:3", OCI_LAYER_ZSTD),
        ("gzip", "gzip:6", OCI_LAYER_GZIP),
        ("gzip:9", "gzip:9", OCI_LAYER_GZIP),
    ],
)
def test_a_compression_is_read_with_and_without_a_level(text, whole, media_type):
    found = Compression.parse(text)
    assert (str(found), found.media_type) == (whole, media_type)
    assert Compression.parse(whole) == found


@pytest.mark.parametrize(
    "text",
    [
        *("", "zip", "chunked", "zstd:", "zstd:x", "zstd:0", "zstd:20", "zstd:²"),
        *("gzip:10", "gzip:chunked", "zstd:chunked:", "zstd:chunked:20"),
    ],
)
def test_what_no_compression_has_is_refused(text):
    with pytest.raises(InputError, match="compression"):
        Compression.parse(text)


def test_layers_of_another_method_have_another_key():
    names = ("zstd", "zstd:chunked", "zstd:7", "gzip")
    assert len({Compression.parse(name).identity for name in names}) == len(names)
