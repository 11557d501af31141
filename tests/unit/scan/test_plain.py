"""What is counted from names and fixed versions alone is what rules would find."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ironhull.advisories.database import Database, StoredClaim
from ironhull.advisories.ecosystems import SID
from ironhull.advisories.model import State
from ironhull.advisories.schema import APPLICATION_ID, TABLES, VERSION
from ironhull.debian.version import version_key
from ironhull.errors import MalformedError
from ironhull.scan import plain
from ironhull.scan.debian import debian_rules
from ironhull.scan.plain import NOTHING, PlainSet, counted, plain_sets, state_of

RELEASE = "debian:12"
FIXES = (None, "", "1.0-1", "0:1.0-1", "1.0-1~deb12u1", "2.0-1", "no version", "1.0-1\n2.0-1")
Cells = tuple[str, str, str, int, str | None, str | None, str | None]
CLAIMS = st.tuples(
    st.sampled_from(("CVE-2024-0001", "CVE-2024-0002", "CVE-2024-0003", "TEMP\n1")),
    st.sampled_from((RELEASE, RELEASE, "debian:11", "debian:13", SID)),
    st.sampled_from([state.value for state in State]),
    st.sampled_from((1, 1, 1, 2)),
    st.sampled_from(FIXES),
    st.sampled_from((None, None, "not built")),
    st.sampled_from((None, None, "DSA-1-1")),
)
PLAIN: list[Cells] = [
    ("CVE-2024-0001", RELEASE, "fixed", 1, "2.0-1", None, None),
    ("CVE-2024-0002", RELEASE, "unfixed", 1, None, None, None),
    ("CVE-2024-0003", RELEASE, "end-of-life", 1, None, None, None),
    ("CVE-2024-0004", RELEASE, "fixed", 1, "1.0-1", None, None),
    ("CVE-2024-0004", "debian:11", "fixed", 1, "0.5-1", None, None),
]


def write(path: Path, cells: Sequence[Cells], source: str = "bash") -> None:
    """Claims on a source into a database, which is made if there is none."""
    made = path.exists()
    with closing(sqlite3.connect(path)) as connection:
        if not made:
            connection.executescript(f"PRAGMA synchronous=OFF; PRAGMA journal_mode=OFF; {TABLES}")
            connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version={VERSION}")
        connection.executemany(
            "INSERT INTO claim (package, record, seq, vulnerability, ecosystem, state, feed,"
            " fixed, reason, advisory) VALUES (?, ?, 0, ?, ?, ?, ?, ?, ?, ?)",
            ((source, number, *each) for number, each in enumerate(cells)),
        )
        connection.commit()


def judged(cells: Sequence[Cells]) -> tuple[PlainSet | None, list[StoredClaim]]:
    """The plain set of a source with these claims in a database, if it is plain, and the claims."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "advisories.sqlite"
        write(path, cells)
        with Database(path) as database:
            found = [names for *_, names in plain_sets(database, [("bash", RELEASE)])]
            return (found[0] if found else None), database.claims(["bash"], "debian")


@settings(max_examples=50)
@given(st.lists(CLAIMS, max_size=5))
@example(PLAIN)
def test_where_a_source_is_plain_rules_name_the_same(cells: list[Cells]) -> None:
    names, claims = judged(cells)
    if names is None:
        return
    rules = debian_rules(RELEASE, claims, {1: 2, 2: 2})
    for version in ("0.9-1", "1.0-1", "1.5-1", "3.0-1"):
        found = rules.matching(version)
        assert sorted(rule.vulnerability for rule in found) == names.matching(version)
        assert not any(rule.reason for rule in found)


def test_fixed_and_not_fixed_are_plain() -> None:
    names, _ = judged(PLAIN)
    assert names is not None
    assert names.matching("1.0-1") == ["CVE-2024-0001", "CVE-2024-0002", "CVE-2024-0003"]
    assert names.keys["2.0-1"] == version_key("2.0-1")


def test_a_source_without_claims_is_vulnerable_to_nothing() -> None:
    names, _ = judged([])
    assert names is NOTHING
    assert names.matching("1.0-1") == []
    with pytest.raises(MalformedError):
        names.matching("no version")


def test_what_says_more_is_left_to_rules() -> None:
    more: list[Cells] = [
        ("CVE-2024-0009", SID, "fixed", 1, "2.0-1", None, None),
        ("CVE-2024-0009", RELEASE, "fixed", 2, "2.0-1", None, None),
        ("CVE-2024-0009", RELEASE, "no-dsa", 1, None, None, None),
        ("CVE-2024-0009", RELEASE, "unfixed", 1, None, "not built", None),
        ("CVE-2024-0001", RELEASE, "fixed", 1, "3.0-1", None, None),
        ("CVE-2024-0009", RELEASE, "fixed", 1, "no version", None, None),
        ("CVE-2024-0009", RELEASE, "fixed", 1, "1.0-1\n2.0-1", None, None),
        ("CVE-2024-0009", RELEASE, "end-of-life", 1, None, None, "DSA-1-1"),
    ]
    for each in more:
        assert judged([*PLAIN, each])[0] is None, each
    assert judged([PLAIN[4]])[0] is None, "silence on a release is for rules to read"


def beside(here: Callable[[], object], there: Callable[[], object]) -> tuple[object, object]:
    return here(), there()


def not_begun(here: Callable[[], object], there: Callable[[], object]) -> tuple[object, None]:
    return here(), None


@pytest.mark.parametrize("halves", [beside, not_begun])
def test_many_are_counted_as_few_are(
    halves: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "advisories.sqlite"
    write(path, PLAIN)
    write(path, PLAIN[:1], "curl")
    write(path, [("CVE-2024-0009", RELEASE, "unfixed", 1, None, "not built", None)], "zlib")
    wanted = {
        ("bash", RELEASE): ["1.0-1", "0.5-1", "no version"],
        ("curl", RELEASE): ["1.0-1", "2.0-1"],
        ("nothing", RELEASE): ["1"],
        ("zlib", RELEASE): ["1"],
    }
    names = [each[0] for each in PLAIN[:4]]
    with Database(path) as database:
        few = counted(database, wanted)
        monkeypatch.setattr(plain, "_MANY", 1)
        monkeypatch.setattr(plain, "halves", halves)
        assert counted(database, wanted) == few
    assert few == {
        ("bash", RELEASE): [(3, state_of(names[:3])), (4, state_of(names)), None],
        ("curl", RELEASE): [(1, state_of(names[:1])), (0, state_of(()))],
        ("nothing", RELEASE): [(0, state_of(()))],
    }


def test_a_database_that_took_the_place_of_this_one_is_not_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, new = tmp_path / "advisories.sqlite", tmp_path / "new.sqlite"
    write(path, PLAIN)
    write(path, PLAIN, "curl")
    write(new, [])
    with closing(sqlite3.connect(new)) as connection:
        connection.execute("INSERT INTO feed VALUES (1, 'osv', 'x', '2026', 1, '2026', 'd', 0, 1)")
        connection.commit()
    monkeypatch.setattr(plain, "_MANY", 1)
    monkeypatch.setattr(plain, "halves", beside)
    with Database(path) as database:
        assert database.feeds == ()
        new.replace(path)
        found = counted(database, {("bash", RELEASE): ["1.0-1"], ("curl", RELEASE): ["1.0-1"]})
    assert [[answer and answer[0] for answer in of] for of in found.values()] == [[3], [3]]
