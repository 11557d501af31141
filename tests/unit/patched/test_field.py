"""What a control file says of patches: written as it is read, and read as what anybody wrote."""

from tests.unit.patched.given import definition

from ironhull.oci.digest import digest_of
from ironhull.patched.field import patches_field, read_patches
from ironhull.patched.model import Patch

DIGEST = "sha256:" + "0" * 64


def test_what_is_written_is_read_again() -> None:
    place = definition().place
    patches = (
        Patch("a.patch", b"a", ("CVE-2017-9937", "GHSA-xxxx-yyyy", "RHSA-2024:1234"), "", place),
        Patch("b+1.patch", b"b", (), "", place),
    )
    field = patches_field(definition(patches=patches))
    assert read_patches(field.replace(", ", ",\n ")) == tuple(
        (one.name, digest_of(one.content), one.fixes) for one in patches
    )


def test_what_is_no_entry_is_left_out() -> None:
    bad = ["", "a.patch", f"../x {DIGEST}", f"a {DIGEST} CVE<1>", "a sha256:00", f"a {DIGEST[:-1]}"]
    assert read_patches(", ".join([*bad, f"good.patch {DIGEST} CVE-1"])) == (
        ("good.patch", DIGEST, ("CVE-1",)),
    )
    assert len(read_patches(f"a {DIGEST}," * 5000)) == 1000
