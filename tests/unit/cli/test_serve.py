"""`ironhull serve`: options that do not go together are refused before anything is served."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.fakes.signer import FakeSigner

from ironhull.cli import ironhull
from ironhull.errors import InputError
from ironhull.store.layout import ImageLayout


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IRONHULL_HOME", str(tmp_path / "home"))


@pytest.fixture
def key(tmp_path: Path) -> Path:
    file = tmp_path / "team.pub"
    file.write_bytes(FakeSigner().public.pem)
    return file


@pytest.mark.parametrize("more", [("--no-pages",), ("--data", "."), ("--gc", "--dry-run")])
def test_whom_to_believe_on_pages_is_not_said_where_there_are_none(
    key: Path, more: tuple[str, ...]
) -> None:
    words = ["serve", "--trust", str(key), *more]
    with pytest.raises(InputError, match="is about the pages"):
        CliRunner().invoke(ironhull, words, catch_exceptions=False)


def test_an_identity_is_believed_with_its_issuer_and_a_root_only() -> None:
    shown = CliRunner().invoke(ironhull, ["serve", "--trust-identity", "jane@example.org"])
    assert shown.exit_code == 2
    assert "go together" in shown.output


def test_what_would_go_can_be_seen_where_nothing_may_be_removed(tmp_path: Path) -> None:
    ImageLayout(tmp_path / "data", create=True)
    words = ["serve", "--data", str(tmp_path / "data"), "--read-only", "--gc"]
    with pytest.raises(InputError, match="choose one"):
        CliRunner().invoke(ironhull, words, catch_exceptions=False)
    shown = CliRunner().invoke(ironhull, [*words, "--dry-run"], catch_exceptions=False)
    assert "the rules would let go of nothing" in shown.output
