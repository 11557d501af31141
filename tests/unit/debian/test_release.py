from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironhull.debian.release import parse_release
from ironhull.errors import MalformedError

HEX = "ab" * 32
RELEASE = f"""\
Origin: Debian
Label: Debian-Security
Suite: stable-security
Codename: trixie-security
Version: 13
Date: Sat, 21 Nov 2026 00:53:03 UTC
Valid-Until: Sat, 28 Nov 2026 00:53:03 +0000
Acquire-By-Hash: yes
No-Support-for-Architecture-all: Packages
Architectures: all amd64 arm64
Components: updates/main updates/contrib
MD5Sum:
 00 1 main/x
SHA256:
 {HEX}  17 main/binary-amd64/Packages.xz
 {HEX} 0 main/binary-amd64/Packages
"""


def test_every_field_is_read() -> None:
    release = parse_release(RELEASE.encode(), "r")
    assert release.date == datetime(2026, 11, 21, 0, 53, 3, tzinfo=UTC)
    assert release.valid_until == datetime(2026, 11, 28, 0, 53, 3, tzinfo=UTC)
    assert (release.suite, release.codename) == ("stable-security", "trixie-security")
    assert (release.origin, release.label, release.version) == ("Debian", "Debian-Security", "13")
    assert release.components == ("main", "contrib")
    assert release.architectures == ("all", "amd64", "arm64")
    assert release.by_hash
    assert not release.all_is_separate
    assert release.files["main/binary-amd64/Packages.xz"].size == 17
    assert release.files["main/binary-amd64/Packages.xz"].digest == f"sha256:{HEX}"
    assert set(release.files) == {"main/binary-amd64/Packages.xz", "main/binary-amd64/Packages"}


def test_what_is_absent_has_its_meaning() -> None:
    release = parse_release(b"Date: Sat, 1 Feb 2025 1:02:03 +0130\nSHA256:\n", "r")
    assert release.date == datetime(2025, 1, 31, 23, 32, 3, tzinfo=UTC)
    assert release.valid_until is None
    assert not release.by_hash
    assert release.files == {}


def test_all_is_separate_unless_the_release_says_otherwise() -> None:
    text = RELEASE.replace("No-Support-for-Architecture-all: Packages\n", "")
    assert parse_release(text.encode(), "r").all_is_separate


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("Date: Sat, 21 Nov 2026 00:53:03 UTC\n", "", "no Date"),
        ("21 Nov 2026", "31 Nov 2026", "date is not a date"),
        ("21 Nov 2026", "21 Nix 2026", "date is not a date"),
        ("03 UTC", "03 PST", "date is not a date"),
        ("00:53:03 +0000", "00:53:03", "valid-until is not a date"),
        ("21 Nov 2026 00:53:03 UTC", "1 Jan 0001 00:53:03 +2359", "date is not a date"),
        ("SHA256:", "SHA1:", "no SHA256 table"),
        (f" {HEX} 0", f" {HEX[1:]} 0", "not a line of a SHA256 table"),
        (f" {HEX} 0", f" {HEX} -1", "not a line of a SHA256 table"),
        (f" {HEX} 0", f" {HEX} " + "9" * 20, "not a line of a SHA256 table"),
        (f" {HEX} 0", f" {HEX} \u0663", "not a line of a SHA256 table"),
    ],
)
def test_a_wrong_field_is_named(old: str, new: str, fault: str) -> None:
    text = RELEASE.replace(old, new, 1).encode()
    with pytest.raises(MalformedError, match=fault):
        parse_release(text, "r")


@given(st.integers(0, len(RELEASE) - 1), st.integers(1, 40), st.text(max_size=6))
def test_a_release_that_is_mangled_anywhere_is_read_or_refused(
    place: int, length: int, text: str
) -> None:
    mangled = RELEASE[:place] + text + RELEASE[place + length :]
    try:
        release = parse_release(mangled.encode("utf-8", "surrogatepass"), "r")
    except MalformedError:
        return
    assert all(file.size >= 0 and len(file.digest) == 71 for file in release.files.values())
