from __future__ import annotations

import pytest

from ironhull.errors import InputError
from ironhull.oci.platform import Platform


def test_several_platforms_are_written_with_commas_or_one_by_one() -> None:
    amd64, arm64 = Platform("linux", "amd64"), Platform("linux", "arm64", "v8")
    assert Platform.parse_all(["linux/amd64,linux/arm64"]) == (amd64, arm64)
    assert Platform.parse_all(["linux/amd64", "linux/arm64, linux/amd64"]) == (amd64, arm64)
    assert Platform.parse_all([]) == ()


@pytest.mark.parametrize("text", ["", "amd64", "linux/", "linux/a/b/c", "linux/a b", "linux/\x1b"])
def test_what_is_no_platform_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="write for example linux/amd64"):
        Platform.parse(text)


def test_where_one_platform_is_meant_several_are_not_read_as_one_with_a_strange_name() -> None:
    with pytest.raises(InputError, match="one, for example linux/amd64"):
        Platform.parse("linux/amd64,linux/arm64")


@pytest.mark.parametrize("text", ["linux/amd64,", ",", "linux/amd64,,linux/arm64"])
def test_a_platform_is_missing_beside_a_comma(text: str) -> None:
    with pytest.raises(InputError, match="not a platform: ''"):
        Platform.parse_all([text])


def test_a_variant_that_one_side_leaves_out_is_any() -> None:
    v7, v6, arm = (Platform("linux", "arm", variant) for variant in ("v7", "v6", None))
    assert v7.serves(arm)
    assert arm.serves(v6)
    assert v7.serves(v7)
    assert not v7.serves(v6)
    assert not Platform("windows", "arm", "v7").serves(v7)
