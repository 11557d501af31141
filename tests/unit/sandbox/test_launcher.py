"""The first program in a sandbox, run here as it is: it is an executable like any other."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ironhull.sandbox.launcher import BEGAN, Launch, launcher
from ironhull.sandbox.model import Limits, Wish

Started = Callable[..., "subprocess.CompletedProcess[bytes]"]


@pytest.fixture
def started(tmp_path: Path) -> Started:
    def run(*argv: str, limits: Limits | None = None, **fields: object) -> object:
        wish = Wish(Path("/"), argv, limits=limits or Limits(), **fields)  # type: ignore[arg-type]
        program = tmp_path / "launcher"
        program.write_bytes(launcher(wish, Launch(began=1, switches=False)))
        program.chmod(0o755)
        return subprocess.run([program], capture_output=True, check=False, env={"OF": "host"})

    return run  # type: ignore[return-value]


def test_arguments_and_environment_are_the_wish_s_alone(started: Started) -> None:
    done = started("env", "-0", environment={"PATH": "/nowhere:/usr/bin:/bin", "Ä": "one\ntwo"})
    assert done.stdout == BEGAN + "PATH=/nowhere:/usr/bin:/bin\0Ä=one\ntwo\0".encode()
    assert done.returncode == 0


def test_the_command_begins_in_the_working_folder(started: Started, tmp_path: Path) -> None:
    assert started("pwd", "-P", workdir=str(tmp_path)).stdout == BEGAN + f"{tmp_path}\n".encode()


def test_a_missing_working_folder_is_said(started: Started) -> None:
    done = started("true", workdir="/nowhere/at/all")
    assert (done.returncode, done.stderr) == (
        126,
        b"sandbox: /nowhere/at/all: no working folder that the user may enter\n",
    )


@pytest.mark.parametrize("program", ["no-such-program", "/nowhere/at/all", ""])
def test_a_program_that_is_nowhere_is_127(started: Started, program: str) -> None:
    done = started(program)
    assert done.returncode == 127
    assert done.stderr.startswith(f"sandbox: {program}: ".encode())


def test_a_folder_and_a_file_that_may_not_run_are_126(started: Started, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("no program")
    plain.chmod(0o644)
    assert started(str(plain)).returncode == 126
    assert started(str(tmp_path)).returncode == 126


def test_a_missing_interpreter_is_1_as_with_runc_and_crun(started: Started, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("#!/nowhere/interpreter\n")
    script.chmod(0o755)
    done = started(str(script))
    assert (done.returncode, b"interpreter" in done.stderr) == (1, True)


def test_limits_of_files_hold_for_the_command(started: Started) -> None:
    done = started("sh", "-c", "ulimit -f; ulimit -c", limits=Limits(file_size=1 << 20))
    assert done.stdout == BEGAN + b"2048\n0\n"


def test_nothing_that_was_open_is_left_open(started: Started) -> None:
    shown = started("sh", "-c", "ls /proc/self/fd").stdout.removeprefix(BEGAN).split()
    # ls itself opens the folder.
    assert set(shown) <= {b"0", b"1", b"2", b"3"}
