import json
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from hypothesis import given, settings
from tests.unit.inventory.test_document import INVENTORIES

from ironhull.inventory.model import (
    Distribution,
    ImageConfig,
    ImageIdentity,
    Inventory,
    Package,
)
from ironhull.inventory.purl import purl_of
from ironhull.oci.digest import Digest
from ironhull.oci.platform import Platform
from ironhull.sbom.cyclonedx import cyclonedx
from ironhull.sbom.make import bill_of
from ironhull.sbom.spdx import spdx

DIGEST = Digest("sha256:" + "ab" * 32)
DEBIAN = Distribution(id="debian", version_id="12", pretty_name="Debian 12")
PACKAGES = (
    Package(
        "libssl3",
        "3.0.20-1~deb12u2",
        "deb",
        "/var/lib/dpkg/status",
        DIGEST,
        "amd64",
        "openssl",
        "3.0.20-1~deb12u2",
        licenses=("Apache-2.0", "BSD-3-clause"),
    ),
    Package(
        "bsdutils",
        "1:2.38.1-5+deb12u3",
        "deb",
        "/var/lib/dpkg/status",
        DIGEST,
        "amd64",
        "util-linux",
        "2.38.1-5+deb12u3",
    ),
    Package("musl", "1.2.4-r4", "apk", "/lib/apk/db/installed", "", "x86_64", "musl", "1.2.4-r4"),
    Package("@babel/core", "7.23.0", "npm", "/a/node_modules/@babel/core/package.json"),
    Package("Zope.Interface_X", "6.0+x", "pypi", "/x.dist-info/METADATA"),
    Package("org.yaml:snakeyaml", "1.30", "maven", "/app.jar:lib/s.jar"),
    Package("orphan", "", "maven", "/orphan.jar"),
    Package("github.com/aws/aws-sdk-go-v2/service/s3", "v1.2.3", "golang", "/bin/x"),
    Package("example.org/demo", "(devel)", "golang", "/bin/x"),
    Package("rack", "2.2.8", "gem", "/r.gemspec"),
    Package("Psr/Log", "v1.1.4", "composer", "/installed.json"),
    Package("Newtonsoft.Json", "13.0.3", "nuget", "/a.deps.json"),
    Package("serde", "1.0.1", "cargo", "/bin/y"),
    Package("node", "20.11.1", "binary", "/usr/local/bin/node"),
    Package("node", "20.11.1", "binary", "/opt/bin/node"),
)
PURLS = [
    "pkg:deb/debian/libssl3@3.0.20-1~deb12u2?arch=amd64&distro=debian-12&upstream=openssl",
    "pkg:deb/debian/bsdutils@1:2.38.1-5%2Bdeb12u3?arch=amd64&distro=debian-12"
    "&upstream=util-linux%402.38.1-5%2Bdeb12u3",
    "pkg:apk/debian/musl@1.2.4-r4?arch=x86_64&distro=debian-12",
    "pkg:npm/%40babel/core@7.23.0",
    "pkg:pypi/zope-interface-x@6.0%2Bx",
    "pkg:maven/org.yaml/snakeyaml@1.30",
    "pkg:maven/orphan",
    "pkg:golang/github.com/aws/aws-sdk-go-v2@v1.2.3#service/s3",
    "pkg:golang/example.org/demo",
    "pkg:gem/rack@2.2.8",
    "pkg:composer/psr/log@v1.1.4",
    "pkg:nuget/Newtonsoft.Json@13.0.3",
    "pkg:cargo/serde@1.0.1",
    "pkg:generic/node@20.11.1",
    "pkg:generic/node@20.11.1",
]


def inventory(**changes: object) -> Inventory:
    from dataclasses import replace

    packages = tuple(replace(item, purl=purl_of(item, DEBIAN)) for item in PACKAGES)
    values: dict[str, object] = {
        "image": ImageIdentity(
            "localhost:5000/app/web:1",
            "registry",
            DIGEST,
            DIGEST,
            DIGEST,
            Platform("linux", "amd64"),
        ),
        "distribution": DEBIAN,
        "packages": packages,
        "config": ImageConfig(created="2026-01-02T05:04:05.123456789+02:00"),
    }
    return Inventory(**(values | changes))  # type: ignore[arg-type]


def test_purls_are_those_of_the_reference() -> None:
    assert [purl_of(item, DEBIAN) for item in PACKAGES] == PURLS


def cyclonedx_of(found: Inventory) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(cyclonedx(bill_of(found)))
    return value


def spdx_of(found: Inventory) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(spdx(bill_of(found)))
    return value


def check_cyclonedx(found: Inventory) -> None:
    problem = JsonStrictValidator(SchemaVersion.V1_6).validate_str(
        cyclonedx(bill_of(found)).decode()
    )
    assert problem is None, problem


def check_spdx(found: Inventory) -> None:
    from spdx_tools.spdx.parser.jsonlikedict.json_like_dict_parser import JsonLikeDictParser
    from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

    document = JsonLikeDictParser().parse(spdx_of(found))
    messages = validate_full_spdx_document(document)
    assert [message.validation_message for message in messages] == []


def test_cyclonedx_is_valid_by_its_schema() -> None:
    check_cyclonedx(inventory())


def test_cyclonedx_for_older_tools_is_valid_by_the_older_schema() -> None:
    text = cyclonedx(bill_of(inventory()), "1.5").decode()
    assert JsonStrictValidator(SchemaVersion.V1_5).validate_str(text) is None


def test_spdx_is_valid_by_its_own_tools() -> None:
    check_spdx(inventory())


@pytest.mark.parametrize(
    "changes",
    [
        {"distribution": Distribution(reason="none"), "packages": ()},
        {"image": ImageIdentity("/srv/root fs", "rootfs"), "config": ImageConfig()},
        {"config": ImageConfig(created="yesterday")},
        {"config": ImageConfig(created="0001-01-01T00:00:00+14:00")},
    ],
)
def test_images_without_this_or_that_give_valid_documents(changes: dict[str, object]) -> None:
    check_cyclonedx(inventory(**changes))
    check_spdx(inventory(**changes))


@settings(max_examples=15, deadline=None)
@given(INVENTORIES)
def test_whatever_an_image_says_the_document_keeps_to_its_schema(found: Inventory) -> None:
    check_cyclonedx(found)


def test_documents_depend_on_nothing_but_the_content() -> None:
    one, two = inventory(), inventory()
    assert cyclonedx(bill_of(one)) == cyclonedx(bill_of(two))
    assert spdx(bill_of(one)) == spdx(bill_of(two))
    assert cyclonedx_of(one)["metadata"]["timestamp"] == "2026-01-02T03:04:05Z"
    other = inventory(packages=one.packages[:-1])
    assert cyclonedx_of(one)["serialNumber"] != cyclonedx_of(other)["serialNumber"]
    assert spdx_of(one)["documentNamespace"] != spdx_of(other)["documentNamespace"]


def test_every_package_is_in_both_documents() -> None:
    found = inventory()
    components = cyclonedx_of(found)["components"]
    assert [item["purl"] for item in components if "purl" in item] == PURLS
    described = spdx_of(found)["packages"]
    purls = [
        item["externalRefs"][0]["referenceLocator"]
        for item in described[2:]
        if item["primaryPackagePurpose"] != "SOURCE"
    ]
    assert purls == PURLS
    assert len({item["SPDXID"] for item in described}) == len(described)


def test_spdx_has_what_trivy_knows_a_distribution_and_its_source_packages_by() -> None:
    """Under another identifier, or outside of the distribution, trivy finds nothing in it."""
    document = spdx_of(inventory())
    named = {one["SPDXID"]: one for one in document["packages"]}
    assert named["SPDXRef-OperatingSystem"]["primaryPackagePurpose"] == "OPERATING-SYSTEM"
    inside = {
        named[one["relatedSpdxElement"]]["name"]: named[one["relatedSpdxElement"]]
        for one in document["relationships"]
        if one["spdxElementId"] == "SPDXRef-OperatingSystem"
    }
    assert {"libssl3", "bsdutils", "musl"} == set(inside)
    assert inside["bsdutils"]["sourceInfo"] == ("built package from: util-linux 2.38.1-5+deb12u3")
    assert [one["name"] for one in named.values() if one.get("sourceInfo")] == sorted(
        inside, key=[one["name"] for one in named.values()].index
    )
