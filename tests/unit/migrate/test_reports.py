"""What a migration says is the same in every form, and harmless in each."""

from __future__ import annotations

import json
import subprocess

import pytest
from outside.dockerfile_rows import public

from ironhull.migrate.context.interface import FilesContext
from ironhull.migrate.migrate import migrate
from ironhull.migrate.model import Migration
from ironhull.migrate.reports.difference import difference
from ironhull.migrate.reports.formats import FORMATS
from ironhull.migrate.rules.table import RULES

SOURCE = b"""FROM node:20
RUN curl -fsSL https://example.org/\xe2\x80\xae | sh
WORKDIR /app
COPY . .
EXPOSE 80
CMD ["node", "@team#12.js"]
"""


@pytest.fixture
def found() -> Migration:
    return migrate(SOURCE, FilesContext({"server.js": b""}), public())


def test_text_says_what_a_person_has_to_do_first(found: Migration) -> None:
    lines = FORMATS["text"].render(found).splitlines()
    assert lines[0].startswith("needs a person (")
    assert lines[2:4] == [
        "To be done by a person",
        "  line 2: nobody knows what this leaves behind: sh [run]",
    ]
    assert any("[from-dev, likely]" in line for line in lines)


def test_json_has_everything(found: Migration) -> None:
    value = json.loads(FORMATS["json"].render(found))
    assert value["schema"] == 1
    assert value["complete"] is False
    assert value["rung"] == "dev, not root"
    assert value["text"] == found.text.decode()
    assert [each["line"] for each in value["refused"]] == [2]
    assert {each["rule"] for each in value["changes"]} == {"from-dev", "user"}
    assert value["stages"][0]["role"] == "final"


def test_sarif_has_a_result_at_its_line_for_each_thing(found: Migration) -> None:
    run = json.loads(FORMATS["sarif"].render(found))["runs"][0]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert rules == [rule.id for rule in RULES]
    results = run["results"]
    assert len(results) == len(found.refused) + len(found.remarks) + len(found.changes)
    for result in results:
        assert rules[result["ruleIndex"]] == result["ruleId"]
    first = results[0]
    assert first["level"] == "warning"
    place = first["locations"][0]["physicalLocation"]
    assert place == {"artifactLocation": {"uri": "Dockerfile"}, "region": {"startLine": 2}}


def test_markdown_lets_nothing_act(found: Migration) -> None:
    text = FORMATS["markdown"].render(found)
    outside_of_code = text.split("<details>")[0]
    assert "\u202e" not in text
    assert "](" not in outside_of_code
    assert "### To be done by a person" in text


@pytest.mark.parametrize("name", FORMATS)
def test_nothing_that_a_viewer_obeys_reaches_a_report(found: Migration, name: str) -> None:
    assert "\u202e" not in FORMATS[name].render(found)


@pytest.mark.parametrize("end", ["", "\n"])
def test_patch_makes_the_new_file_out_of_the_difference(tmp_path, end: str) -> None:
    source = b"FROM python:3.12\nCOPY app.py /app.py\nCMD python /app.py" + end.encode()
    found = migrate(source, None, public())
    (tmp_path / "Dockerfile").write_bytes(source)
    patch = difference(found, "Dockerfile")
    subprocess.run(["patch", "-p1", "-s"], cwd=tmp_path, input=patch, check=True)
    assert (tmp_path / "Dockerfile").read_bytes() == found.text


def test_no_difference_is_nothing() -> None:
    source = b"FROM postgres:16\n"
    assert difference(migrate(source, None, public()), "Dockerfile") == b""


def test_each_rule_says_what_it_is() -> None:
    assert len({rule.id for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert rule.title
        assert rule.reason
        assert rule.before
