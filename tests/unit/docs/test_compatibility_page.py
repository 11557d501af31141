"""docs/compatibility.md is what its data say; no cell without a tool, a job and an answer."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from outside.compat import copying, documents, layouts, registries, statements
from outside.compat.model import JOBS, PLACES, RECIPES, Run, Seen, Timeout, Tool, cell
from outside.compat.page import TARGET, page
from outside.compat.publication import Publication

DATA: dict[str, Any] = json.loads(TARGET.with_suffix(".json").read_text())
ENTERED = (copying, documents, layouts, registries, statements)


def test_the_page_is_as_new_as_the_data() -> None:
    """If this fails: python -m outside.compat --page"""
    assert TARGET.read_text() == page(DATA)


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
