"""The page of the build type has every field that provenance has, and no other."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.unit.workspace.test_attesting import with_key
from tests.unit.workspace.test_workspace import workspace

from ironhull.build.origins import BuiltStage, FetchedFile
from ironhull.lock.file import parse_lock
from ironhull.oci.digest import Digest
from ironhull.oci.document import canonical
from ironhull.statements.provenance import BUILD_TYPE, provenance
from ironhull.statements.recipe import recipe_in

PAGE = Path(__file__).parents[3] / "docs/build-type.md"
DIGEST = Digest("sha256:" + "ab" * 32)
COMMON = {"name", "uri", "digest"}
"""What SLSA itself calls so."""


def fields(value: object) -> Iterator[str]:
    """Every key below a value."""
    match value:
        case dict():
            for key, inner in value.items():
                yield key
                yield from fields(inner)
        case list():
            for each in value:
                yield from fields(each)


def said(folder: Path) -> Any:
    """Provenance of an image for which everything was used that there is."""
    shop = workspace(folder)
    with_key(shop)
    shop.build("app:1")
    real = json.loads(shop.read_attestation("app:1", "provenance"))
    recipe, _ = recipe_in(canonical(real), "provenance")
    made = provenance(
        recipe,
        parse_lock(recipe.lock, recipe.lock_path),
        "linux/amd64",
        compression="zstd:8/1.5.7",
        builder="https://builder.example",
        invocation=DIGEST,
        fetched=[
            FetchedFile("a", "https://files.example/a.tar", DIGEST),
            FetchedFile("b", "b.tar", DIGEST),
            FetchedFile("c", f"oci://images.example/c@{DIGEST}", DIGEST),
        ],
        stages=[BuiltStage("make", DIGEST, (("compile", DIGEST),))],
    )
    return json.loads(made)


def test_every_field_and_kind_of_dependency_is_on_the_page(tmp_path: Path) -> None:
    text = PAGE.read_text()
    assert text.startswith(f"# The build type `{BUILD_TYPE}`")
    value = said(tmp_path)
    definition = value["buildDefinition"]
    named = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`]+)`", text))))
    parts = (definition, value["runDetails"])
    assert {key for part in parts for key in fields(part)} - COMMON - named == set()
    for kind in ("externalParameters", "internalParameters"):
        section = text.split(f"## `{kind}`")[1].split("## ")[0]
        rows = set(re.findall(r"^\| `(\w+)`", section, re.MULTILINE))
        assert rows == set(definition[kind])
    section = text.split("## `resolvedDependencies`")[1].split("## ")[0]
    schemes = set(re.findall(r"^\| `([a-z0-9]+:(?:[a-z]+/)?)", section, re.MULTILINE))
    uris = {each["uri"] for each in definition["resolvedDependencies"]}
    assert {one for one in schemes if not any(uri.startswith(one) for uri in uris)} == set()
    assert {uri for uri in uris if not uri.startswith(tuple(schemes))} == set()
