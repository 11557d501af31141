"""`ironhull migrate --prove`: its options, and how it ends."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from ironhull.cli import migrate as verb
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

    monkeypatch.setattr(verb, "prove", prove)
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
