"""Documents of strangers: what cannot be written again is not read."""

import pytest

from ironhull.errors import MalformedError
from ironhull.oci.document import Document, canonical


@pytest.mark.parametrize(
    "text",
    [b"\\ud800", b"\\uDFFF", b"\\udc00\\ud83d", b"\xed\xa0\x80", b"caf\xe9"],
    ids=["first half", "second half", "turned around", "as bytes", "latin-1"],
)
def test_a_text_that_is_no_unicode_is_refused(text: bytes):
    for raw in (b'{"a":"%s"}', b'{"%s":1}', b'{"a":[{"b":"x %s"}]}'):
        with pytest.raises(MalformedError, match="not JSON"):
            Document.parse(raw % text)


@pytest.mark.parametrize("text", [b"\\ud83d\\ude00", b"\xf0\x9f\x98\x80", b"\\\\ud800"])
def test_whole_signs_are_read_as_they_are(text: bytes):
    value = Document.parse(b'{"a":"%s"}' % text).value
    assert Document.parse(canonical(value)).value == value
