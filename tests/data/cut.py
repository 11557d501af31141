"""Cuts the excerpts beside this file from the whole data: `python -m tests.data.cut [FOLDER]`.

Only facts are kept: identifiers, packages, versions, states, dates, scores and Debian's own short
reasons. Descriptions, references and lists of versions are left out, and so is most of the rest.
Cutting again from the same data gives the same bytes, which a test holds.
"""

from __future__ import annotations

import json
import sys
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from outside.data import whole_folder
from tests.data.find import EXCERPTS

Record = dict[str, Any]

# What the images of the tests are made of, and the years in which their versions have flaws.
SOURCES = {
    "binutils", "curl", "expat", "gcc-12", "git", "glibc", "gnutls28", "krb5",
    "libgcrypt20", "libxml2", "ncurses", "nghttp2", "nginx", "nodejs", "openssh", "openssl",
    "pam", "pcre2", "perl", "python3.11", "shadow", "sqlite3", "systemd", "tar",
    "util-linux", "xz-utils", "zlib",
}  # fmt: skip
FROM = "2023"
# Records with entries of other ecosystems too, as all records of the export have them.
MIXED = {"CVE-2023-45853", "CVE-2024-3094"}
# Sources that changed in July 2024, one of them with a DSA before its CVE was known.
REPLAYED = {
    "apache2", "bash", "curl", "exim4", "expat", "ghostscript", "glibc", "krb5", "libxml2",
    "nginx", "openssh", "openssl", "php8.2", "redis", "tar", "wget",
}  # fmt: skip
PRODUCTS = ("alpine-linux", "debian", "python")
ROWS = 40


def osv(record: Record, sources: set[str], mixed: bool = False) -> Record | None:
    """The facts of a record about these sources of Debian; None if there are none."""
    affected = [
        {key: entry[key] for key in ("package", "ranges", "ecosystem_specific") if key in entry}
        for entry in record.get("affected", ())
        if mixed or _debian(entry, sources)
    ]
    for entry in affected:
        entry.get("package", {}).pop("purl", None)
    if not affected or not (mixed or record.get("published", "") >= FROM):
        return None
    keys = ("id", "published", "modified", "withdrawn", "aliases", "upstream", "severity")
    kept = {key: record[key] for key in keys if record.get(key)}
    related = [name for name in record.get("related", ()) if name.startswith(("CVE-", "DSA-"))]
    return kept | ({"related": related} if related else {}) | {"affected": affected}


def _debian(entry: Record, sources: set[str]) -> bool:
    package = entry.get("package", {})
    return package.get("ecosystem", "").startswith("Debian:") and package.get("name") in sources


def records(path: Path) -> Iterator[Record]:
    with zipfile.ZipFile(path) as archive:
        for name in sorted(archive.namelist()):
            if name.endswith(".json"):
                yield json.loads(archive.read(name))


def jsonl(found: Iterable[Record | None]) -> str:
    return "".join(f"{_compact(record)}\n" for record in found if record)


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def osv_debian(whole: Path) -> Iterator[tuple[str, str]]:
    found = (
        osv(record, SOURCES, record["id"] in MIXED)
        for record in records(whole / "osv-debian-2025-02-12.zip")
    )
    yield "osv-debian-2025-02-12.jsonl", jsonl(found)


def replay(whole: Path) -> Iterator[tuple[str, str]]:
    folder = whole / "osv-replay-2024-07"
    for path in (folder / "base.zip", *sorted((folder / "updates").iterdir())):
        text = jsonl(osv(record, REPLAYED) for record in records(path))
        if text:
            yield path.relative_to(whole).with_suffix(".jsonl").as_posix(), text


def annotations(whole: Path) -> Iterator[tuple[str, str]]:
    folder = whole / "tracker-annotations"
    for path in (*sorted(folder.glob("CVE-*.json")), *sorted(folder.glob("advisories/*.json"))):
        value = json.loads(path.read_bytes())
        head = value["Header"]
        if head["ID"].startswith("CVE-"):
            head = {"Original": head["ID"], "ID": head["ID"]}
        kept = [each for each in value["Annotations"] if not _is_link(each)]
        lines = [_compact(each) for each in kept]
        text = f'{{"Header":{_compact(head)},"Annotations":[\n' + ",\n".join(lines) + "\n]}\n"
        yield path.relative_to(whole).as_posix(), text


def _is_link(annotation: Record) -> bool:
    words = annotation.get("Description", "").split()
    return annotation["Type"] == "NOTE" and any("://" in word for word in words)


def tracker(whole: Path) -> Iterator[tuple[str, str]]:
    name = "debian/tracker-json-sample.json"
    value = json.loads((whole / name).read_bytes())
    for entries in value.values():
        for entry in entries.values():
            entry.pop("description", None)
    yield name, json.dumps(value, indent=1) + "\n"


def debian(whole: Path) -> Iterator[tuple[str, str]]:
    yield "debian/debian.csv", (whole / "debian/debian.csv").read_text()
    for path in sorted((whole / "debian").glob("security-support-*")):
        lines = [line for line in path.read_text().splitlines() if line and line[0] != "#"]
        yield f"debian/{path.name}", "".join(f"{_three(line)}\n" for line in lines)
    lines = (whole / "debian/DSA-list-2023-04").read_text().splitlines(keepends=True)
    heads = [number for number, line in enumerate(lines) if line.startswith("[")]
    yield "debian/DSA-list-2023-04", "".join(lines[: heads[ROWS]])


def _three(line: str) -> str:
    """A package, and where they are the version and the date; tabs and spaces as they were."""
    end, words = 0, line.split(None, 3)
    dated = len(words) > 2 and words[2][:2] == "20"
    for word in words[: 3 if dated else 1]:
        end = line.index(word, end) + len(word)
    return line[:end]


def facts(whole: Path) -> Iterator[tuple[str, str]]:
    keys = ("cveID", "product", "dateAdded", "dueDate", "knownRansomwareCampaignUse")
    value = json.loads((whole / "kev-2026-08-07.json").read_bytes())
    known = [{key: each[key] for key in keys} for each in value["vulnerabilities"][:ROWS]]
    value = {"dateReleased": value["dateReleased"], "count": len(known), "vulnerabilities": known}
    yield "kev-2026-08-07.json", json.dumps(value, indent=1) + "\n"
    with (whole / "epss-sample-2026-09.csv").open() as file:
        yield "epss-sample-2026-09.csv", "".join(file.readline() for _ in range(2 + ROWS))
    index = json.loads((whole / "node-core-vulns-2026-04.json").read_bytes())
    keys = ("cve", "vulnerable", "patched", "severity")
    entries = list(index.items())[-ROWS:]
    kept = {name: {key: each[key] for key in keys if key in each} for name, each in entries}
    yield "node-core-vulns-2026-04.json", json.dumps(kept, indent=1) + "\n"
    for product in PRODUCTS:
        value = json.loads((whole / f"endoflife/{product}.json").read_bytes())
        value["versions"] = dict(list(value["versions"].items())[:2])
        yield f"endoflife/{product}.json", json.dumps(value, indent=1) + "\n"


CUTS: tuple[Callable[[Path], Iterator[tuple[str, str]]], ...] = (
    osv_debian, replay, annotations, tracker, debian, facts,
)  # fmt: skip


def cut(whole: Path) -> dict[str, bytes]:
    """Every excerpt of these data by its name."""
    return {name: text.encode() for each in CUTS for name, text in each(whole)}


def main(arguments: list[str]) -> int:
    whole = Path(arguments[0]) if arguments else whole_folder()
    if whole is None:
        print("the whole data are not here: name their folder", file=sys.stderr)
        return 2
    for name, data in cut(whole).items():
        (EXCERPTS / name).parent.mkdir(parents=True, exist_ok=True)
        (EXCERPTS / name).write_bytes(data)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
