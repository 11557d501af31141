"""A statement is asked about a finding by the finding's package, not product by product."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ironhull.scan import about
from ironhull.scan.about import About, ImageProduct
from ironhull.scan.model import Finding, ScanResult
from ironhull.vex.model import Product, VexStatement
from ironhull.vex.purl import Purl, Surroundings, matches_package

PLACE = Surroundings("debian-12", "amd64")
IMAGE = ImageProduct("shop/app:1.0", frozenset(), PLACE)


def statement(*products: Product) -> VexStatement:
    return VexStatement(names=("CVE-2024-0001",), status="not_affected", products=products)


@pytest.mark.parametrize(
    ("kind", "package", "purl"),
    [
        ("golang", "github.com/Masterminds/Squirrel", "pkg:golang/github.com/masterminds/squirrel"),
        ("maven", "org.apache.commons:commons-text", "pkg:maven/org.apache.commons/commons-text"),
        ("npm", "@babel/core", "pkg:npm/%40babel/core"),
        ("pypi", "ruamel.yaml_clib", "pkg:pypi/ruamel-yaml-clib"),
        ("nuget", "Newtonsoft.Json", "pkg:nuget/newtonsoft.json"),
    ],
)
def test_every_spelling_of_a_name_is_found(
    result: ScanResult, kind: str, package: str, purl: str
) -> None:
    finding = replace(result.findings[0], type=kind, package=package, source="")
    image = "pkg:oci/app"
    for product in (Product(purl), Product("other", also=(purl,)), Product(image, (purl,))):
        assert About(statement(product), IMAGE).fits(finding)
        assert not About(statement(product), IMAGE).fits(replace(finding, package="another"))


def test_of_thousands_of_products_those_of_the_package_are_compared(
    result: ScanResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = []

    def counting(purl: Purl, finding: Finding, place: Surroundings) -> bool:
        compared.append(purl.name)
        return matches_package(purl, finding, place)

    monkeypatch.setattr(about, "matches_package", counting)
    finding = result.findings[0]
    many = tuple(f"pkg:deb/debian/part{number}" for number in range(5_000))
    mine = f"pkg:deb/debian/{finding.package}"
    asked = About(
        statement(*map(Product, many), Product("pkg:oci/app", many), Product(mine, (*many, mine))),
        IMAGE,
    )
    assert asked.fits(finding)
    assert compared == [finding.package] * 2
