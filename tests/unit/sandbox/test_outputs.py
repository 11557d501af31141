"""Outputs that a program of another user may open by name."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path

import pytest

from ironhull.sandbox.outputs import openable, terminal_groups


def test_one_file_for_both_outputs_gets_all_lines_in_their_order(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as log:
        number = log.fileno()
        with ExitStack() as stack:
            (_, out, err), ours = openable(stack, (0, number, number), os.getuid())
            assert out == err != number
            for text in (b"a\n", b"b\n", b"c" * 100_000):
                os.write(out, text)
            ours.close()
    assert (tmp_path / "log").read_bytes() == b"a\nb\n" + b"c" * 100_000


def test_what_the_program_never_got_is_closed_at_the_end(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as log:
        with ExitStack() as stack:
            (_, out, _), _ = openable(stack, (0, log.fileno(), log.fileno()), os.getuid())
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(out)


def test_a_terminal_that_its_group_may_not_write_is_copied_from_one_of_the_users() -> None:
    reading, terminal = os.openpty()
    os.fchmod(terminal, 0o600)
    with ExitStack() as stack:
        (_, out, err), ours = openable(stack, (0, terminal, terminal), os.getuid())
        assert out == err != terminal
        assert os.isatty(out)
        named = os.open(os.ttyname(out), os.O_WRONLY | os.O_NOCTTY)
        os.write(named, b"hello\n")
        os.close(named)
        ours.close()
    assert os.read(reading, 100) == b"hello\r\n"
    for number in (reading, terminal):
        os.close(number)


def test_a_terminal_that_its_group_may_write_and_a_pipe_stay() -> None:
    reading, terminal = os.openpty()
    os.fchmod(terminal, 0o620)
    with ExitStack() as stack:
        streams, _ = openable(stack, (0, terminal, terminal), os.getuid())
        assert streams == (0, terminal, terminal)
    assert terminal_groups([terminal]) == (os.fstat(terminal).st_gid,)
    for number in (reading, terminal):
        os.close(number)
    pipe = os.pipe()
    with ExitStack() as stack:
        assert openable(stack, (0, pipe[1], pipe[1]), os.getuid())[0] == (0, pipe[1], pipe[1])
    for number in pipe:
        os.close(number)
