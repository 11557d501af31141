"""The store of authorities that Java reads."""

import hashlib
import struct

from ironhull.debian.java_store import certificates_in, java_store


def test_it_has_its_entries_sorted_and_a_digest_over_all_of_them():
    data = java_store({"b": b"BB", "\u00e4": b"A", "a": b"AAA"})
    assert struct.unpack(">III", data[:12]) == (0xFEEDFEED, 2, 3)
    entry = (
        struct.pack(">IH", 2, 1) + b"a" + bytes(8) + b"\0\5X.509" + struct.pack(">I", 3) + b"AAA"
    )
    assert data[12 : 12 + len(entry)] == entry
    assert data.index(b"BB") < data.index("\u00e4".encode())
    key = "changeit".encode("utf-16-be") + b"Mighty Aphrodite"
    assert data[-20:] == hashlib.sha1(key + data[:-20]).digest()


def test_all_certificates_of_a_file_are_found_and_nothing_else():
    begin, end = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"
    text = begin + b"\nb25l\r\n" + end + b"\nnotes\n" + begin + b"!" + end + begin + b"dHdv" + end
    assert certificates_in(text) == [b"one", b"two"]
    assert certificates_in(b"") == []
