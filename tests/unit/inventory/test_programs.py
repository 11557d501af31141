import io
import json
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironhull.inventory.cataloguers import programs
from ironhull.inventory.cataloguers.elf import ElfFile, is_program
from ironhull.inventory.cataloguers.interface import Findings

MODULES = (
    "path\texample.org/demo\n"
    "mod\texample.org/demo\t(devel)\t\n"
    "dep\tgithub.com/spf13/cobra\tv1.7.0\th1:x=\n"
    "dep\tgolang.org/x/old\tv0.1.0\n"
    "=>\tgolang.org/x/new\tv0.2.0\th1:y=\n"
    "build\tvcs.revision=0123456789abcdef0123\n"
    "build\tvcs.time=2024-05-06T07:08:09Z\n"
)
BASE = 0x400000


def elf(sections: dict[str, bytes], *, wide: bool = True, little: bool = True) -> bytes:
    """A program whose sections are also loaded, one after the other, at BASE."""
    order = "<" if little else ">"
    header_size, entry = (64, 56) if wide else (52, 32)
    body, places = b"", []
    start = header_size + entry
    for data in sections.values():
        body += b"\0" * (-(start + len(body)) % 16)
        places.append((start + len(body), len(data)))
        body += data
    names = b"\0" + b"".join(name.encode() + b"\0" for name in (*sections, ".shstrtab"))
    places.append((start + len(body), len(names)))
    body += names
    table = start + len(body)
    size = table
    if wide:
        head = struct.pack(
            order + "HHIQQQIHHHHHH",
            2,
            62,
            1,
            0,
            64,
            table,
            0,
            64,
            56,
            1,
            64,
            len(places) + 1,
            len(places),
        )
        segment = struct.pack(order + "IIQQQQQQ", 1, 5, 0, BASE, BASE, size, size, 4096)
    else:
        head = struct.pack(
            order + "HHIIIIIHHHHHH",
            2,
            3,
            1,
            0,
            52,
            table,
            0,
            52,
            32,
            1,
            40,
            len(places) + 1,
            len(places),
        )
        segment = struct.pack(order + "IIIIIIII", 1, 0, BASE, BASE, size, size, 5, 4096)
    rows = b"\0" * (64 if wide else 40)
    for name, (offset, length) in zip((*sections, ".shstrtab"), places, strict=True):
        at = names.find(b"\0" + name.encode() + b"\0") + 1
        if wide:
            rows += struct.pack(order + "IIQQQQIIQQ", at, 1, 0, 0, offset, length, 0, 0, 1, 0)
        else:
            rows += struct.pack(order + "IIIIIIIIII", at, 1, 0, 0, offset, length, 0, 0, 1, 0)
    ident = b"\x7fELF" + bytes([2 if wide else 1, 1 if little else 2, 1]) + bytes(9)
    return ident + head + segment + body + rows


def varint(text: bytes) -> bytes:
    size, out = len(text), b""
    while size >= 0x80:
        out += bytes([size & 0x7F | 0x80])
        size >>= 7
    return out + bytes([size]) + text


def inline(version: str, modules: str) -> bytes:
    wrapped = b"s" * 16 + modules.encode() + b"e" * 16
    head = b"\xff Go buildinf:" + bytes([8, 2]) + bytes(16)
    return head + varint(version.encode()) + varint(wrapped)


def read(data: bytes, path: str = "/usr/bin/demo") -> Findings:
    return programs.read(path, io.BytesIO(data))


def found(findings: Findings) -> list[tuple[str, str, str]]:
    return [(item.type, item.name, item.version) for item in findings.packages]


EXPECTED = [
    ("golang", "stdlib", "1.21.3"),
    ("golang", "example.org/demo", "v0.0.0-20240506070809-0123456789ab"),
    ("golang", "github.com/spf13/cobra", "v1.7.0"),
    ("golang", "golang.org/x/new", "v0.2.0"),
]


def test_go_modules_are_found_with_their_replacements() -> None:
    assert found(read(elf({".go.buildinfo": inline("go1.21.3", MODULES)}))) == EXPECTED


def test_a_go_program_without_a_section_name_is_found_on_the_boundary() -> None:
    data = elf({".note.go.buildid": b"\0" * 32, ".data": inline("go1.21.3 X:boring", MODULES)})
    assert found(read(data)) == EXPECTED


@pytest.mark.parametrize(("wide", "little"), [(True, True), (True, False), (False, True)])
def test_go_before_1_18_points_to_its_strings(wide: bool, little: bool) -> None:
    size, order = (8, "little" if little else "big") if wide else (4, "little")

    def number(value: int) -> bytes:
        return value.to_bytes(size, order)  # type: ignore[arg-type]

    version, wrapped = b"go1.21.3", b"s" * 16 + MODULES.encode() + b"e" * 16
    start = 64 + 56 if wide else 52 + 32
    start += -start % 16
    strings = BASE + start
    texts = version + wrapped
    headers = number(strings) + number(8) + number(strings + len(version)) + number(len(wrapped))
    at = strings + len(texts) + -(start + len(texts)) % 16
    info = b"\xff Go buildinf:" + bytes([size, 0 if little else 1])
    info += number(at) + number(at + 2 * size)
    data = elf(
        {".rodata": texts, ".data": headers, ".go.buildinfo": info + bytes(32)},
        wide=wide,
        little=little,
    )
    assert found(read(data)) == EXPECTED


def test_the_version_that_was_linked_in_wins_over_the_checkout() -> None:
    modules = MODULES + 'build\t-ldflags="-s -X main.Version=v1.2.3"\n'
    packages = found(read(elf({".go.buildinfo": inline("go1.21.3", modules)})))
    assert packages[1] == ("golang", "example.org/demo", "v1.2.3")


def test_a_date_that_its_zone_puts_before_the_first_year_is_none() -> None:
    modules = MODULES.replace("2024-05-06T07:08:09Z", "0001-01-01T00:00:00+14:00")
    packages = found(read(elf({".go.buildinfo": inline("go1.21.3", modules)})))
    assert packages[1] == ("golang", "example.org/demo", "(devel)")


@pytest.mark.parametrize("cut", [16, 32, 40, 60])
def test_cut_off_build_information_breaks_nothing(cut: int) -> None:
    data = elf({".go.buildinfo": inline("go1.21.3", MODULES)[:cut]})
    assert all(item.type == "golang" for item in read(data).packages)


def test_a_length_that_claims_gigabytes_is_not_believed() -> None:
    head = b"\xff Go buildinf:" + bytes([8, 2]) + bytes(16)
    data = elf({".go.buildinfo": head + b"\xff\xff\xff\xff\xff\x7f" + b"x" * 100})
    assert found(read(data)) == []


def test_an_unknown_version_of_go_is_reported() -> None:
    findings = read(elf({".go.buildinfo": inline("devel +abc", MODULES)}))
    assert "devel +abc" in findings.remarks[0].message


def crates(*items: dict[str, object]) -> bytes:
    return zlib.compress(json.dumps({"packages": list(items)}).encode())


def test_crates_that_were_built_in_are_found() -> None:
    section = crates(
        {"name": "serde", "version": "1.0.1"},
        {"name": "cc", "version": "1.0.0", "kind": "build"},
        {"name": "app", "version": "0.1.0", "root": True, "kind": "runtime"},
        {"name": "nameless"},
    )
    findings = read(elf({".dep-v0": section}))
    assert found(findings) == [("cargo", "serde", "1.0.1"), ("cargo", "app", "0.1.0")]
    assert "crate 4" in findings.remarks[0].message


@pytest.mark.parametrize(
    "section",
    [
        b"no zlib",
        zlib.compress(b"[]"),
        zlib.compress(b'{"packages":1}')[:-4],
        crates()[:10],
        zlib.compress(b'{"a":' * 10_000),
    ],
)
def test_a_damaged_audit_section_is_reported(section: bytes) -> None:
    assert [remark.kind for remark in read(elf({".dep-v0": section})).remarks] == ["unparsed"]


def test_an_audit_section_that_swells_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    from ironhull.inventory.cataloguers import cargo

    monkeypatch.setattr(cargo, "MAX_JSON", 1 << 16)
    assert read(elf({".dep-v0": zlib.compress(b" " * (1 << 20))})).remarks


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("/usr/local/bin/node", b"xx node.js/v20.11.1 yy", ("node", "20.11.1")),
        ("/usr/local/lib/libpython3.12.so.1.0", b"\0" + b"3.12.4\0", ("python", "3.12.4")),
        ("/usr/local/bin/php", b"X-Powered-By: PHP/8.3.1\0", ("php", "8.3.1")),
        ("/bin/busybox", b"BusyBox v1.36.1 (2023)", ("busybox", "1.36.1")),
    ],
)
def test_runtimes_are_known_by_their_own_words(
    path: str, text: bytes, expected: tuple[str, str]
) -> None:
    assert found(read(elf({".rodata": text}), path)) == [("binary", *expected)]


def test_words_of_a_runtime_in_another_program_mean_nothing() -> None:
    assert found(read(elf({".rodata": b"node.js/v20.11.1"}), "/usr/bin/other")) == []


def test_words_across_two_reads_are_found() -> None:
    data = elf({".rodata": b"x" * ((1 << 20) - 150) + b"node.js/v20.11.1 " + b"x" * 100})
    assert found(read(data, "/usr/bin/node")) == [("binary", "node", "20.11.1")]


@pytest.mark.parametrize("size", [0, 4, 17, 40, 63, 70, 130])
def test_cut_off_programs_break_nothing(size: int) -> None:
    data = elf({".go.buildinfo": inline("go1.21.3", MODULES)})[:size]
    assert read(data).packages == []


def test_tables_that_lie_about_their_place_break_nothing() -> None:
    data = bytearray(elf({".dep-v0": crates()}))
    for offset in (32, 40):
        for value in (2**64 - 1, 2**63 - 1, 2**62, 7):
            lying = bytearray(data)
            lying[offset : offset + 8] = value.to_bytes(8, "little")
            assert ElfFile(io.BytesIO(bytes(lying))).at(0, 4) == b"\x7fELF"


def test_object_files_are_no_programs() -> None:
    data = bytearray(elf({}))
    assert is_program(bytes(data[:18]))
    data[16] = 1
    assert not is_program(bytes(data[:18]))


PROGRAM = elf({".go.buildinfo": inline("go1.21.3", MODULES), ".dep-v0": crates()})


@given(
    st.lists(
        st.tuples(st.integers(0, 400) | st.integers(0, len(PROGRAM) - 1), st.binary(max_size=8)),
        max_size=4,
    )
)
def test_changed_programs_are_read_or_reported_and_never_break_anything(
    changes: list[tuple[int, bytes]],
) -> None:
    data = bytearray(PROGRAM)
    for place, change in changes:
        data[place : place + len(change)] = change
    assert all(item.version or item.name for item in read(bytes(data)).packages)
