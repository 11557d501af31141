"""`ironhull migrate --prove`: its options, and how it ends."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from ironhull.cli import proving as proving_verb
from ironhull.cli.migrate import migrate
from ironhull.errors import CheckFailedError, InputError
from ironhull.migrate.proof.model import Aspect, Proof, Request, Verdict


@pytest.fixture
def dockerfile(tmp_path: Path) -> Path:
    path = tmp_path / "Dockerfile"
    path.write_text('FROM scratch\nCOPY a /a\nUSER 65532:65532\nENTRYPOINT ["/a"]\n')
    return path


def run(*words: str | Path) -> str:
    done = CliRunner().invoke(migrate, [str(word) for word in words], catch_exceptions=True)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.output


def proving(monkeypatch, verdict: Verdict) -> list[object]:
    asked: list[object] = []

    def prove(machine, found, context, target, chosen, undisturbed):
        asked.append(chosen)
        return Proof("fake 1", (), (), (Aspect("answer", "GET /", verdict),), 2.0)

    monkeypatch.setattr(proving_verb, "prove", prove)
    return asked


def test_requests_and_arguments_are_handed_on(dockerfile, monkeypatch):
    asked = proving(monkeypatch, Verdict.SAME)
    text = run(dockerfile, "--prove", "--request", "POST /x {}", "--run", "a 'b c'", "--own")
    assert "same: the new image does what the old one does (2 s, with fake 1)" in text
    (chosen,) = asked
    assert chosen.requests == (Request("POST", "/x", "{}"),)
    assert chosen.commands == (("a", "b c"),)
    assert chosen.own


@pytest.mark.parametrize("verdict", [Verdict.UNEXPECTED, Verdict.NOT_TESTED])
def test_what_is_not_proved_needs_a_person(dockerfile, monkeypatch, verdict):
    proving(monkeypatch, verdict)
    with pytest.raises(CheckFailedError, match=verdict.value):
        run(dockerfile, "--prove")


@pytest.mark.parametrize(
    "words", [("--request", "/"), ("--prove", "--run", "'"), ("--prove", "--request", "nonsense")]
)
def test_options_that_cannot_be_meant_are_refused(dockerfile, words):
    with pytest.raises(InputError):
        run(dockerfile, *words)


def test_files_around_are_told_of_and_changed_when_asked_for(dockerfile, monkeypatch):
    compose = dockerfile.with_name("compose.yaml")
    compose.write_bytes(b"services:\n  a: {build: ., user: root} # x\n")
    text = run(dockerfile, "--explain")
    assert "compose.yaml:2: root: the image runs as 65532:65532" in text
    assert b"user: root" in compose.read_bytes()
    text = run(dockerfile, "--explain", "--also", compose)
    assert "the image runs as 65532:65532 (changed)" in text
    assert compose.read_bytes() == b"services:\n  a: {build: ., user: 65532:65532} # x\n"


def test_a_check_changes_no_file_around(dockerfile):
    compose = dockerfile.with_name("compose.yaml")
    compose.write_bytes(b"services:\n  a: {build: ., user: root}\n")
    with pytest.raises(CheckFailedError):
        run(dockerfile, "--check", "--also", compose)
    assert b"user: root" in compose.read_bytes()
