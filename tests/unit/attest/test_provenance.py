"""SLSA provenance of both versions, and what is of the wrong type."""

from __future__ import annotations

from ironhull.attest.provenance import Dependency, Provenance, provenance_in


def test_provenance_of_both_versions_is_read() -> None:
    new = {
        "buildDefinition": {
            "resolvedDependencies": [{"uri": "pkg:deb/x", "digest": {"sha256": "aa"}}, 3]
        },
        "runDetails": {"builder": {"id": "me"}},
    }
    old = {"materials": [{"uri": "pkg:deb/x", "digest": {"sha256": "aa"}}], "builder": {"id": "me"}}
    expected = Provenance("d", "me", (Dependency("pkg:deb/x", ("sha256:aa",)),))
    assert provenance_in(new, "d") == provenance_in(old, "d") == expected
    assert provenance_in({"materials": 3, "builder": []}, "d") == Provenance("d", "", ())
