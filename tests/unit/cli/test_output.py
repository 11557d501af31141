"""What the command line prints with, and what becomes of output that cannot be written."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from ironhull import cli
from ironhull.cli import output
from ironhull.cli.output import progress

ROOT = Path(__file__).parents[3]


def run_into(monkeypatch: pytest.MonkeyPatch, error: OSError) -> int:
    """The exit code of a command line whose verb fails with `error`."""

    def fail(**_: object) -> None:
        raise error

    monkeypatch.setattr(cli.ironhull, "main", fail)
    monkeypatch.setattr(cli, "_drop_output", lambda: None)
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert isinstance(end.value.code, int)
    return end.value.code


def test_a_full_disk_behind_the_output_is_no_defect(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert run_into(monkeypatch, full) == 3
    assert capsys.readouterr().err == "error: cannot write the output: No space left on device\n"


@pytest.mark.parametrize(
    "error",
    [OSError(errno.ENOSPC, "No space left on device", "/a/file"), OSError(errno.ENOTDIR, "no")],
)
def test_an_error_of_a_file_that_no_room_caught_is_a_defect(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: OSError
) -> None:
    assert run_into(monkeypatch, error) == 4
    assert "defect of Ironhull" in capsys.readouterr().err


def test_output_into_a_full_device_ends_with_one_line() -> None:
    command = [sys.executable, "-m", "ironhull.cli", "schema"]
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (ended.returncode, ended.stderr.count("\n")) == (3, 1)


def test_a_reader_that_goes_away_is_no_failure() -> None:
    command = [sys.executable, "-m", "ironhull.cli", "schema"]
    ours, theirs = os.pipe()
    os.close(ours)
    with os.fdopen(theirs, "w") as gone:
        ended = subprocess.run(command, stdout=gone, stderr=subprocess.PIPE, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_progress_in_a_log_says_the_unit_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    times = iter([0.0, 11.0, 11.0])
    monkeypatch.setattr(output.time, "monotonic", lambda: next(times))
    with progress() as shown:
        shown.start("Making layers", 23, "layers")(2)
    assert capsys.readouterr().err == "Making layers (23 layers)\nMaking layers: 2 of 23 layers\n"


@pytest.mark.parametrize("verb", list(cli.VERBS))
def test_every_verb_has_help_that_says_how_it_is_used_and_no_line_is_cut_off(verb: str) -> None:
    """click ends a summary that is too long with three dots."""
    shown = CliRunner().invoke(cli.ironhull, [verb, "--help"])
    assert shown.exit_code == 0
    assert "Usage:" in shown.stdout
    assert "\\b" not in shown.stdout
    assert f"  {verb} " in CliRunner().invoke(cli.ironhull, ["--help"]).stdout
    listed = shown.stdout.partition("\nCommands:\n")[2]
    assert "..." not in listed


@pytest.mark.parametrize("verb", list(cli.VERBS))
def test_files_that_help_names_are_there(verb: str) -> None:
    command = cli.ironhull.get_command(click.Context(cli.ironhull), verb)
    below = command.commands.values() if isinstance(command, click.Group) else ()
    for each in filter(None, (command, *below)):
        named = re.findall(r"\b(?:docs|examples|images)/[\w./-]*\w", each.help or "")
        assert [path for path in named if not (ROOT / path).exists()] == []


def test_a_report_into_a_link_leaves_the_link(tmp_path: Path) -> None:
    link = tmp_path / "stdout"
    link.symlink_to(tmp_path / "there")
    output.write_file(link, b"report")
    assert link.is_symlink()
    assert (tmp_path / "there").read_bytes() == b"report"
    output.write_file(tmp_path / "deep" / "r.html", b"report")
    assert (tmp_path / "deep" / "r.html").read_bytes() == b"report"
