"""Lowering: the same build in older words, and only what has to be different."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironhull.engine.lower import HEREDOCS, Abilities, lower
from ironhull.errors import InputError

NONE = Abilities()
ALL = Abilities(heredoc=True, link=True, run_network=True, syntax=True)
BASES = {"node:20-alpine": "localhost/ours:1", "dhi.io/node:20": "localhost/hard:1"}


def test_a_file_that_needs_nothing_stays_as_it_is() -> None:
    text = (
        "# a comment\nARG V=1\nFROM alpine:${V} AS a\n\nRUN apk add \\\n  # why\n  curl \\\n"
        '  && true\nCOPY --chown=1:1 a b /c/\nCMD ["x"]'
    )
    assert lower(text, NONE).text.rstrip("\n") == text
    assert lower(text, NONE).notes == ()


@pytest.mark.parametrize("name", ["node:20-alpine", "docker.io/library/node:20-alpine"])
def test_a_base_is_replaced_however_its_name_is_written(name: str) -> None:
    found = lower(f"FROM --platform=linux/amd64 {name} AS build\n", NONE, bases=BASES)
    assert found.text == "FROM localhost/ours:1 AS build\n"
    assert found.notes == (f"FROM {name} is localhost/ours:1",)


def test_a_base_behind_an_argument_is_found() -> None:
    text = "ARG V=20\nARG KIND\nFROM node:${V}-${KIND:-alpine}\n"
    assert lower(text, NONE, bases=BASES).text.endswith("FROM localhost/ours:1\n")
    given = lower(text, NONE, bases=BASES, build_args={"KIND": "slim"})
    assert given.text == text


def test_a_stage_is_not_taken_for_an_image() -> None:
    text = "FROM scratch AS node\nFROM node\nCOPY --from=node /a /a\nCOPY --from=0 /a /b\n"
    assert lower(text, NONE, bases={"node": "wrong"}).text == text


def test_images_to_copy_and_mount_from_are_replaced() -> None:
    text = (
        "FROM scratch\nCOPY --from=dhi.io/node:20 /a /b\n"
        'RUN --mount=type=bind,from=dhi.io/node:20,target=/m ["/m/x"]\n'
    )
    found = lower(text, NONE, bases=BASES).text
    assert "COPY --from=localhost/hard:1 /a /b\n" in found
    assert "--mount=type=bind,from=localhost/hard:1,target=/m" in found


def test_the_syntax_line_goes_and_the_lines_keep_their_numbers() -> None:
    text = "# syntax=docker/dockerfile:1\nFROM scratch\n"
    found = lower(text, NONE)
    assert found.text == "#\nFROM scratch\n"
    assert "syntax" in found.notes[0]
    assert lower(text, ALL).text == text


def test_a_syntax_line_behind_a_comment_is_a_comment() -> None:
    text = "# hello\n# syntax=docker/dockerfile:1\nFROM scratch\n"
    assert lower(text, NONE).text == text


def test_flags_that_are_not_known_are_left_out_and_told() -> None:
    text = (
        "FROM scratch\nCOPY --link --chown=1 a b\n"
        "RUN --network=none --mount=type=tmpfs,target=/t x\n"
    )
    found = lower(text, NONE)
    assert "COPY --chown=1 a b\n" in found.text
    assert "RUN --mount=type=tmpfs,target=/t x\n" in found.text
    assert len(found.notes) == 2
    assert lower(text, ALL).text == text


def _command(text: str) -> list[str]:
    line = next(line for line in text.splitlines() if line.startswith("RUN"))
    words: list[str] = json.loads(line[line.index("[") :])
    return words


def test_a_script_becomes_one_argument_of_the_shell() -> None:
    text = "FROM scratch\nRUN <<EOF\necho \"a\" '$b'\n# kept\nEOF\nUSER 1\n"
    found = lower(text, NONE)
    assert _command(found.text) == ["/bin/sh", "-c", "echo \"a\" '$b'\n# kept\n"]
    assert found.text.endswith("USER 1\n")
    assert lower(text, ALL).text == text


def test_the_shell_of_the_stage_runs_the_script() -> None:
    text = 'FROM scratch\nSHELL ["/bin/bash", "-ec"]\nRUN <<-E\n\ttabbed\n\tE\n'
    assert _command(lower(text, NONE).text) == ["/bin/bash", "-ec", "tabbed\n"]
    again = text + "FROM scratch\n" + "RUN <<E\nx\nE\n"
    assert lower(again, NONE).text.count('"/bin/sh", "-c"') == 1


def test_a_heredoc_that_feeds_a_program_stays_with_it() -> None:
    text = "FROM scratch\nRUN cat <<'A' > /x && cat <<B >> /x\n1\nA\n2\nB\n"
    assert _command(lower(text, NONE).text)[2] == ("cat <<'A' > /x && cat <<B >> /x\n1\nA\n2\nB\n")


def test_a_script_with_a_shebang_is_run_by_its_interpreter() -> None:
    text = "FROM scratch\nRUN <<EOF\n#!/usr/bin/python3\nprint(1)\nEOF\n"
    script = _command(lower(text, NONE).text)[2]
    assert "#!/usr/bin/python3\nprint(1)\n" in script
    assert script.startswith("f=$(mktemp)")


def test_files_that_are_copied_from_heredocs_become_files() -> None:
    text = "FROM scratch\nCOPY --chmod=755 <<a.sh plain <<'b.txt' /d/\n1 $X\na.sh\n$Y\nb.txt\n"
    found = lower(text, NONE, build_args={"X": "x"})
    assert list(found.files.values()) == ["1 x\n", "$Y\n"]
    first, second = found.files
    assert f"COPY --chmod=755 --from={HEREDOCS} {first} /d/a.sh\n" in found.text
    assert f"COPY --chmod=755 --from={HEREDOCS} {second} /d/b.txt\n" in found.text
    assert "COPY --chmod=755 plain /d/\n" in found.text


def test_a_less_than_that_is_no_heredoc_is_left_alone() -> None:
    text = "FROM scratch\nRUN cat <<<word; echo $((1<<2)); x << 3\nRUN echo ok\n"
    assert lower(text, NONE).text == text


def test_a_heredoc_without_an_end_is_told_with_its_line() -> None:
    with pytest.raises(InputError, match="Dockerfile:2: the heredoc EOF has no end"):
        lower("FROM scratch\nRUN <<EOF\nx\n", NONE)


def test_run_variables_are_declared_in_every_stage_and_mounts_added_to_every_run() -> None:
    text = "FROM a AS b\nRUN one\nFROM c\nRUN --mount=type=cache,target=/x two\n"
    found = lower(text, NONE, run_variables=["CA"], run_mounts=["type=secret,id=s"]).text
    assert found == (
        "FROM a AS b\nARG CA\nRUN --mount=type=secret,id=s one\n"
        "FROM c\nARG CA\nRUN --mount=type=cache,target=/x --mount=type=secret,id=s two\n"
    )


def test_the_other_escape_character_continues_lines() -> None:
    text = "# escape=`\nFROM node:20-alpine `\n  AS x\nRUN a `\n  b\\\nRUN c\n"
    found = lower(text, NONE, bases=BASES, run_mounts=["type=tmpfs,target=/t"]).text
    assert "RUN --mount=type=tmpfs,target=/t a `\n  b\\\n" in found
    assert "RUN --mount=type=tmpfs,target=/t c\n" in found
    assert "FROM localhost/ours:1" in found
    assert "AS x" in found


def test_windows_line_ends_are_read() -> None:
    found = lower("FROM node:20-alpine\r\nRUN <<E\r\nx\r\nE\r\n", NONE, bases=BASES)
    assert found.text.startswith("FROM localhost/ours:1\n")
    assert _command(found.text)[2] == "x\n"


@given(st.text(alphabet=st.sampled_from("FROMUNCPYarg <<-E\n\\#=`$\"'[]\t1"), max_size=200))
def test_no_text_makes_it_stumble(text: str) -> None:
    with contextlib.suppress(InputError):
        lower(text, NONE, bases=BASES, run_mounts=["type=tmpfs"], run_variables=["A"])
