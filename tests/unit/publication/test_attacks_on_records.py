"""Attacks on the record of publications: each is refused with its own reason."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.publication import bundle, chain, image, predicate
from tests.fakes.signer import FakeSigner

from ironhull.errors import MalformedError
from ironhull.oci.digest import digest_of
from ironhull.publication.chain import merged, open_chain
from ironhull.publication.folder import LogFolder
from ironhull.publication.refusal import LogReason, LogRefusedError
from ironhull.publication.seen import SeenRecords
from ironhull.publication.tiles import MAX_RECORD, RECORDS, check_sizes, pack, unpack
from ironhull.statements.kinds import SIGNATURE
from ironhull.verify.refusal import Reason
from ironhull.verify.trust import NamedKey, Trust

SIGNER, OTHER = FakeSigner(), FakeSigner()
TRUST = Trust((NamedKey("release", SIGNER.public),))
GOOD = chain(4, SIGNER)


def reason_of(lines: tuple[bytes, ...], trust: Trust = TRUST, repository: str = "app") -> str:
    with pytest.raises(LogRefusedError) as caught:
        open_chain(lines, repository, trust)
    assert len(str(caught.value)) < 1000
    return caught.value.reason


def test_a_good_chain_is_believed_and_read() -> None:
    entries = open_chain(GOOD, "app", TRUST)
    assert [each.record.number for each in entries] == [1, 2, 3, 4]
    assert [each.record.publication.image for each in entries] == [image(n) for n in (1, 2, 3, 4)]
    assert {each.signers[0].name for each in entries} == {"release"}
    assert not any(each.revoked for each in entries)


def test_fields_of_a_later_version_are_passed_over() -> None:
    assert len(open_chain(chain(2, SIGNER, {2: {"colour": "blue"}}), "app", TRUST)) == 2


def changed(which: int, /, **fields: Any) -> tuple[bytes, ...]:
    return chain(4, SIGNER, {which: fields})


def by(number: int, signer: FakeSigner) -> tuple[bytes, ...]:
    """Record `number` signed by somebody else, and the rest on top of it by the publisher."""
    before = chain(number - 1, SIGNER)
    before = chain(1, signer, before=before)
    return chain(4 - number, SIGNER, before=before)


def reordered(lines: tuple[bytes, ...]) -> tuple[bytes, ...]:
    return (lines[0], lines[2], lines[1], lines[3])


def resigned_payload(line: bytes, change: Callable[[str], str]) -> bytes:
    """The payload changed after it was signed."""
    value = json.loads(line)
    payload = base64.b64decode(value["dsseEnvelope"]["payload"]).decode()
    value["dsseEnvelope"]["payload"] = base64.b64encode(change(payload).encode()).decode()
    return json.dumps(value).encode()


ATTACKS: dict[str, tuple[Callable[[], tuple[bytes, ...]], str]] = {
    "records reordered": (lambda: reordered(GOOD), LogReason.WRONG_NUMBER),
    "a record taken out": (lambda: GOOD[:1] + GOOD[2:], LogReason.WRONG_NUMBER),
    "a record twice": (lambda: (*GOOD[:2], GOOD[1], *GOOD[2:]), LogReason.WRONG_NUMBER),
    "the first ones taken away": (lambda: GOOD[2:], LogReason.WRONG_NUMBER),
    "renumbered": (lambda: changed(3, number=5), LogReason.WRONG_NUMBER),
    "renumbered back": (lambda: changed(3, number=2), LogReason.WRONG_NUMBER),
    "first again": (lambda: changed(3, number=1, previous=None), LogReason.WRONG_NUMBER),
    "previous of another record": (
        lambda: changed(3, previous=digest_of(GOOD[0])),
        LogReason.BROKEN_CHAIN,
    ),
    "a record replaced by another good one": (
        lambda: (GOOD[0], chain(1, SIGNER, {2: {"tags": ["2"]}}, before=GOOD[:1])[1], *GOOD[2:]),
        LogReason.BROKEN_CHAIN,
    ),
    "previous missing": (lambda: changed(3, previous=None), LogReason.WRONG_FIELD),
    "first with a previous": (
        lambda: changed(1, previous=digest_of(b"x")),
        LogReason.WRONG_FIELD,
    ),
    "time goes back": (
        lambda: changed(3, published="2026-01-01T00:00:00Z"),
        LogReason.TIME_BACK,
    ),
    "record of another repository": (
        lambda: changed(3, repository="other"),
        LogReason.OTHER_REPOSITORY,
    ),
    "log of another repository": (
        lambda: chain(2, SIGNER, {n: {"repository": "other"} for n in (1, 2)}),
        LogReason.OTHER_REPOSITORY,
    ),
    "about another image": (
        lambda: (*GOOD, bundle(SIGNER, predicate(5, digest_of(GOOD[3])), about=image(1))),
        LogReason.OTHER_IMAGE,
    ),
    "another kind of statement": (
        lambda: (*GOOD, bundle(SIGNER, predicate(5, digest_of(GOOD[3])), kind=SIGNATURE)),
        LogReason.NOT_A_RECORD,
    ),
    "signed by another key": (lambda: by(4, OTHER), Reason.UNKNOWN_KEY),
    "in the middle by another key": (lambda: by(2, OTHER), Reason.UNKNOWN_KEY),
    "payload changed": (
        lambda: (*GOOD[:3], resigned_payload(GOOD[3], lambda text: text.replace("amd64", "arm64"))),
        Reason.UNKNOWN_KEY,
    ),
    "no JSON": (lambda: (*GOOD, b"record"), Reason.NOT_JSON),
    "a key twice": (
        lambda: (*GOOD[:3], GOOD[3].replace(b"{", b'{"mediaType":"x",', 1)),
        Reason.DUPLICATE_KEY,
    ),
    "no number": (lambda: changed(2, number=True), LogReason.WRONG_FIELD),
    "number of text": (lambda: changed(2, number="2"), LogReason.WRONG_FIELD),
    "huge number": (lambda: changed(2, number=10**30), LogReason.WRONG_FIELD),
    "digest of another algorithm": (
        lambda: changed(2, platforms=[{"platform": "linux/amd64", "digest": "md5:00"}]),
        LogReason.WRONG_FIELD,
    ),
    "a layer as image": (
        lambda: changed(
            2, image={"digest": image(2), "mediaType": "application/octet-stream", "size": 1}
        ),
        LogReason.WRONG_FIELD,
    ),
    "a tag that is none": (lambda: changed(2, tags=["../x"]), LogReason.WRONG_FIELD),
    "a tag twice": (lambda: changed(2, tags=["1", "1"]), LogReason.WRONG_FIELD),
    "too many tags": (
        lambda: changed(2, tags=[f"t{n}" for n in range(101)]),
        LogReason.WRONG_FIELD,
    ),
    "tags as text": (lambda: changed(2, tags="1"), LogReason.WRONG_FIELD),
    "a repository that leaves": (lambda: changed(2, repository="../x"), LogReason.WRONG_FIELD),
    "a platform with an escape": (
        lambda: changed(2, platforms=[{"platform": "\x1b[2J/a", "digest": image(1)}]),
        LogReason.WRONG_FIELD,
    ),
    "a statement without referrer": (
        lambda: changed(2, statements=[{"subject": image(2), "type": "x", "size": 1}]),
        LogReason.WRONG_FIELD,
    ),
    "statements that are no objects": (lambda: changed(2, statements=[1]), LogReason.WRONG_FIELD),
    "a VEX set without digest": (lambda: changed(2, vexSet={"number": 1}), LogReason.WRONG_FIELD),
    "a time without zone": (
        lambda: changed(2, published="2026-11-03T12:00:00"),
        LogReason.WRONG_FIELD,
    ),
    "a time that is none": (
        lambda: changed(2, published="2026-02-30T12:00:00Z"),
        LogReason.WRONG_FIELD,
    ),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_on_the_chain_is_refused_with_its_reason(attack: str) -> None:
    lines, reason = ATTACKS[attack]
    assert reason_of(lines()) == reason


def test_the_newest_record_by_a_revoked_key_is_refused() -> None:
    old = Trust((NamedKey("new", OTHER.public),), (NamedKey("old", SIGNER.public),))
    assert reason_of(GOOD, old) == Reason.REVOKED_KEY


def test_older_ones_by_a_revoked_key_stand_under_one_by_a_key_that_holds() -> None:
    old = Trust((NamedKey("new", OTHER.public),), (NamedKey("old", SIGNER.public),))
    entries = open_chain(chain(1, OTHER, before=GOOD), "app", old)
    assert [each.revoked for each in entries] == [True] * 4 + [False]


def test_a_record_by_a_key_of_which_nothing_is_known_is_not_vouched_for() -> None:
    only_new = Trust((NamedKey("new", OTHER.public),))
    assert reason_of(chain(1, OTHER, before=GOOD), only_new) == Reason.UNKNOWN_KEY


# -- what was seen ------------------------------------------------------------------------------


@pytest.fixture
def seen(tmp_path: Path) -> SeenRecords:
    seen = SeenRecords(tmp_path / "seen/publications.json")
    seen.remember("localhost:5000/app", GOOD[:3])
    return seen


def test_more_records_than_were_seen_are_welcome_and_remembered(seen: SeenRecords) -> None:
    seen.must_continue("localhost:5000/app", GOOD)
    seen.remember("localhost:5000/app", GOOD)
    found = seen.newest("localhost:5000/app")
    assert found is not None
    assert (found.number, found.digest) == (4, digest_of(GOOD[3]))
    seen.remember("localhost:5000/app", GOOD[:1])
    assert seen.newest("localhost:5000/app") == found


@pytest.mark.parametrize("lines", [GOOD[:2], (), None])
def test_fewer_records_than_were_seen_are_a_rollback(
    seen: SeenRecords, lines: tuple[bytes, ...] | None
) -> None:
    with pytest.raises(LogRefusedError, match="seen") as caught:
        seen.must_continue("localhost:5000/app", lines)
    assert caught.value.reason is LogReason.ROLLED_BACK


def test_another_record_of_a_seen_number_is_a_fork(seen: SeenRecords) -> None:
    forked = chain(3, SIGNER, {3: {"tags": ["2"]}}, before=GOOD[:2])
    with pytest.raises(LogRefusedError, match="another history") as caught:
        seen.must_continue("localhost:5000/app", forked)
    assert caught.value.reason is LogReason.FORKED


def test_what_was_seen_in_one_place_says_nothing_of_another(seen: SeenRecords) -> None:
    seen.must_continue("example.com/app", GOOD[:1])


@pytest.mark.parametrize("text", ["[]", "{", '{"a": 1}', '{"a": {"number": 1, "digest": "x"}}'])
def test_damaged_memory_is_said_and_not_taken_for_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "publications.json"
    path.write_text(text)
    with pytest.raises(MalformedError, match="damaged"):
        SeenRecords(path).must_continue("a", GOOD)


# -- tiles and files ----------------------------------------------------------------------------


def test_a_tile_that_was_swapped_breaks_the_chain() -> None:
    line = b"x"
    tiles = pack((line,) * RECORDS + (b"y",) * RECORDS + (b"z",))
    assert len(tiles) == 3
    swapped = unpack([tiles[1], tiles[0], tiles[2]], "here")
    with pytest.raises(LogRefusedError) as caught:
        merged((line,) * RECORDS, swapped, "here")
    assert caught.value.reason is LogReason.FORKED


@pytest.mark.parametrize(
    "tiles",
    [
        [b"a\n", b"b\n"],
        [b"a\n" * (RECORDS + 1)],
        [b"a"],
        [b""],
        [b"\n"],
        [b"a\n\nb\n"],
        [b"a\n" * RECORDS, b""],
    ],
)
def test_tiles_that_are_not_whole_are_refused(tiles: list[bytes]) -> None:
    with pytest.raises(LogRefusedError) as caught:
        unpack(tiles, "here")
    assert caught.value.reason is LogReason.WRONG_LAYOUT


@pytest.mark.parametrize("sizes", [[1] * 257, [65 << 20], [60 << 20] * 5])
def test_more_than_is_read_is_refused_before_it_is_read(sizes: list[int]) -> None:
    with pytest.raises(LogRefusedError) as caught:
        check_sizes(sizes, "here")
    assert caught.value.reason is LogReason.TOO_LARGE


def test_a_record_that_is_too_large_is_refused() -> None:
    with pytest.raises(LogRefusedError) as caught:
        unpack([b"x" * (MAX_RECORD + 1) + b"\n"], "here")
    assert caught.value.reason is LogReason.TOO_LARGE


def test_files_that_lack_what_their_checkpoint_says_are_refused(tmp_path: Path) -> None:
    folder = LogFolder(tmp_path)
    folder.write(GOOD)
    assert folder.lines() == GOOD
    (tmp_path / "tiles/000000.jsonl").write_bytes(b"".join(each + b"\n" for each in GOOD[:2]))
    with pytest.raises(LogRefusedError, match="restore") as caught:
        folder.lines()
    assert caught.value.reason is LogReason.WRONG_LAYOUT


def test_a_checkpoint_that_is_behind_its_tiles_is_what_a_crash_leaves(tmp_path: Path) -> None:
    folder = LogFolder(tmp_path)
    folder.write(GOOD[:2])
    before = (tmp_path / "checkpoint.json").read_bytes()
    folder.write(GOOD)
    (tmp_path / "checkpoint.json").write_bytes(before)
    assert folder.lines() == GOOD


@pytest.mark.parametrize("text", ["", "[]", '{"number": 1}', '{"number": 0, "digest": "sha256:"}'])
def test_a_checkpoint_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    folder = LogFolder(tmp_path)
    folder.write(GOOD)
    (tmp_path / "checkpoint.json").write_text(text)
    with pytest.raises(LogRefusedError) as caught:
        folder.lines()
    assert caught.value.reason is LogReason.WRONG_LAYOUT
