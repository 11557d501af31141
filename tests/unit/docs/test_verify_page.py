"""docs/verify.md: its commands run, its policy holds, its reference and schema are generated."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.fakes.published_image import published
from tests.fakes.signed_image import SIGNATURE

from ironhull.reports.json_text import json_text
from ironhull.store.export import write_oci_archive
from ironhull.store.referrers import Referrers
from ironhull.verify.policy.schema import policy_reference, policy_schema
from ironhull.verify.refusal import Reason

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "verify.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the page's commands are about: an image, its archive, an unsigned one, and the files."""
    shop = published(tmp_path)
    layout, root = shop.image.layout, shop.image.descriptor(shop.image.root.digest)
    referring = Referrers(layout).digests()
    also = [each for each in layout.descriptors() if each.digest in referring]
    with (tmp_path / "image.tar").open("wb") as file:
        write_oci_archive(layout, root, "app:1", file, also=also)
    shutil.copytree(layout.root, tmp_path / "unsigned")
    before = shop.image.place().referrers(root.digest)
    (signature,) = (each for each in before if SIGNATURE in each.annotations.values())
    other = published(tmp_path / "other", signed=False).image
    other.layout = type(layout)(tmp_path / "unsigned")
    other.layout.update(lambda listed: [one for one in listed if one.digest != signature.digest])
    other.attach(root, SIGNATURE, {}, signers=(shop.image.signer,))
    policy, cases = blocks("yaml")
    (tmp_path / "production.yaml").write_text(policy)
    (tmp_path / "production.test.yaml").write_text(cases)
    (tmp_path / "images.txt").write_text("oci:layout\nimage.tar\n")
    monkeypatch.setenv("IRONHULL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("IRONHULL_MAX_ADVISORY_AGE", "0")
    return tmp_path


def test_every_command_of_the_page_works_in_its_order(folder: Path) -> None:
    commands = [
        line.removeprefix("$ ironhull ")
        for block in blocks("console")
        for line in block.splitlines()
        if line.startswith("$ ")
    ]
    assert len(commands) == 10
    for command in commands:
        done = subprocess.run(
            f"{sys.executable} -m ironhull.cli {command}",
            shell=True,
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    assert (folder / "verdict.json").stat().st_size > 100


def test_the_schema_in_the_docs_is_generated() -> None:
    text = (DOCS / "policy.schema.json").read_text()
    assert text == json_text(policy_schema()) + "\n", (
        "run: ironhull policy schema > docs/policy.schema.json"
    )


def test_the_reference_of_policies_in_the_docs_is_generated() -> None:
    begin, end = "<!-- keys: begin -->\n\n", "<!-- keys: end -->"
    generated = PAGE[PAGE.index(begin) + len(begin) : PAGE.index(end)]
    assert generated == policy_reference() + "\n", (
        "put what ironhull policy schema --format markdown prints there"
    )


def test_reasons_are_words_that_a_program_can_compare() -> None:
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", each.value) for each in Reason)
