"""What rules say beside the text that rows hold."""

from __future__ import annotations

from outside.dockerfile_rows import Row, every, parsed, public

from ironhull.migrate.context.interface import FilesContext
from ironhull.migrate.migrate import migrate, stages_of
from ironhull.migrate.model import Rung
from ironhull.migrate.rules.table import RULES

ROWS = {row.name: row for row in every()}


def rules_of(row: Row) -> set[str]:
    found = row.migrated()
    return {each.rule for each in (*found.changes, *found.refused, *found.remarks)}


def test_every_rule_speaks_in_some_row() -> None:
    said = {rule for row in ROWS.values() for rule in rules_of(row)}
    assert said == {rule.id for rule in RULES}


def test_every_line_that_is_named_is_one_of_the_input() -> None:
    for row in ROWS.values():
        count = row.input.count("\n") + 1
        found = row.migrated()
        for each in (*found.changes, *found.refused, *found.remarks):
            assert 0 <= each.line <= count


def test_a_change_names_the_text_that_stood_in_its_line() -> None:
    for row in ROWS.values():
        lines = row.input.splitlines()
        for change in row.migrated().changes:
            if change.line and change.before and change.rule in ("from-build", "run", "user"):
                assert change.before.splitlines()[0].split()[0].upper() in (
                    *("FROM", "RUN", "USER", "ARG", "SHELL"),
                )
                assert lines[change.line - 1].split()[0].upper() in ("FROM", "RUN", "USER", "ARG",
                                                                     "SHELL")  # fmt: skip


def test_notes_are_said_and_nothing_is_changed_for_them() -> None:
    row = ROWS["notes: a secret, an image that moves, a library that is preloaded"]
    found = row.migrated()
    notes = {each.rule: each.line for each in found.remarks}
    assert notes == {"secrets": 3, "pinned": 2, "loader": 4}
    assert found.complete


def test_ports_volumes_and_jobs_are_named_for_those_outside() -> None:
    found = ROWS["ports: 443"].migrated()
    (port,) = [each for each in found.outside if each.kind == "port"]
    assert (port.before, port.after) == ("443", "8443")
    found = ROWS["node: a volume outside of the application"].migrated()
    (volume,) = [each for each in found.outside if each.kind == "volume"]
    assert (volume.before, volume.after) == ("/data", "1000:1000")
    found = ROWS["python: an entrypoint script with migrations"].migrated()
    assert [each.kind for each in found.outside if each.kind != "ignore-file"] == ["order"] * 2
    assert len(found.refused) == 2
    found = ROWS["node: tini goes, the engine has one"].migrated()
    assert [each.kind for each in found.outside] == ["init"]


def test_packages_come_with_the_definition_that_has_them() -> None:
    found = ROWS["python: libraries for OpenCV"].migrated()
    (image,) = [each for each in found.outside if each.kind == "image"]
    assert "    - libgl1\n    - libglib2.0-0t64\n" in image.after
    assert found.rung is Rung.PACKAGES
    assert not found.complete


def test_a_context_without_dockerignore_is_remarked_on() -> None:
    source = b"FROM node:20\nWORKDIR /app\nCOPY . .\nRUN npm ci\nCMD node a.js\n"
    found = migrate(source, FilesContext({"a.js": b""}), public())
    assert [each.rule for each in found.remarks] == ["npm-ci", "dockerignore"]
    ignored = {".dockerignore": b".git\n.env\nnode_modules\n", "package-lock.json": b"{}"}
    assert migrate(source, FilesContext(ignored), public()).remarks == ()


def test_the_parts_of_stages_are_told() -> None:
    text = b"FROM a AS x\nFROM b AS y\nFROM c AS z\nCOPY --from=x /a /a\nFROM z\n"
    assert [stage.role for stage in stages_of(text)] == ["build", "other", "build", "final"]
    assert [stage.role for stage in stages_of(text, "x")] == ["final", "other", "other", "other"]


def test_nothing_that_is_refused_is_reported_as_changed() -> None:
    found = migrate(b"FROM postgres:16\nMAINTAINER a\n", None, public())
    assert (found.rung, found.changes, found.outside) == (Rung.REFUSED, (), ())
    assert not found.changed


def test_crlf_and_the_missing_end_of_the_last_line_stay() -> None:
    row = parsed("# x\nFROM python:3.12\n")
    source = b'FROM python:3.12\r\nCOPY a.py /a.py\r\nCMD ["python", "/a.py"]'
    found = row.migrated(source)
    assert found.text == (
        b'FROM dhi.io/python:3.12\r\nCOPY a.py /a.py\r\nUSER 65532:65532\r\nCMD ["python", "/a.py"]'
    )
    assert row.migrated(found.text).text == found.text
