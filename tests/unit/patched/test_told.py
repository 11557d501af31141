import json
from datetime import UTC, datetime

from tests.fakes.archive import release
from tests.fakes.deb import make_deb
from tests.unit.patched.given import AMD64, definition, stanza

from ironhull.lock.model import Lock, LockedPlatform
from ironhull.patched.lock import PatchedLock
from ironhull.patched.pool import read_deb
from ironhull.patched.recipe import STAGE
from ironhull.patched.told import bill, fixed, osv, provenance

DEBS = [read_deb(make_deb("libjbig0", "2.1-6.1+ih1"), "libjbig0")]
LOCK = PatchedLock(
    stanza(),
    Lock(
        "jbigkit", "jbigkit.yaml", definition().request, "2026-11-22T02:09:05Z",
        (release("trixie"),), {str(AMD64): LockedPlatform((), (), {STAGE: LockedPlatform(())})},
    ),
)  # fmt: skip


def test_vex_says_fixed_of_the_exact_version_and_by_which_patch():
    (statement,) = fixed(definition(), DEBS)
    assert (statement.names, statement.status) == (("CVE-2017-9937",), "fixed")
    assert [one.identifier for one in statement.products] == [
        "pkg:deb/debian/libjbig0@2.1-6.1%2Bih1"
    ]
    assert "patched by limit.patch (sha256:" in statement.notes
    assert statement.notes.endswith("over the archive's 2.1-6.1")


def test_osv_has_a_record_for_each_fix_that_names_both_versions():
    records = osv(definition(), datetime(2026, 11, 23, tzinfo=UTC))
    record = json.loads(records["IRONHULL-CVE-2017-9937-jbigkit.json"])
    assert record["upstream"] == ["CVE-2017-9937"]
    (affected,) = record["affected"]
    assert affected["package"]["ecosystem"] == "Debian:13"
    assert affected["ranges"][0]["events"] == [{"introduced": "2.1-6.1"}, {"fixed": "2.1-6.1+ih1"}]


def test_the_bill_has_each_patch_with_what_it_resolves():
    (component,) = json.loads(bill(definition(), LOCK, DEBS))["components"]
    (patch,) = component["pedigree"]["patches"]
    assert patch["resolves"] == [{"type": "security", "id": "CVE-2017-9937"}]
    assert component["pedigree"]["ancestors"][0]["version"] == "2.1-6.1"


def test_provenance_names_the_source_by_digest():
    said = json.loads(provenance(definition(), LOCK, "https://builder.example"))
    wanted = {file.file_name: file.sha256.partition(":")[2] for file in stanza().files}
    listed = said["buildDefinition"]["resolvedDependencies"]
    assert {each["name"]: each["digest"]["sha256"] for each in listed} == wanted
