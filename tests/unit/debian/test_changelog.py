"""The changelog of a source package, beside what Debian's own library reads in it."""

from __future__ import annotations

import pytest
from debian.changelog import Changelog

from ironhull.debian.changelog import MAX_ENTRIES, read_changelog
from ironhull.errors import MalformedError

TEXT = """\
engine (2.1-1+deb13u2) trixie-security trixie; urgency=HIGH, binary-only=yes

  * Take back a change.

    It was CVE-2026-1234, and CVE-2026-99999 too; CVE-2026-1234 again.

 -- Ada Writer <ada@example.invalid>  Fri, 03 Apr 2026 14:29:32 +0200

engine (2.1-1) unstable; urgency=medium

  [ Ada Writer ]
  * New release (Closes: #1).

 -- Ada Writer (of engines) <ada@example.invalid>  Mon, 02 Feb 2026 10:00:00 +0000

engine (2.0~rc1-1) experimental; urgency=low

  * First.

 -- Somebody <else@example.invalid>  Thu, 01 Jan 2026 00:00:00 +0000
"""


def entries(text: str, since: str = "") -> list[tuple[str, tuple[str, ...]]]:
    return [(each.version, each.lines) for each in read_changelog(text.splitlines(True), since)]


def test_an_entry_has_what_its_maintainer_says() -> None:
    first, second, last = read_changelog(TEXT.splitlines(True))
    assert (first.source, first.version) == ("engine", "2.1-1+deb13u2")
    assert first.suites == ("trixie-security", "trixie")
    assert first.urgency == "high"
    assert (first.by, first.date) == ("Ada Writer", "2026-04-03T12:29:32Z")
    assert first.lines == (
        "* Take back a change.",
        "",
        "  It was CVE-2026-1234, and CVE-2026-99999 too; CVE-2026-1234 again.",
    )
    assert first.cves == ("CVE-2026-1234", "CVE-2026-99999")
    assert second.by == "Ada Writer (of engines)"
    assert last.lines == ("* First.",)


def test_it_reads_what_debians_library_reads() -> None:
    theirs = Changelog(TEXT)
    ours = list(read_changelog(TEXT.splitlines(True)))
    assert [each.version for each in ours] == [str(block.version) for block in theirs]
    assert [" ".join(each.suites) for each in ours] == [block.distributions for block in theirs]
    for mine, block in zip(ours, theirs, strict=True):
        said = [line[2:] for line in block.changes()]
        assert list(mine.lines) == "\n".join(said).strip("\n").split("\n")


@pytest.mark.parametrize(
    ("since", "versions"),
    [
        ("", 3),
        ("2.0~rc1-1", 2),
        ("2.0-1", 2),
        ("2.1-1", 1),
        ("2.1-1+deb13u1", 1),
        ("2.1-1+deb13u2", 0),
        ("3", 0),
    ],
)
def test_it_ends_at_what_was_there_before(since: str, versions: int) -> None:
    assert len(entries(TEXT, since)) == versions


def test_old_changelogs_end_in_other_forms() -> None:
    assert len(entries(TEXT + "\nOld Changelog:\n  1996 it began\n")) == 3


def test_the_changelog_of_a_programs_authors_is_not_one() -> None:
    with pytest.raises(MalformedError, match="no Debian changelog: it begins with 'Version 2"):
        entries("Version 2.1\n===========\n* things\n")


def test_an_entry_that_is_cut_off_is_left_out() -> None:
    assert len(entries(TEXT[: TEXT.index(" -- Somebody")])) == 2


def test_a_trailer_without_an_address_ends_its_entry_all_the_same() -> None:
    only = next(iter(read_changelog(["a (1) sid; urgency=low\n", "  * b\n", " --\n"])))
    assert (only.by, only.date, only.lines) == ("", "", ("* b",))


def test_a_date_that_is_none_stays_as_it_is_written() -> None:
    text = TEXT.replace("Fri, 03 Apr 2026 14:29:32 +0200", "yesterday")
    assert next(iter(read_changelog(text.splitlines(True)))).date == "yesterday"


def test_there_is_an_end_to_it() -> None:
    many = "".join(
        f"a ({number}) sid; urgency=low\n\n  * b\n\n -- C <c@d>  Thu, 01 Jan 2026 00:00:00 +0000\n"
        for number in range(MAX_ENTRIES + 50, 0, -1)
    )
    assert len(entries(many)) == MAX_ENTRIES
