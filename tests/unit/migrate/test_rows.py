"""Every row comes out as it is written down, and what holds of every result holds of each."""

from __future__ import annotations

import pytest
from outside.dockerfile_rows import Row, every, said

from ironhull.migrate.dockerfile.lexer import lex
from ironhull.migrate.dockerfile.stages import split
from ironhull.migrate.model import Rung

dockerfile = pytest.importorskip("dockerfile", reason="needs a wheel of dockerfile, or Go")

ROWS = every()
BY_NAME = pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])


def test_there_are_enough_rows_with_names_of_their_own() -> None:
    assert len(ROWS) >= 300
    assert len({row.name for row in ROWS}) == len(ROWS)


@BY_NAME
def test_a_row_comes_out_as_it_is_written_down(row: Row) -> None:
    """If this fails and should: python -m outside.dockerfile_rows, then read the difference."""
    found = row.migrated()
    assert said(found) == row.verdict
    assert found.text.decode() == row.output


@BY_NAME
def test_buildkit_takes_the_result(row: Row) -> None:
    assert dockerfile.parse_string(row.migrated().text.decode())


@BY_NAME
def test_migrated_again_nothing_changes(row: Row) -> None:
    found = row.migrated()
    again = row.migrated(found.text)
    assert again.text == found.text
    assert again.changes == ()


@BY_NAME
def test_what_is_not_reported_is_byte_for_byte_the_same(row: Row) -> None:
    found = row.migrated()
    if found.rung is Rung.REFUSED:
        assert (found.text, found.changes) == (found.source, ())
        return
    reported = {line for change in found.changes for line in (change.after + "\n").splitlines()}
    old = set(found.source.decode().splitlines())
    for line in found.text.decode().splitlines():
        assert line in old or line in reported or not line.strip(), line


@BY_NAME
def test_a_complete_result_ends_on_a_hardened_runtime_without_root_and_shell(row: Row) -> None:
    found = row.migrated()
    if not found.complete or not found.changed:
        return
    _, stages = split(lex(found.text))
    final = next(stage for stage in found.stages if stage.role == "final")
    chain, at = [], final.index
    names = {stage.source.name.lower(): stage.index for stage in stages if stage.source.name}
    while True:
        chain.append(stages[at])
        inner = names.get(stages[at].source.image.lower())
        if inner is None or inner >= at:
            break
        at = inner
    image = chain[-1].source.image
    hardened = ("dhi.io/", "localhost/", "$")
    assert image.startswith(hardened)
    assert not image.endswith(("-dev", "-sdk"))
    instructions = [
        node.instruction
        for stage in reversed(chain)
        for node in stage.nodes
        if node.instruction is not None
    ]
    users = [each.body for each in instructions if each.keyword == "USER"]
    assert users[-1:] != []
    assert int(users[-1].partition(":")[0]) > 0
    assert "RUN" not in {each.keyword for each in instructions}
    for each in instructions:
        if each.keyword in ("CMD", "ENTRYPOINT"):
            assert each.json is not None
