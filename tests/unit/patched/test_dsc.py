import pytest
from tests.unit.patched.given import FILES, stanza

from ironhull.errors import MalformedError, UntrustedError
from ironhull.oci.digest import digest_of, hex_of
from ironhull.patched.dsc import check_dsc

ORIG = "jbigkit_2.1.orig.tar.gz"
LINE = f" {hex_of(digest_of(FILES[ORIG]))} {len(FILES[ORIG])} {ORIG}"
TEXT = f"Format: 3.0 (quilt)\nSource: jbigkit\nVersion: 2.1-6.1\nChecksums-Sha256:\n{LINE}\n"
SIGNED = (
    f"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n{TEXT}\n"
    "-----BEGIN PGP SIGNATURE-----\n\nabc\n-----END PGP SIGNATURE-----\n"
)


@pytest.mark.parametrize("text", [TEXT, SIGNED])
def test_a_dsc_that_names_what_the_index_names_is_taken(text):
    check_dsc(text.encode(), stanza(), "a.dsc")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("2.1-6.1", "2.1-6.2", "is of jbigkit 2.1-6.2, the archive's index says jbigkit 2.1-6.1"),
        ("Source: jbigkit", "Source: other", "is of other"),
        (f" {len(FILES[ORIG])} ", " 9 ", f"name other files: {ORIG}"),
        (ORIG, "x.tar.gz", f"name other files: {ORIG}, x.tar.gz"),
        (LINE, f"{LINE}\n{LINE[:-1]}x", "name other files"),
    ],
)
def test_a_dsc_that_says_something_else_is_refused(old, new, message):
    assert old in SIGNED
    with pytest.raises(UntrustedError, match=message):
        check_dsc(SIGNED.replace(old, new).encode(), stanza(), "a.dsc")


def test_what_is_no_table_is_no_dsc():
    with pytest.raises(MalformedError, match="no table"):
        check_dsc(SIGNED.replace(LINE, " a b").encode(), stanza(), "a.dsc")
