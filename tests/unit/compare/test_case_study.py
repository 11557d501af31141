"""docs/case-study.md is what its generator would write, figures aside."""

from __future__ import annotations

import importlib.util
import re
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tests.fakes.sides import NOW, attachment, found, hardened, layer, scanned, side, standard

from ironhull.compare.compare import compare
from ironhull.compare.document import document_of
from ironhull.compare.leaks import Leaks
from ironhull.compare.model import MeasuredImage
from ironhull.inventory.model import Exposure, Surface
from ironhull.scan.model import FixState

DOCS = Path(__file__).parents[3] / "docs"
FIGURE = re.compile(
    r"sha256:[0-9a-f]+|[±+−]?\d[\d,.:TZ-]*(?: (?:[kMG]?B|%|days?)(?![\w]))?|"
    r"\b(?:unknown|yes|no|holds|does not hold|not known)\b"
)


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("case_study", DOCS / "case_study.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def named(given: MeasuredImage, name: str) -> MeasuredImage:
    image = replace(given.inventory.image, name=name)
    return replace(given, inventory=replace(given.inventory, image=image))


def documents(generator: ModuleType, image: MeasuredImage | None = None) -> list[Any]:
    return [
        document_of(
            compare(
                [named(standard(), old), named(image or hardened(), new)],
                NOW,
                [f"ironhull compare {old} {new} --dev-leak --json --quiet"],
            )
        )
        for old, new, _ in generator.PAIRS
    ]


def application() -> Any:
    names = ("standard", "hardened", "hardened-full")
    sides = [standard(), hardened(), hardened()]
    given = [named(one, f"node-app ({name})") for one, name in zip(sides, names, strict=True)]
    return document_of(compare(given, NOW))


def shape(text: str) -> str:
    """The text without figures: every number, date, digest and verdict is a `#`."""
    lines = ["- Sources:" if line.startswith("- Sources:") else line for line in text.splitlines()]
    lines = [re.sub(r" \(stale\)", "", line) for line in lines]
    return "\n".join(
        FIGURE.sub("#", line).replace("|  |", "| # |").replace("|  |", "| # |")
        if line.startswith(("|", "- "))
        else re.sub(r"sha256:[0-9a-f]+", "#", line)
        for line in lines
    )


def test_the_document_is_what_the_generator_writes_today(generator: ModuleType) -> None:
    written = (DOCS / "case-study.md").read_text()
    expected = generator.render(documents(generator), application(), verified=True)
    assert shape(written).splitlines() == shape(expected).splitlines(), (
        "docs/case-study.md is stale: python docs/case_study.py"
    )


def test_the_shape_sees_a_row_that_is_missing(generator: ModuleType) -> None:
    text = generator.render(documents(generator), application(), verified=True)
    assert shape(text) == shape(text.replace("75.0", "12.3"))
    assert shape(text) != shape(text.replace("| shells |", "| shell |"))


def verdicts(
    generator: ModuleType, image: MeasuredImage, *, verified: bool = True
) -> dict[str, str]:
    [first, *_] = documents(generator, image)
    return {
        claim: holds
        for claim, _, holds in generator.claims(first, application(), verified=verified)
    }


def test_claims_hold_only_where_they_were_measured_to_hold(generator: ModuleType) -> None:
    good = side(layers=[layer(1)], scan=scanned())
    found_good = verdicts(generator, good)
    assert found_good["Near-zero exploitable CVEs"] == "holds"
    assert found_good["Not run as root"] == "holds"
    assert found_good["Signed SBOM and provenance"] == "does not hold"
    assert found_good["Development tools never reach production"] == "does not hold"
    fixable = side(scan=scanned(found("CVE-1", "a", "unknown")))
    assert verdicts(generator, fixable)["Near-zero exploitable CVEs"] == "does not hold"
    compiling = Surface(
        shells=(Exposure("/bin/sh"),), compilers=(Exposure("/usr/bin/cc"),), size=9000
    )
    bad = found("CVE-1", "a", "critical")
    worse = verdicts(
        generator, side(user="0", surface=compiling, scan=scanned(bad), layers=[layer(7, 9000)])
    )
    del worse["Over 70 % fewer packages"]
    assert set(worse.values()) == {"does not hold"}
    assert verdicts(generator, side(layers=[]))["Smaller"] == "not known"


def test_an_image_is_called_signed_only_if_a_believed_key_has_signed_it(
    generator: ModuleType,
) -> None:
    claim = "Signed SBOM and provenance"
    kinds = {
        "sbom": "https://spdx.dev/Document",
        "signature": "https://sigstore.dev/cosign/sign/v1",
    }
    some = tuple(attachment(kind, type_) for kind, type_ in kinds.items())  # type: ignore[arg-type]
    whole = (*some, attachment("provenance", "https://slsa.dev/provenance/v1"))
    given = replace(hardened(), attached=whole)
    assert verdicts(generator, given, verified=True)[claim] == "holds"
    assert verdicts(generator, given, verified=False)[claim] == "does not hold"
    assert verdicts(generator, replace(given, attached=some))[claim] == "does not hold"


def test_a_finding_without_severity_and_fix_is_not_called_near_zero(generator: ModuleType) -> None:
    waiting = replace(found("CVE-1", "a", "unknown"), fix_state=FixState.UNKNOWN)
    given = verdicts(generator, side(scan=scanned(waiting)))
    assert given["Near-zero exploitable CVEs"] == "not known"


def test_without_the_demo_nothing_is_said_of_development_tools(generator: ModuleType) -> None:
    [first, *_] = documents(generator)
    rows = {claim: holds for claim, _, holds in generator.claims(first, None, verified=True)}
    assert rows["Development tools never reach production"] == "not known"
    assert "Not built in this run" in generator.render(documents(generator), None, verified=True)


def test_no_traces_hold_the_claim(generator: ModuleType) -> None:
    clean = replace(hardened(), leaks=Leaks((), (), 7))
    app = document_of(compare([standard(), clean], NOW))
    rows = {
        claim: holds
        for claim, _, holds in generator.claims(documents(generator)[0], app, verified=True)
    }
    assert rows["Development tools never reach production"] == "holds"
