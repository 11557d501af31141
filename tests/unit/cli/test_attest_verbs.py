"""`ironhull key`, `attest` and `attestations`, as a person types them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.unit.workspace.test_workspace import workspace

from ironhull.cli import ironhull
from ironhull.errors import IronhullError


class Shell:
    """The command with a home of its own."""

    def __init__(self, folder: Path) -> None:
        workspace(folder)
        self.folder = folder
        self.environment = {
            "IRONHULL_HOME": str(folder / "home"),
            "IRONHULL_CATALOG": str(folder / "images"),
            "IRONHULL_MIRROR": str(folder / "mirror"),
            "IRONHULL_KEYRING": str(folder / "key.pgp"),
        }

    def __call__(self, *words: str, code: int = 0, **environment: str) -> str:
        result: Result = CliRunner().invoke(ironhull, words, env=self.environment | environment)
        if isinstance(result.exception, IronhullError):
            assert result.exception.exit_code == code, result.exception
            return str(result.exception)
        assert result.exit_code == code, (result.output, result.exc_info)
        return result.output

    def json(self, *words: str) -> Any:
        text = self(*words, "--json")
        return json.loads(text[text.index("{" if "{" in text else "[") :])


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def test_a_key_is_made_listed_rotated_and_revoked(shell: Shell) -> None:
    assert "no key signs here" in shell("key", "public", code=2)
    made = shell("key", "generate", "--no-passphrase")
    assert "made the key ironhull (ECDSA P-256)" in made
    assert "signs" in shell("key", "generate", "--no-passphrase", "--if-missing")
    public = shell("key", "public")
    assert public.startswith("-----BEGIN PUBLIC KEY-----")
    assert "ironhull is retired" in shell("key", "rotate", "--no-passphrase")
    shell("key", "revoke", "ironhull-2", "--reason", "lost")
    listed = shell("key", "list").splitlines()
    assert [line.split()[:2] for line in listed[1:]] == [
        ["ironhull", "retired"],
        ["ironhull-2", "revoked"],
    ]
    assert listed[2].endswith("lost")
    (shell.folder / "other.pub").write_text(public)
    assert "believed" in shell("key", "trust", "vendor", str(shell.folder / "other.pub"))
    assert {each["name"] for each in json.loads(shell("key", "list", "--json"))} == {
        *("ironhull", "ironhull-2", "vendor"),
    }


def test_without_terminal_and_passphrase_no_key_is_made(shell: Shell) -> None:
    assert "--no-passphrase" in shell("key", "generate", code=2)
    assert shell("key", "list").splitlines()[1:] == []


def test_a_key_with_a_passphrase_signs_with_it_and_is_shown_nowhere(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ironhull.signing.key_file._N", 2)
    secret = "correct horse battery"
    texts = [shell("key", "generate", IRONHULL_KEY_PASSPHRASE=secret)]
    texts.append(shell("build", "app:1", code=2))
    assert "IRONHULL_KEY_PASSPHRASE" in texts[-1]
    texts.append(shell("build", "app:1", code=2, IRONHULL_KEY_PASSPHRASE="wrong"))
    texts.append(shell("build", "app:1", IRONHULL_KEY_PASSPHRASE=secret))
    texts.append(shell("attest", "app:1", IRONHULL_KEY_PASSPHRASE=secret))
    assert "statements signed by" in texts[-1]
    assert all(secret not in text and "PRIVATE KEY" not in text for text in texts)


def test_statements_are_made_listed_and_read(shell: Shell) -> None:
    shell("key", "generate", "--no-passphrase")
    assert "statements signed by" in shell("build", "app:1")
    lines = shell("attestations", "app:1").splitlines()
    assert lines[0].split() == ["STATEMENT", "ABOUT", "MANIFEST", "REFERRER"]
    assert any(line.startswith("provenance  linux/amd64") for line in lines)
    assert "none verified" in lines[-1]
    found = json.loads(shell("attestations", "app:1", "--read", "provenance"))
    assert found["buildDefinition"]["buildType"] == "https://ironhull.io/build/v1"
    target = shell.folder / "bundle.json"
    shell("attestations", "app:1", "--read", "provenance", "--bundle", "-o", str(target))
    assert json.loads(target.read_text())["mediaType"].endswith("bundle.v0.3+json")
    kinds = [each["kind"] for each in shell.json("attestations", "app:1")["attestations"]]
    assert kinds.count("signature") == 2


def test_no_attest_signs_nothing(shell: Shell) -> None:
    shell("key", "generate", "--no-passphrase")
    shell("build", "app:1", "--no-attest")
    assert shell.json("attestations", "app:1")["attestations"] == []


def test_a_file_is_attached_under_its_type(shell: Shell) -> None:
    shell("key", "generate", "--no-passphrase")
    shell("build", "app:1", "--no-attest")
    review = shell.folder / "review.json"
    review.write_text('{"ok": true}')
    uri = "https://example.com/review/v1"
    done = shell.json("attest", "app:1", "--type", uri, "--predicate", str(review))
    assert [each["kind"] for each in done["statements"]] == ["signature", uri]
    assert json.loads(shell("attestations", "app:1", "--read", uri)) == {"ok": True}
    assert "of one --type" in shell("attest", "app:1", "--predicate", str(review), code=2)
    assert "no kind of statement" in shell("attest", "app:1", "--type", "sbom", code=2)


def test_the_key_of_a_file_signs_in_place_of_the_homes(shell: Shell) -> None:
    shell("key", "generate", "--no-passphrase")
    key = shell.folder / "home/keys/ironhull.key"
    other = shell.folder / "other.key"
    key.rename(other)
    shell("build", "app:1", "--no-attest")
    assert "cannot read the key" in shell("attest", "app:1", code=3)
    assert "signed by" in shell("attest", "app:1", "--key", str(other))
