"""A VEX repository: documents by product, an index, a manifest, an archive, the same bytes."""

from __future__ import annotations

import io
import json
import tarfile
from typing import Any

import pytest

from ironhull.errors import MalformedError
from ironhull.vex.purl import image_purl, part_purls
from ironhull.vex.repository import repository, statements_in, updated_of

URL = "https://images.example/vex"
DIGESTS = ("sha256%3A" + "a" * 64, "sha256%3A" + "b" * 64)


def document(product: str, *vulnerabilities: str, stamp: str = "2026-11-27T00:00:00Z") -> bytes:
    statements = [
        {
            "vulnerability": {"name": each},
            "products": [{"@id": product, "subcomponents": [{"@id": "pkg:deb/debian/a@1"}]}],
            "status": "not_affected",
            "justification": "vulnerable_code_not_present",
        }
        for each in vulnerabilities
    ]
    return json.dumps({"timestamp": stamp, "statements": statements}).encode()


def made(*documents: bytes) -> dict[str, bytes]:
    return repository(documents, URL, updated_of(documents))


def test_the_documents_of_an_image_are_one_found_by_the_bare_purl() -> None:
    files = made(
        document(f"pkg:oci/node@{DIGESTS[0]}", "CVE-1"),
        document(f"pkg:oci/node@{DIGESTS[1]}?repository_url=a.example/node", "CVE-1", "CVE-2"),
        document(f"pkg:oci/static@{DIGESTS[0]}", "CVE-1", stamp="2026-11-28T00:00:00Z"),
    )
    index: dict[str, Any] = json.loads(files["v0/index.json"])
    assert index["updated_at"] == "2026-11-28T00:00:00Z"
    assert index["packages"] == [
        {"id": "pkg:oci/node", "location": "pkg/oci/node/vex.json", "format": "openvex"},
        {"id": "pkg:oci/static", "location": "pkg/oci/static/vex.json", "format": "openvex"},
    ]
    node = json.loads(files["v0/pkg/oci/node/vex.json"])
    assert len(node["statements"]) == 3
    assert {each["timestamp"] for each in node["statements"]} == {"2026-11-27T00:00:00Z"}
    assert statements_in(files) == 4


def test_the_manifest_says_where_the_archive_is() -> None:
    manifest = json.loads(made(document("pkg:oci/a@1", "CVE-1"))[".well-known/vex-repository.json"])
    version = manifest["versions"][manifest["latest_version"]]
    assert version["spec_version"] == "v0.1"
    assert version["locations"] == [{"url": f"{URL}/v0/vex-data.tar.gz"}]
    assert version["update_interval"] == "24h"


def test_the_archive_has_the_same_files() -> None:
    files = made(document("pkg:oci/a@1", "CVE-1"), document("pkg:oci/b@1", "CVE-2"))
    with tarfile.open(fileobj=io.BytesIO(files["v0/vex-data.tar.gz"])) as archive:
        inside = {
            member.name: archive.extractfile(member).read()  # type: ignore[union-attr]
            for member in archive
        }
    assert {f"v0/{path}": data for path, data in inside.items()} == {
        path: data
        for path, data in files.items()
        if path.startswith("v0/") and not path.endswith(".tar.gz")
    }


def test_the_order_of_the_documents_changes_nothing() -> None:
    one, two = document("pkg:oci/a@1", "CVE-1"), document("pkg:oci/a@2", "CVE-2")
    assert made(one, two) == made(two, one)
    assert made(one, one) == made(one)


@pytest.mark.parametrize(
    "product",
    ["", "node", "pkg:", "pkg:oci", "pkg:oci/../../up@1", "pkg:oci//a@1", "https://a.example/x"],
)
def test_products_that_would_leave_the_folder_are_refused(product: str) -> None:
    with pytest.raises(MalformedError, match="no purl that a file can be named by"):
        made(document(product, "CVE-1"))


@pytest.mark.parametrize("data", [b"", b"[]", b'{"statements": 1}', b'{"statements": [1]}'])
def test_what_is_no_openvex_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedError):
        repository([data], URL, "2026-11-27T00:00:00Z")


@pytest.mark.parametrize(
    ("purl", "forms"),
    [
        (
            "pkg:deb/debian/libssl3t64@3.5.1-1%2Bdeb13u1?arch=amd64&distro=debian-13&upstream=openssl",
            ("pkg:deb/debian/libssl3t64@3.5.1-1%2Bdeb13u1?arch=amd64",),
        ),
        (
            "pkg:deb/debian/zlib1g@1:1.3-1?arch=amd64&distro=debian-13",
            (
                "pkg:deb/debian/zlib1g@1:1.3-1?arch=amd64",
                "pkg:deb/debian/zlib1g@1.3-1?arch=amd64&epoch=1",
            ),
        ),
        ("pkg:npm/%40scope/a@1.0.0", ("pkg:npm/%40scope/a@1.0.0",)),
    ],
)
def test_parts_of_an_image_are_written_as_scanners_compare_them(
    purl: str, forms: tuple[str, ...]
) -> None:
    assert part_purls(purl) == forms


@pytest.mark.parametrize(
    ("name", "purl"),
    [
        ("node:20", "pkg:oci/node@sha256%3Aab"),
        ("store:base/node:20", "pkg:oci/node@sha256%3Aab"),
        (
            "127.0.0.1:5000/base/node:20",
            "pkg:oci/node@sha256%3Aab?repository_url=127.0.0.1%3A5000/base/node",
        ),
    ],
)
def test_only_an_image_of_a_registry_says_which(name: str, purl: str) -> None:
    assert image_purl(name, "sha256:ab") == purl
