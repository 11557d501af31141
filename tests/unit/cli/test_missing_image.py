"""An image that is not there is said before what the machine lacks, where nobody is asked."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from ironhull.cli import ironhull
from ironhull.errors import InputError, NotFoundError
from ironhull.store.home import Home

VERBS = ("scan", "explain CVE-2020-1", "vex create", "verify", "reproduce")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IRONHULL_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    assert Home(tmp_path / "home").store.descriptors() == []


def said(verb: str, image: str) -> BaseException | None:
    return CliRunner().invoke(ironhull, [*verb.split(), image]).exception


@pytest.mark.parametrize("verb", [*VERBS, "inventory", "score"])
@pytest.mark.parametrize(
    ("image", "reason"),
    [
        ("no.tar", "no.tar: no such file"),
        ("./no.tar", "no.tar: no such file"),
        ("./no/folder", "./no/folder: no such file or folder"),
        ("oci:no", "no is not an OCI image layout"),
        ("store:no:1", "no image 'no:1'"),
    ],
)
def test_an_image_that_is_not_there_is_said_first(verb: str, image: str, reason: str) -> None:
    error = said(verb, image)
    assert isinstance(error, NotFoundError)
    assert reason in str(error)


def test_what_is_to_be_attested_or_has_no_record_is_said_before_a_missing_key() -> None:
    for name in ("no:1", "store:no:1"):
        error = said("attest", name)
        assert isinstance(error, NotFoundError)
        assert "no image 'no:1'" in str(error)
    error = said("history", "no:1")
    assert isinstance(error, NotFoundError)
    assert "no record of 'no' here" in str(error)


def test_a_home_without_a_store_has_no_image_and_says_what_brings_one(tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "home")
    error = said("verify", "store:no:1")
    assert isinstance(error, NotFoundError)
    assert str(error).startswith("no image 'no:1' in ")
    assert "ironhull build and pull" in str(error)


@pytest.mark.parametrize("verb", [*VERBS, "attest", "history"])
@pytest.mark.parametrize("image", ["localhost:1/no", "docker://localhost:1/no"])
def test_no_registry_is_asked_while_the_machine_lacks_something(verb: str, image: str) -> None:
    error = said(verb, image)
    assert isinstance(error, InputError)
    assert not isinstance(error, NotFoundError)
    assert re.search("no key to verify with|no advisory database|nothing signs here", str(error))
