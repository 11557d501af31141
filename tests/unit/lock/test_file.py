import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.archive import fake_archive, fake_definition, release

from ironhull import __version__
from ironhull.definition.model import BuildStage, PackageRequest, Place
from ironhull.errors import LockError
from ironhull.lock.diff import diff
from ironhull.lock.file import lock_path, parse_lock, read_lock, render_lock, write_lock
from ironhull.lock.make import make_lock
from ironhull.lock.model import (
    BrokenEdge,
    Lock,
    LockedPackage,
    LockedPlatform,
    Reason,
    ReasonKind,
)
from ironhull.oci.platform import Platform

TEXT = """
nodejs 20.19 suite=trixie-security source=node
  Depends: libnode115 (= 20.19), awk
libnode115 20.19
mawk 1:1.3~x+b1
  Provides: awk
gawk 5
  Provides: awk
other 1
"""


def made() -> Lock:
    definition = fake_definition(
        "nodejs", "!other", platforms=("linux/amd64", "linux/arm64", "linux/arm/v7")
    )
    archives = {p: fake_archive(TEXT, p.debian) for p in definition.platforms}
    return make_lock(definition, archives)


def changed(change: Callable[[Any], None]) -> bytes:
    value = json.loads(render_lock(made()))
    change(value)
    return json.dumps(value).encode()


def test_the_lock_stands_beside_the_definition() -> None:
    assert lock_path(Path("images/python/3.13.yaml")) == Path("images/python/3.13.lock.json")


def test_a_lock_survives_the_file(tmp_path: Path) -> None:
    path = tmp_path / "20.lock.json"
    write_lock(path, made())
    assert read_lock(path) == made()
    assert path.read_bytes() == render_lock(read_lock(path))


def built_lock(text: str = TEXT) -> Lock:
    """The lock of an image with a build stage that needs what the image does not have."""
    place = Place("1.yaml", 7, 3)
    stage = BuildStage(
        "web", place, None, (PackageRequest("other", place),), (), (), (), None, (), (), ()
    )
    definition = replace(fake_definition("nodejs"), builds=(stage,))
    archives = {p: fake_archive(text, p.debian) for p in definition.platforms}
    return make_lock(definition, archives)


def test_a_lock_has_the_packages_of_build_stages_and_says_whose_they_are(tmp_path: Path) -> None:
    lock = built_lock(TEXT + "base-files 13\n")
    (platform,) = lock.platforms.values()
    assert {p.name for p in platform.stages["web"].packages} == {"base-files", "other"}
    assert "other" not in {p.name for p in platform.packages}
    assert "other (in stage web)" in lock.requests
    path = tmp_path / "20.lock.json"
    write_lock(path, lock)
    assert read_lock(path) == lock
    newer = built_lock(TEXT.replace("other 1", "other 2") + "base-files 13\n")
    (change,) = diff(lock, newer).packages
    assert str(change).startswith("other (in stage web) 1 → 2")


def test_a_lock_without_stages_has_the_bytes_that_it_always_had() -> None:
    assert b'"stages"' not in render_lock(made())


def test_the_file_is_sorted_and_ends_in_a_newline() -> None:
    text = render_lock(made()).decode()
    assert text.endswith("}\n")
    assert '"ironhull-lock": 1' in text
    value = json.loads(text)
    assert list(value) == sorted(value)
    names = [package["name"] for package in value["platforms"]["linux/amd64"]["packages"]]
    assert names == ["gawk", "libnode115", "nodejs"]


NAMES = st.from_regex(r"[a-z0-9][a-z0-9+.-]{1,12}", fullmatch=True)
VERSIONS = st.from_regex(r"([0-9]:)?[0-9][a-z0-9.+~]{0,8}(-[0-9a-z.+~]{1,5})?", fullmatch=True)
DIGESTS = st.from_regex(r"sha256:[0-9a-f]{64}", fullmatch=True)
WORDS = st.text(st.characters(categories=("L", "N", "P", "S")), max_size=20)


@st.composite
def packages(draw: st.DrawFn) -> tuple[LockedPackage, ...]:
    names = sorted(draw(st.sets(NAMES, min_size=1, max_size=5)))
    return tuple(
        LockedPackage(
            name=name,  # type: ignore[arg-type]
            version=draw(VERSIONS),
            architecture=draw(st.sampled_from(["amd64", "all"])),
            source=draw(NAMES),
            source_version=draw(VERSIONS),
            sha256=draw(DIGESTS),
            size=draw(st.integers(1, 2**32)),
            path=f"pool/main/x/{name}.deb",
            repository="debian",
            suite="trixie",
            component="main",
            reasons=tuple(
                Reason(kind, draw(st.sampled_from(names)), draw(WORDS), draw(WORDS))
                for kind in draw(st.lists(st.sampled_from(ReasonKind), min_size=1, max_size=3))
            ),
        )
        for name in names
    )


@given(packages(), st.lists(st.builds(BrokenEdge, NAMES, WORDS, NAMES), max_size=2), WORDS)
def test_any_lock_survives_the_file(
    chosen: tuple[LockedPackage, ...], broken: list[BrokenEdge], value: str
) -> None:
    lock = replace(
        made(),
        platforms={"linux/amd64": LockedPlatform(chosen, tuple(broken))},
        releases=(release("trixie"),),
        variables={"NODE_VERSION": value},
    )
    data = render_lock(lock)
    assert parse_lock(data, "x.lock.json") == lock
    assert render_lock(parse_lock(data, "x.lock.json")) == data
    written = json.dumps(json.loads(data), indent=1, sort_keys=True, ensure_ascii=False)
    assert data.decode() == written + "\n"


def test_a_lock_that_the_steps_of_a_build_read_and_write_is_made_once() -> None:
    locks = [replace(made(), image=f"image{number}") for number in range(9)]
    written = [render_lock(lock) for lock in locks]
    assert [json.loads(each)["image"] for each in written] == [lock.image for lock in locks]
    assert render_lock(locks[-1]) is written[-1]
    assert parse_lock(written[-1], "a") is parse_lock(bytes(bytearray(written[-1])), "b")
    assert [parse_lock(each, "a") for each in written] == locks
    assert [render_lock(lock) for lock in locks] == written


def test_a_lock_of_another_format_is_refused_and_says_who_made_it() -> None:
    data = changed(lambda value: value.update({"ironhull-lock": 2, "made-by": "ironhull 9.0"}))
    with pytest.raises(LockError) as caught:
        parse_lock(data, "20.lock.json")
    message = str(caught.value)
    assert message.startswith("20.lock.json: lock format 2, made by ironhull 9.0")
    assert f"this is ironhull {__version__}, which reads format 1" in message
    assert "ironhull lock --update" in message


def test_a_lock_that_a_different_ironhull_made_in_this_format_is_read() -> None:
    assert parse_lock(changed(lambda v: v.update({"made-by": "ironhull 0.0.9"})), "x") == made()


def test_a_missing_lock_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(LockError, match=r"no lock at .*; make it with: ironhull lock .*20\.yaml"):
        read_lock(tmp_path / "20.lock.json")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b"\xff\xfe",
        b'{"ironhull-lock": true}',
        b'{"ironhull-lock": 1}',
        b'{"ironhull-lock": 1, "ironhull-lock": 1}',
        b'{"ironhull-lock": NaN}',
        b"[" * 100_000,
        b'{"ironhull-lock": ' + b"9" * 5000 + b"}",
    ],
)
def test_what_is_no_lock_is_refused(data: bytes) -> None:
    with pytest.raises(LockError, match=r"x\.lock\.json: "):
        parse_lock(data, "x.lock.json")


def test_a_file_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ironhull.lock.file.MAX_FILE", 100)
    write_lock(tmp_path / "x", made())
    with pytest.raises(LockError, match="larger than"):
        read_lock(tmp_path / "x")


def test_a_truncated_lock_is_refused_wherever_it_ends() -> None:
    data = render_lock(made())
    for end in range(0, len(data) - 2, 97):
        with pytest.raises(LockError):
            parse_lock(data[:end], "x")


PACKAGE_FAULTS = [
    ("name", "../../etc", "not possible"),
    ("name", "zz", "not sorted"),
    ("name", 7, "not a text"),
    ("version", "not a version", "version"),
    ("architecture", "s390x", "is of s390x"),
    ("sha256", "sha512:" + "0" * 128, "sha512"),
    ("sha256", "sha256:12", "not a digest"),
    ("sha256", None, "not a digest"),
    ("size", -1, "expected 1 to"),
    ("size", 0, "expected 1 to"),
    ("size", True, "expected 1 to"),
    ("size", 1.5, "expected 1 to"),
    ("size", 2**60, "expected 1 to"),
    ("path", "/etc/passwd", "not possible"),
    ("path", "pool/../../x.deb", "leaves the pool"),
    ("path", "pool/./x.deb", "leaves the pool"),
    ("path", "pool//x.deb", "not possible"),
    ("path", "https://evil/x.deb", "not possible"),
    ("path", "pool/x.deb?y", "not possible"),
    ("path", "pool\\x", "not possible"),
    ("path", "", "not possible"),
    ("suite", "bookworm", "not among the releases"),
    ("suite", "../x", "not possible"),
    ("repository", "other", "not among the releases"),
    ("component", "\x1b[31m", "not a text"),
    ("reasons", [], "nothing says why"),
    ("reasons", {}, "expected a list"),
    ("reasons", [{"kind": "wish", "by": "a", "relation": "b"}], "unknown"),
    ("reasons", [{"kind": "depends", "by": "gone", "relation": "b"}], "'gone', which is not"),
    ("reasons", [{"kind": "depends", "by": "nodejs"}], "relation is missing"),
    ("reasons", ["x"], "expected an object"),
    ("surprise", 1, "unknown key"),
]


@pytest.mark.parametrize(("key", "value", "message"), PACKAGE_FAULTS)
def test_every_field_of_a_package_is_checked(key: str, value: object, message: str) -> None:
    def change(lock: Any) -> None:
        lock["platforms"]["linux/amd64"]["packages"][0][key] = value

    with pytest.raises(LockError, match=message) as caught:
        parse_lock(changed(change), "20.lock.json")
    assert str(caught.value).startswith("20.lock.json: the lock is damaged: platforms.linux/amd64")
    assert "ironhull lock --update" in str(caught.value)


LOCK_FAULTS: list[tuple[str, object]] = [
    ("image", "Node"),
    ("image", "../x"),
    ("definition", "../20.yaml"),
    ("request", "sha256:xyz"),
    ("requests", "nodejs"),
    ("requests", ["node\njs"]),
    ("created", "2026-11-02T00:00:00Z"),
    ("created", "2026-13-01T00:00:00Z"),
    ("created", "yesterday"),
    ("releases", []),
    ("releases", [{}]),
    ("platforms", {}),
    ("platforms", []),
    ("platforms", {"linux/arm64/v8": {"packages": [], "broken": []}}),
    ("platforms", {"windows/amd64": {"packages": [], "broken": []}}),
    ("platforms", {"linux/amd64": {"packages": []}}),
    ("platforms", {f"linux/{n}": {} for n in range(100)}),
    ("variables", {"A B": "1"}),
    ("variables", {"A": 1}),
    ("variables", {"A": "1\x00"}),
    ("more", 1),
]


@pytest.mark.parametrize(("key", "value"), LOCK_FAULTS)
def test_every_field_of_a_lock_is_checked(key: str, value: object) -> None:
    with pytest.raises(LockError, match="the lock is damaged"):
        parse_lock(changed(lambda lock: lock.update({key: value})), "x")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("digest", "md5:0"),
        ("date", "2026-11-01"),
        ("valid-until", "soon"),
        ("signed-by", "me"),
        ("suite", ""),
        ("repository", "x y"),
        ("codename", 5),
    ],
)
def test_every_field_of_a_release_is_checked(key: str, value: object) -> None:
    with pytest.raises(LockError, match=r"releases\[0\]"):
        parse_lock(changed(lambda lock: lock["releases"][0].update({key: value})), "x")


def test_a_missing_key_is_named() -> None:
    with pytest.raises(LockError, match="request is missing"):
        parse_lock(changed(lambda lock: lock.pop("request")), "x")


@given(st.data())
def test_no_change_of_one_value_gives_anything_but_a_lock_or_a_lock_error(data: Any) -> None:
    value = json.loads(render_lock(made()))
    place: Any = value
    while True:
        keys = list(place) if isinstance(place, dict) else range(len(place))
        key = data.draw(st.sampled_from(list(keys)))
        if isinstance(place[key], dict | list) and place[key] and data.draw(st.integers(0, 3)):
            place = place[key]
            continue
        place[key] = data.draw(
            st.none()
            | st.booleans()
            | st.integers()
            | st.text(max_size=8)
            | st.lists(st.none(), max_size=1)
            | st.dictionaries(st.text(max_size=2), st.none(), max_size=1)
        )
        break
    try:
        lock = parse_lock(json.dumps(value).encode(), "x")
    except LockError:
        return
    assert parse_lock(render_lock(lock), "x") == lock


def test_arm_platforms_are_in_the_lock_by_their_oci_names() -> None:
    assert sorted(made().platforms) == ["linux/amd64", "linux/arm/v7", "linux/arm64"]
    assert Platform.parse("linux/arm/v7").debian == "armhf"
