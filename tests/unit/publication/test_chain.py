"""What holds of any two logs: appended, cut, joined, put into tiles, written to a folder."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.publication import chain
from tests.fakes.signer import FakeSigner

from ironhull.oci.digest import digest_of
from ironhull.publication.chain import merged, open_chain, open_records, position_of, record_in
from ironhull.publication.folder import LogFolder, folder_of, repositories_in
from ironhull.publication.refusal import LogReason, LogRefusedError
from ironhull.publication.tiles import RECORDS, pack, unpack
from ironhull.verify.trust import NamedKey, Trust

SIGNER = FakeSigner()
TRUST = Trust((NamedKey("release", SIGNER.public),))
GOOD = chain(12, SIGNER)
LINES = st.lists(st.binary(min_size=1, max_size=4).filter(lambda line: b"\n" not in line)).map(
    tuple
)
MANY = st.integers(1, 3 * RECORDS).map(lambda count: tuple(b"%d" % n for n in range(count)))


@given(LINES, st.integers(0, 50))
def test_of_a_log_and_its_beginning_the_log_is_taken_either_way(
    lines: tuple[bytes, ...], cut: int
) -> None:
    assert merged(lines, lines[:cut], "here") == lines
    assert merged(lines[:cut], lines, "here") == lines


@given(LINES, LINES, LINES)
def test_two_logs_join_only_if_one_begins_the_other(
    shared: tuple[bytes, ...], ours: tuple[bytes, ...], theirs: tuple[bytes, ...]
) -> None:
    one, other = shared + ours, shared + theirs
    shorter = min(len(one), len(other))
    if one[:shorter] == other[:shorter]:
        assert len(merged(one, other, "here")) == max(len(one), len(other))
        return
    with pytest.raises(LogRefusedError) as caught:
        merged(one, other, "here")
    assert caught.value.reason is LogReason.FORKED
    first = next(n for n in range(shorter) if one[n] != other[n])
    assert digest_of(one[first]) in str(caught.value)
    assert digest_of(other[first]) in str(caught.value)


@given(st.integers(0, 12))
def test_every_beginning_of_a_good_chain_is_a_good_chain(count: int) -> None:
    assert len(open_chain(GOOD[:count], "app", TRUST)) == count
    newest = position_of(GOOD[:count])
    assert (newest.number if newest else 0) == count


@given(st.integers(0, 12))
def test_only_the_new_records_need_be_opened_where_the_rest_is_known(known: int) -> None:
    found = list(open_records(GOOD, "app", TRUST, known))
    assert [each.record.number for each in found] == list(range(known + 1, 13))


@given(st.permutations(range(12)).filter(lambda order: order != sorted(order)))
def test_no_other_order_of_a_good_chain_is_one(order: list[int]) -> None:
    with pytest.raises(LogRefusedError):
        open_chain([GOOD[n] for n in order], "app", TRUST)


@given(MANY)
def test_tiles_give_back_what_was_put_in(lines: tuple[bytes, ...]) -> None:
    assert unpack(pack(lines), "here") == lines


@given(MANY, st.integers(1, 300))
def test_full_tiles_stay_as_they_are_whatever_comes_after(
    lines: tuple[bytes, ...], more: int
) -> None:
    full = len(lines) // RECORDS
    assert pack(lines)[:full] == pack(lines + (b"x",) * more)[:full]


@given(st.lists(st.integers(1, 300), min_size=1, max_size=4))
def test_a_folder_gives_back_what_was_appended_in_any_steps(steps: list[int]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder, lines = LogFolder(Path(name)), tuple[bytes, ...]()
        for step in steps:
            lines += tuple(b"%d" % n for n in range(len(lines), len(lines) + step))
            folder.write(lines)
            assert folder.lines() == lines
            newest = folder.checkpoint()
            assert newest == position_of(lines)


def test_records_say_what_was_put_into_them() -> None:
    assert record_in(GOOD[4]).previous == digest_of(GOOD[3])
    assert record_in(GOOD[4]).number == 5


def test_repositories_have_folders_of_their_own(tmp_path: Path) -> None:
    for name in ("node", "base/node", "node/tiles"):
        LogFolder(folder_of(tmp_path, name)).write(GOOD[:1])
    assert repositories_in(tmp_path) == ["base/node", "node", "node/tiles"]
    assert repositories_in(tmp_path / "nothing") == []
