"""What changed from one build to the next, and each form of it."""

from __future__ import annotations

from xml.etree.ElementTree import fromstring

import pytest
from tests.fakes.sides import NOW, deb, found, layer, scanned, side

from ironhull.changes.bases import bases_of, moved_bases
from ironhull.changes.document import Json, document_of
from ironhull.changes.make import changes_of
from ironhull.changes.model import BaseChange
from ironhull.changes.reports.atom import feed
from ironhull.changes.reports.formats import FORMATS
from ironhull.compare.compare import compare
from ironhull.compare.model import MeasuredImage, Unknown
from ironhull.debian.changelog import ChangelogEntry
from ironhull.inventory.model import Package

ENTRY = ChangelogEntry(
    "engine",
    "2-1",
    ("trixie-security",),
    "high",
    "Ada",
    "2026-11-01T00:00:00Z",
    ("* Repair CVE-2026-1001.", "  <b>@team</b> \x1b[31m#12"),
)
ENTRY_2 = ChangelogEntry("engine", "2-0", ("sid",), "", "Ada", "", ("* CVE-2026-2001",))


def before() -> MeasuredImage:
    return side(
        "node:20@old",
        packages=(deb("libengine", "1-1"), deb("gone", "1"), deb("same", "1")),
        layers=(layer(1), layer(2)),
        scan=scanned(found("CVE-2026-1001", "libengine"), found("CVE-2026-9", "same")),
    )


def after(**more: object) -> MeasuredImage:
    packages = (
        Package("libengine", "2-1", "deb", "", source="engine", source_version="2-1"),
        deb("same", "1"),
        deb("fresh", "5"),
    )
    given: dict[str, object] = {
        "packages": packages,
        "layers": (layer(1), layer(3, 500)),
        "scan": scanned(found("CVE-2026-9", "same"), found("CVE-2026-7", "fresh")),
    }
    return side("node:20", **{**given, **more})  # type: ignore[arg-type]


def made(newer: MeasuredImage, *said: ChangelogEntry, why: str = "") -> Json:
    asked: list[tuple[str, str]] = []

    def entries(package: Package, since: str) -> tuple[tuple[ChangelogEntry, ...], str]:
        asked.append((package.name, since))
        return said, why

    document = document_of(changes_of(compare([before(), newer], NOW), entries))
    assert asked == [("libengine", "1-1")]
    return document


def test_the_document_says_what_changed() -> None:
    document = made(after(), ENTRY)
    assert document["image"] == "node:20"
    assert [each["name"] for each in document["packages"]["added"]] == ["fresh"]
    assert [each["name"] for each in document["packages"]["removed"]] == ["gone"]
    assert document["packages"]["changed"] == [
        {
            "name": "libengine",
            "type": "deb",
            "source": "engine",
            "before": "1-1",
            "after": "2-1",
            "direction": "upgraded",
        }
    ]
    vulnerabilities = document["vulnerabilities"]
    assert [each["id"] for each in vulnerabilities["fixed"]] == ["CVE-2026-1001"]
    assert [each["id"] for each in vulnerabilities["new"]] == ["CVE-2026-7"]
    assert vulnerabilities["same"] == 1
    assert document["layers"] == {"same": 1, "new": 1, "bytes_to_pull": 500, "unknown": None}
    [source] = document["sources"]
    assert (source["name"], source["before"], source["after"]) == ("engine", "1-1", "2-1")
    assert source["entries"][0]["cves"] == ["CVE-2026-1001"]


def test_binary_packages_of_a_source_are_asked_until_one_has_its_changelog() -> None:
    asked: list[str] = []

    def entries(package: Package, since: str) -> tuple[tuple[ChangelogEntry, ...], str]:
        asked.append(package.name)
        return ((ENTRY,), "") if package.name == "engine-b" else ((), "not in the store")

    def engine(name: str, version: str) -> Package:
        return Package(name, version, "deb", "", source="engine", source_version=version)

    names = ("engine-a", "engine-b", "engine-c")
    older = side("old", packages=tuple(engine(name, "1-1") for name in names))
    newer = side("new", packages=tuple(engine(name, "2-1") for name in names))
    [source] = changes_of(compare([older, newer], NOW), entries).sources
    assert asked == ["engine-a", "engine-b"]
    assert source.entries == (ENTRY,)
    assert not source.note


def test_why_there_is_no_changelog_is_said() -> None:
    [source] = made(after(), why="the archive does not have it")["sources"]
    assert source["entries"] is None
    assert source["unknown"] == "the archive does not have it"
    [source] = made(after())["sources"]
    assert source["unknown"] == "its package files have no changelog"


def test_nobody_tells_of_an_older_version() -> None:
    def entries(package: Package, since: str) -> tuple[tuple[ChangelogEntry, ...], str]:
        raise AssertionError

    [source] = changes_of(
        compare([side("a", packages=(deb("x", "2"),)), side("b", packages=(deb("x", "1"),))], NOW),
        entries,
    ).sources
    assert source.note == "an older version than before"


def test_bases_are_told_by_history_of_ours_and_by_labels_and_by_nothing_else() -> None:
    old, new = (f"sha256:{digit * 64}" for digit in "ab")

    def config(*comments: object, maker: str = "ironhull", **labels: str) -> Json:
        steps = [{"created_by": maker, "comment": comment} for comment in comments]
        return {"history": [*steps, 7], "config": {"Labels": labels}}

    before = bases_of(config(f"app ({old})", f"both ({old})", f"both ({new})", "lib 1.0"))
    after = bases_of(config(f"app ({new})", f"both ({new})", f"fresh ({new})", None))
    found = moved_bases(before, after)
    assert found.moved == (
        BaseChange("app", old, new), BaseChange("both", old, ""), BaseChange("fresh", "", new),
    )  # fmt: skip
    assert found.same == 1
    name = "org.opencontainers.image.base."
    labelled = config(**{f"{name}name": "host/debian:13", f"{name}digest": old})
    assert bases_of(labelled) == {"host/debian:13": [old]}
    for other in (
        config(f"app ({old})", maker="somebody"),
        config("app (sha256:1)", f"two words ({old})"),
        config(**{f"{name}digest": old, f"{name}name": ""}),
        {"history": "none", "config": None},
        {},
    ):
        assert bases_of(other) == {}


def test_bases_that_are_not_known_are_not_none() -> None:
    comparison = compare([before(), after()], NOW)
    document = document_of(changes_of(comparison, lambda *_: ((), ""), Unknown("it is a folder")))
    assert document["bases"] == {"moved": None, "same": None, "unknown": "it is a folder"}
    for form in ("text", "markdown"):
        assert "ade from: unknown (it is a folder)" in FORMATS[form].render(document)


def test_vulnerabilities_that_are_not_known_are_not_zero() -> None:
    document = made(after(scan=Unknown("there is no advisory database")), ENTRY)
    assert document["vulnerabilities"]["fixed"] is None
    for form in ("text", "markdown"):
        assert "there is no advisory database" in FORMATS[form].render(document)


def test_the_text_has_figures_findings_packages_and_words() -> None:
    text = FORMATS["text"].render(made(after(), ENTRY, ENTRY_2))
    first = text.partition("\n")[0]
    assert first == (
        "node:20: 1 package changed, 1 package added, 1 package removed, 1 vulnerability fixed,"
        " 1 new, 2 CVEs named by maintainers, 500 B to pull"
    )
    assert "  CVE-2026-1001 high libengine 1" in text
    assert "2-1 (trixie-security, urgency high) 2026-11-01T00:00:00Z" in text
    assert "    * Repair CVE-2026-1001." in text


@pytest.mark.parametrize("form", ["text", "markdown", "atom"])
def test_strangers_words_do_nothing(form: str) -> None:
    text = FORMATS[form].render(made(after(), ENTRY))
    assert "\x1b" not in text
    if form == "markdown":
        assert "\n<b>" not in text.partition("```text")[0]
        assert "```text" in text


def test_a_long_markdown_is_cut_and_says_so() -> None:
    long = ChangelogEntry("engine", "2-1", ("sid",), "", "", "", tuple(["x" * 200] * 1000))
    text = FORMATS["markdown"].render(made(after(), long))
    assert len(text) < 60_000
    assert "(`--format json` has all)" in text


def test_the_feed_is_atom_and_the_same_for_the_same_images() -> None:
    document = made(after(), ENTRY)
    text = FORMATS["atom"].render(document)
    assert text == feed([document])
    root = fromstring(text.partition("\n")[2])
    space = "{http://www.w3.org/2005/Atom}"
    assert root.tag == f"{space}feed"
    for required in ("title", "id", "updated"):
        assert root.findtext(f"{space}{required}")
    entry = root.find(f"{space}entry")
    assert entry is not None
    assert entry.findtext(f"{space}title", "").startswith("node:20: 1 package changed")
    assert "Repair CVE-2026-1001" in entry.findtext(f"{space}content", "")
