"""VEX documents of the three formats, made of a few words."""

from __future__ import annotations

import json
from typing import Any

from ironhull.vex.model import VexDocument
from ironhull.vex.reading import parse_vex

DIGEST = "sha256:" + "ab" * 32
OPENSSL = "pkg:deb/debian/libssl3@3.0.11-1~deb12u1?arch=amd64&distro=debian-12"


def openvex(*statements: dict[str, Any], **more: Any) -> VexDocument:
    value = {
        "@context": "https://openvex.dev/ns/v0.2.0",
        "@id": "https://example.org/vex/1",
        "author": "Jane",
        "timestamp": "2026-01-01T00:00:00Z",
        "version": 1,
        "statements": list(statements),
        **more,
    }
    return parse_vex(json.dumps(value).encode(), "test.json")


def said(
    name: str = "CVE-2024-0001",
    product: str = OPENSSL,
    status: str = "not_affected",
    parts: tuple[str, ...] = (),
    **more: Any,
) -> dict[str, Any]:
    subject: dict[str, Any] = {"@id": product}
    if parts:
        subject["subcomponents"] = [{"@id": part} for part in parts]
    extra = {"justification": "vulnerable_code_not_present"} if status == "not_affected" else {}
    return {
        "vulnerability": {"name": name},
        "products": [subject],
        "status": status,
        **extra,
        **more,
    }


def csaf(status: dict[str, list[str]], **more: Any) -> bytes:
    tree = {
        "branches": [
            {
                "category": "vendor",
                "name": "V",
                "branches": [
                    {
                        "category": "product_version",
                        "name": "image",
                        "product": {
                            "product_id": "IMAGE",
                            "name": "image",
                            "product_identification_helper": {"purl": f"pkg:oci/app@{DIGEST}"},
                        },
                    }
                ],
            }
        ],
        "full_product_names": [
            {
                "product_id": "SSL",
                "name": "libssl3",
                "product_identification_helper": {"purl": OPENSSL},
            }
        ],
        "relationships": [
            {
                "category": "installed_on",
                "product_reference": "SSL",
                "relates_to_product_reference": "IMAGE",
                "full_product_name": {"product_id": "SSL-IN-IMAGE", "name": "both"},
            }
        ],
        "product_groups": [{"group_id": "G", "product_ids": ["SSL-IN-IMAGE"]}],
    }
    value = {
        "document": {
            "category": "csaf_vex",
            "csaf_version": "2.0",
            "publisher": {"name": "Vendor"},
            "tracking": {"id": "V-1", "current_release_date": "2026-01-01T00:00:00Z"},
        },
        "product_tree": tree,
        "vulnerabilities": [{"cve": "CVE-2024-0001", "product_status": status, **more}],
    }
    return json.dumps(value).encode()
