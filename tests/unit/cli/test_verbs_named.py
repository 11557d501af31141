"""Messages and help send people to verbs that exist."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from ironhull.cli import VERBS, ironhull

SOURCE = Path(__file__).parents[3] / "src/ironhull"
# Where the command's name is the first word of a sentence or a name of something else.
_NAMED = re.compile(r"(?:`|: |run:? |with |run )ironhull ([a-z][a-z-]*)")


def test_every_verb_that_a_message_names_is_there() -> None:
    named = {
        (path.relative_to(SOURCE).as_posix(), verb)
        for path in SOURCE.rglob("*.py")
        for verb in _NAMED.findall(path.read_text())
    }
    assert len(named) > 20
    assert {(path, verb) for path, verb in named if verb not in VERBS} == set()


def test_the_table_of_verbs_is_listed_after_the_verb_list_was_loaded() -> None:
    context = click.Context(ironhull)
    assert ironhull.get_command(context, "list") is not None
    assert ironhull.list_commands(context) == [*VERBS]


def test_new_without_a_name_and_without_a_terminal_says_all_that_it_wants() -> None:
    done = CliRunner().invoke(ironhull, ["new"])
    assert done.exit_code == 2
    assert "ironhull new NAME[:TAG] --package PACKAGE" in done.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--cmd", 'hello "x'), "close every quote"),
        (("--proof", "a 'b"), "close every quote"),
        (("--file", "x.conf"), "write FILE=PATH"),
    ],
)
def test_new_says_which_option_it_cannot_read(words: tuple[str, ...], said: str) -> None:
    done = CliRunner().invoke(ironhull, ["new", "web:1", "--package", "x", *words])
    assert done.exit_code == 2
    assert said in done.output
