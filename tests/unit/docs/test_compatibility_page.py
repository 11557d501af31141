"""docs/compatibility.md is what its data say; no cell without a tool, a job and an answer."""

from __future__ import annotations

import json
import re
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from outside import grype
from outside.compat import copying, documents, layouts, registries, statements
from outside.compat.model import JOBS, PLACES, RECIPES, Run, Seen, Timeout, Tool, cell
from outside.compat.page import DEFAULTS, TARGET, page
from outside.compat.publication import Publication
from outside.compat.scanners import (
    IMAGES,
    REASONS,
    WAYS,
    Asked,
    compare,
    made_up,
    runtime_images,
    ways_of,
)
from outside.trivy import entries_of

import ironhull
from ironhull.definition.catalog import Catalog

SOURCE = Path(ironhull.__file__).parent
DATA: dict[str, Any] = json.loads(TARGET.with_suffix(".json").read_text())
ENTERED = (copying, documents, layouts, registries, statements)


def test_the_page_is_as_new_as_the_data() -> None:
    """If this fails: python -m outside.compat --page"""
    assert TARGET.read_text() == page(DATA)


def test_the_page_is_the_same_in_whatever_order_cells_and_scans_were_made() -> None:
    turned = DATA | {name: DATA[name][::-1] for name in ("cells", "scans")}
    assert page(turned) == page(DATA)


def test_every_cell_is_of_a_listed_tool_and_a_job_that_can_be_run_and_has_an_answer() -> None:
    tools = {(tool["name"], tool["version"]) for tool in DATA["tools"]}
    for each in DATA["cells"]:
        assert (each["tool"], each["version"]) in tools, each
        assert each["place"] in PLACES, each
        assert each["place"] in RECIPES[each["job"], each["tool"]][1], each
        assert each["does"] in ("yes", "partly", "no", "unknown"), each
        assert each["digest"] in ("", "kept", "changed"), each
        assert each["does"] == "yes" or each["says"] or each["survive"] or each["digest"], each
    keys = Counter((e["tool"], e["version"], e["job"], e["place"]) for e in DATA["cells"])
    assert keys.most_common(1)[0][1] == 1


def test_no_tool_lacks_a_cell_of_a_job_that_it_can_be_asked_to_do() -> None:
    """If this fails: make compat"""
    ran = {(each["tool"], each["version"], each["job"], each["place"]) for each in DATA["cells"]}
    wanted = {
        (tool["name"], tool["version"], name, place)
        for tool in DATA["tools"]
        for (name, program), (_, places) in RECIPES.items()
        if program == tool["name"]
        for place in places
    }
    assert wanted - ran == set()


def test_every_job_was_run_by_some_tool_and_every_tool_did_some_job() -> None:
    assert {each["job"] for each in DATA["cells"]} == set(JOBS)
    ran = {(each["tool"], each["version"]) for each in DATA["cells"]}
    assert ran == {(tool["name"], tool["version"]) for tool in DATA["tools"]}


def test_every_row_that_the_page_justifies_a_default_with_is_there() -> None:
    text = TARGET.read_text()
    before, _, after = text.partition("## What follows")
    advice = after.partition("\n## ")[0]
    named = set(re.findall(r"\*([^*\n]+)\*", advice)) - {"no API"}
    assert named
    assert named <= set(JOBS)
    assert before


@pytest.mark.parametrize(("default", "why", "place"), DEFAULTS)
def test_where_a_default_is_decided_a_row_is_named_that_justifies_it(
    default: str, why: str, place: str
) -> None:
    text = " ".join((SOURCE / place).read_text().replace('"', " ").split())
    assert "docs/compatibility.md" in text, default
    rows = re.findall(r"\*([^*\n]+)\*", why)
    assert any(row in text.partition("docs/compatibility.md")[2][:120] for row in rows), default


def test_the_page_is_of_many_tools_and_many_jobs() -> None:
    assert len(DATA["tools"]) >= 25
    assert len({each["job"] for each in DATA["cells"]}) >= 12


def test_every_scan_is_of_a_runtime_image_asked_in_a_known_way_once() -> None:
    tools = {(tool["name"], tool["version"]) for tool in DATA["tools"]}
    images = set(runtime_images())
    for row in DATA["scans"]:
        assert (row["tool"], row["version"]) in tools, row
        assert row["image"] in images, row
        assert row["way"] in {way.name for way in ways_of(row["tool"], row["version"])}, row
        assert row["theirs"] == row["ours"] + row["more"] - row["less"], row
    keys = Counter((r["tool"], r["version"], r["image"], r["way"]) for r in DATA["scans"])
    assert keys.most_common(1)[0][1] == 1


def test_scanners_reach_our_number_but_for_reasons_that_the_page_gives() -> None:
    differing = {
        (row["tool"], row["way"])
        for row in DATA["scans"]
        if row["more"] or row["less"] or row["says"]
    }
    assert differing == set(REASONS)
    text = " ".join(TARGET.read_text().split())
    for reason in REASONS.values():
        assert reason in text


def test_a_scan_says_which_pairs_only_one_side_has(tmp_path: Path) -> None:
    scanner = tmp_path / "grype"
    report = {"matches": [{"vulnerability": {"id": "CVE-1"}, "artifact": {"name": "theirs"}}]}
    scanner.write_text(f"#!/bin/sh\necho '{json.dumps(report)}'\n")
    scanner.chmod(0o755)
    ours = frozenset({("CVE-1", "ours"), ("CVE-2", "ours")})
    asked = Asked("app:1", "localhost:5/app:1", tmp_path, ours, frozenset())
    row = compare(Tool("grype", "1", scanner, "here"), asked, WAYS["grype"][0])
    assert (row["ours"], row["theirs"], row["more"], row["less"]) == (2, 1, 1, 2)
    scanner.write_text("#!/bin/sh\necho cannot read it >&2\nexit 1\n")
    row = compare(Tool("grype", "1", scanner, "here"), asked, WAYS["grype"][0])
    assert row["says"] == "ends badly: cannot read it"


def test_the_same_made_up_records_are_in_both_databases(tmp_path: Path) -> None:
    records, annotations = made_up({"glibc": "2.41-12", "zlib": "1:1.3"}, "13")
    assert len(records) == 8
    assert annotations.count("[trixie]") == 2
    entries = sorted((name, package, fixed) for name, _, package, fixed in entries_of(records))
    grype.write_database(tmp_path, records)
    with closing(sqlite3.connect(tmp_path / "6/vulnerability.db")) as database:
        rows = database.execute(
            "SELECT v.name, p.name, b.value, o.codename FROM affected_package_handles a"
            " JOIN vulnerability_handles v ON v.id = a.vulnerability_id"
            " JOIN packages p ON p.id = a.package_id JOIN blobs b ON b.id = a.blob_id"
            " JOIN operating_systems o ON o.id = a.operating_system_id"
        ).fetchall()
    fixes = [json.loads(value)["ranges"][0]["fix"]["version"] for _, _, value, _ in rows]
    found = [(*row[:2], fixed) for row, fixed in zip(rows, fixes, strict=True)]
    assert sorted(found) == entries
    assert {row[3] for row in rows} == {"trixie"}


def test_a_tool_that_does_not_end_is_said_to_and_the_run_goes_on(tmp_path: Path) -> None:
    def hangs(run: Run) -> Seen:
        raise Timeout

    tool = Tool("crane", "1", tmp_path, "here")
    run = Run(tool, Publication(tmp_path, "", "", ()), {}, "", tmp_path)
    seen = cell(run, "copy index", hangs)
    assert seen["does"] == "no"
    assert "did not end" in seen["says"]


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("2026-11-29T03:55:59.944Z\t\x1b[31mERROR\x1b[0m\tno database", "ERROR\tno database"),
        ('time="2026-11-29T03:53:55Z" level=fatal msg="x"', 'level=fatal msg="x"'),
        ("PUT http://localhost:5/v2/: refused", "PUT http://REGISTRY/v2/: refused"),
    ],
)
def test_what_a_tool_says_is_kept_without_times_colours_and_hosts(
    tmp_path: Path, said: str, kept: str
) -> None:
    tool = Tool("crane", "1", tmp_path, "here")
    hosts = {"api": "localhost:5"}
    run = Run(tool, Publication(tmp_path, "", "", ()), hosts, "api", tmp_path, [said])
    assert run.last() == kept


def test_runtime_images_are_those_whose_definitions_say_so_and_hold_nothing_for_people() -> None:
    said = [
        f"{one.image}:{one.file.stem}"
        for one in Catalog(IMAGES).check()
        if one.variant == "runtime" and one.flavor not in ("debug", "compat", "standard")
    ]
    assert sorted(runtime_images()) == sorted(name for name in said if name != "toolbox:13")
