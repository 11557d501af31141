"""What is fuzzed: parsers of strangers' bytes, good inputs for each, and how these are changed."""

from __future__ import annotations

import io
import json
import random
import shutil
import struct
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from outside.dockerfile_rows import every

from ironhull.advisories.feeds.osv import OsvFeed
from ironhull.debian.deb import DebFile
from ironhull.debian.stanza import parse_stanzas, split_stanzas
from ironhull.definition.reader import load
from ironhull.errors import IronhullError
from ironhull.inventory.cataloguers import apk, dpkg, java, programs
from ironhull.inventory.hidden import in_variable, without_secrets
from ironhull.inventory.layer import read_layer
from ironhull.inventory.view import View
from ironhull.migrate.catalog.described import public_catalog
from ironhull.migrate.context.interface import FilesContext
from ironhull.migrate.dockerfile.lexer import lex
from ironhull.migrate.dockerfile.shell import read_shell
from ironhull.migrate.dockerfile.stages import split
from ironhull.migrate.migrate import migrate
from ironhull.publication.chain import open_chain
from ironhull.publication.record import parse_record
from ironhull.publication.tiles import pack, unpack
from ironhull.verify.trust import NamedKey, Trust
from ironhull.vex.reading import parse_vex
from tests.fakes import deb as debs
from tests.fakes import publication as publications
from tests.fakes.advisories import osv
from tests.fakes.image import Directory, File, Hardlink, Symlink, layer_tar
from tests.fakes.signer import FakeSigner
from tests.fakes.sparse import FORMATS, sparse_member
from tests.fakes.vex import csaf, said
from tests.fuzz import signed
from tests.unit.inventory.test_java import STUBS, jar, pom
from tests.unit.inventory.test_programs import MODULES, elf, inline

SIGNER = FakeSigner()
SLOW = 2.0
EDGES = (0, 1, 0x80, *((1 << bits) - 1 for bits in (7, 8, 15, 16, 31, 32, 63, 64)))


@dataclass(frozen=True)
class Target:
    """A parser: good inputs, words of its format, and the call that must not break."""

    seeds: Callable[[], Sequence[bytes]]
    run: Callable[[bytes], object]
    words: Sequence[bytes] = ()


@dataclass
class Outcome:
    inputs: int = 0
    refused: int = 0
    """Ended with an error of ours, as they should."""
    slowest: float = 0.0
    failures: list[tuple[str, bytes]] = field(default_factory=list)


def tar_seeds() -> list[bytes]:
    plain = layer_tar(
        [
            ("etc", Directory()),
            ("etc/os-release", "ID=debian\n"),
            ("lib", Symlink("usr/lib")),
            ("a/package.json", '{"name":"a","version":"1"}'),
            ("b" * 120 + "/package.json", Hardlink("a/package.json")),
            ("d/.wh.x", ""),
            ("app.jar", File(jar(pom("g", "a", "1")), 0o755, xattrs={"user.x": "y"})),
        ]
    )
    sparse = [sparse_member("x", [(9, b"abc"), (99, b"d")], 200, form) for form in FORMATS]
    return [plain, *(part + bytes(1024) for part in sparse)]


def read_tar(data: bytes) -> None:
    view = View([read_layer(iter([data[:700], data[700:]]), "fuzz")])
    for name in ("packages", "texts", "secrets"):
        list(view.facts(name))
    list(view)


def deb_seeds() -> list[bytes]:
    files = {"/usr/bin/a": debs.program(), "/usr/share/doc/a/copyright": debs.file("Format: x\n")}
    return [
        debs.make_deb("a", "1.0-1", files=files, compression=name)
        for name in ("none", "none", "gz", "xz", "zst")
    ]


def read_deb(data: bytes) -> None:
    reader = DebFile(io.BytesIO(data), "fuzz").data()
    for _ in reader:
        for _ in reader.content():
            pass


def zip_seeds() -> list[bytes]:
    inner = jar(pom("g", "in", "1") | {"META-INF/MANIFEST.MF": "Manifest-Version: 1.0\n"})
    outer = jar(pom("g", "a", "1") | {"lib/in-1.jar": inner})
    return [outer, *(stub + outer for stub in STUBS.values())]


def go_seeds() -> list[bytes]:
    info = inline("go1.22.1", MODULES)
    return [
        elf({".go.buildinfo": info}, wide=wide, little=little)
        for wide in (True, False)
        for little in (True, False)
    ]


def vex_seeds() -> list[bytes]:
    value = {
        "@context": "https://openvex.dev/ns/v0.2.0",
        "@id": "https://example.org/1",
        "author": "a",
        "timestamp": "2026-01-01T00:00:00Z",
        "version": 1,
        "statements": [said(), said(status="fixed", parts=("pkg:npm/a@1",))],
    }
    cyclonedx = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "components": [{"bom-ref": "a", "type": "library", "name": "a", "purl": "pkg:npm/a@1"}],
        "vulnerabilities": [
            {"id": "CVE-2024-1", "analysis": {"state": "exploitable"}, "affects": [{"ref": "a"}]}
        ],
    }
    return [json.dumps(value).encode(), csaf({"fixed": ["IMAGE"]}), json.dumps(cyclonedx).encode()]


def osv_seeds() -> list[bytes]:
    record = osv("CVE-2024-1", "a", {"Debian:12": "1.0-1", "npm": None}, aliases=["GHSA-1"])
    return [json.dumps(record).encode()]


@dataclass(frozen=True)
class Document:
    name: str
    data: bytes

    def read(self) -> bytes:
        return self.data

    def open(self) -> io.BytesIO:
        return io.BytesIO(self.data)


DEFINITION = b"""\
image: node
tags: ["20"]
vars: {a: "1"}
contents: {packages: [curl, "!mawk", "bash=1-1"]}
accounts: {run-as: a, users: [{name: a, uid: 65532, gid: 65532}], groups: [{name: a, gid: 65532}]}
os-release: {id: debian, version-id: "13"}
paths: [{type: directory, path: /x, uid: 0, gid: 0, mode: "0755"}]
environment: {A: b}
"""


IMAGES = Path(__file__).parents[2] / "images"
SHARED = ("_shared", "node/_shared")


def definition_seeds() -> list[bytes]:
    paths = sorted(IMAGES.glob("node/debian-*/*.yaml"))
    return [DEFINITION, *(path.read_bytes() for path in paths)]


def read_definition(data: bytes) -> None:
    """As one of node's definitions, beside the files that those include."""
    with tempfile.TemporaryDirectory() as folder:
        for shared in SHARED:
            shutil.copytree(IMAGES / shared, Path(folder, shared))
        path = Path(folder) / "node/debian-13/1.yaml"
        path.parent.mkdir()
        path.write_bytes(data)
        load(path, tree=Path(folder))


STANZAS = (
    b"Package: a\nStatus: install ok installed\nSource: b (1:2-3)\nVersion: 1-1\n"
    b"Depends: x (>= 1), y | z\nDescription: d\n more\n .\n\nPackage: c\nVersion: 2~rc1\n\n"
)
APK = b"P:musl\nV:1.2.5-r0\nA:x86_64\no:musl\nF:lib\nR:libc.so\n\nP:b\nV:1\n\n"


def read_stanzas(data: bytes) -> None:
    dpkg.read(dpkg.DATABASE, data)
    apk.read("/lib/apk/db/installed", data)
    list(apk.owned(data.decode("utf-8", "replace")))
    list(split_stanzas([data[:50], data[50:]]))
    parse_stanzas(data)


def read_secrets(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    name, _, value = text.partition("=")
    in_variable(name, value)
    if without_secrets(without_secrets(text)) != without_secrets(text):
        raise AssertionError("what is hidden is changed by hiding it again")


JSON = (b"null", b"[]", b"{}", b"1e999", b'"\\ud800"', b"[" * 500, b"-0", b"\xff", b'""', b"true")


def publication_seeds() -> list[bytes]:
    lines = publications.chain(2, SIGNER, {2: {"tags": ["1", "latest"]}})
    return [pack(lines)[0], json.dumps(publications.predicate(1, None)).encode()]


def read_publications(data: bytes) -> None:
    """As a tile, whose chain is then opened, and as the predicate of a record."""
    for read in (
        lambda: open_chain(unpack([data], "fuzz"), "app", Trust((NamedKey("a", SIGNER.public),))),
        lambda: parse_record(data),
    ):
        with suppress(IronhullError):
            read()


def dockerfile_seeds() -> list[bytes]:
    """Small ones: every way of writing an instruction is in them."""
    return [
        *(row.source for row in every()[::3] if len(row.input) < 400),
        b"# escape=`\nFROM a\nRUN x `\n  y\n",
        b"\xef\xbb\xbfFROM a\r\nRUN <<-'E' <<F\r\na\r\n\tE\r\nF\r\n",
        b'FROM a\nONBUILD COPY --link <<EOF /x\n1\nEOF\nHEALTHCHECK --interval=1s CMD ["a"]\n',
    ]


def read_dockerfile(data: bytes) -> None:
    """Whatever comes in, every byte is kept, and each instruction knows its place."""
    document = lex(data)
    if document.text.encode("utf-8", "surrogateescape") != data:
        raise AssertionError("a byte is lost")
    for instruction in document.instructions:
        for piece in instruction.pieces:
            part = instruction.logical[piece.logical : piece.logical + piece.length]
            if document.text[piece.offset : piece.offset + piece.length] != part:
                raise AssertionError("a piece is somewhere else")
        for word in read_shell(instruction.body).commands:
            if word.end > len(instruction.body):
                raise AssertionError("a command ends behind the end")
    split(document)


def migrate_dockerfile(data: bytes) -> None:
    """The result is read again, and changes no more."""
    context = FilesContext({"package.json": data[-200:], "entrypoint.sh": data[:200]})
    found = migrate(data, context, PUBLIC)
    again = migrate(found.text, context, PUBLIC)
    if again.text != found.text:
        raise AssertionError("migrated again it changes again")


PUBLIC = public_catalog()
DOCKERFILE = (
    *(
        b" \\\n",
        b"<<EOF",
        b"\nEOF\n",
        b"FROM ",
        b" AS ",
        b"RUN ",
        b"COPY --from=0 ",
        b"$x",
        b"${x:-",
    ),
    *(b'["a"]', b"# escape=`\n", b"\r\n", b"&&", b"$(", b"`", b"'", b'"', b"ONBUILD ", b"\t"),
)
TARGETS = {
    "dockerfiles": Target(dockerfile_seeds, read_dockerfile, DOCKERFILE),
    "migrations": Target(dockerfile_seeds, migrate_dockerfile, DOCKERFILE),
    "tar": Target(tar_seeds, read_tar, (b"./", b"../", b"\0" * 512, b"0", b"1", b"2", b"x", b"S")),
    "deb": Target(deb_seeds, read_deb, (b"`\n", b"data.tar", b"debian-binary", b"2.0\n")),
    "zip": Target(
        zip_seeds, lambda data: java.read("/a.jar", io.BytesIO(data)), (b"PK\5\6", b"PK")
    ),
    "go build information": Target(
        go_seeds,
        lambda data: programs.read("/usr/bin/a", io.BytesIO(data)),
        (b"\xff Go buildinf:",),
    ),
    "vex": Target(vex_seeds, lambda data: parse_vex(data, "fuzz"), JSON),
    "publications": Target(publication_seeds, read_publications, (*JSON, b"\n", b"sha256:")),
    "osv": Target(
        osv_seeds, lambda data: list(OsvFeed().read([Document("fuzz.json", data)])), JSON
    ),
    "definitions": Target(
        definition_seeds,
        read_definition,
        (b"&a ", b"*a", b"{{", b"}}", b"${x}", b"- ", b"\t", b"!!"),
    ),
    "stanzas": Target(lambda: [STANZAS, APK], read_stanzas, (b"\n\n", b"\n ", b":", b"\r\n", b"(")),
    "secrets": Target(
        lambda: [b"ENV A=b PASSWORD=x", b"DB_URL=a://b:c@d", b"RUN x --password y"],
        read_secrets,
        (b"PASSWORD=", b"://", b"@", b":", b"--token ", b"'", b'"', b"${X}", b"|1 "),
    ),
    "signed bundles": Target(signed.bundle_seeds, signed.open_changed_bundle, JSON),
    "signed statements": Target(signed.statement_seeds, signed.open_changed_statement, JSON),
    "policies": Target(
        signed.policy_seeds,
        signed.read_changed_policy,
        (b"&a ", b"*a", b"- ", b"\t", b"!!", b"deny", b": {", b"[", b"release"),
    ),
}


def changed(source: random.Random, seeds: Sequence[bytes], words: Sequence[bytes]) -> bytes:
    """A good input with a few changes."""
    data = bytearray(source.choice(seeds))
    for _ in range(source.choice((1, 1, 1, 2, 3, 8))):
        at = source.randrange(len(data) + 1)
        end = min(len(data), at + source.choice((1, 2, 4, 8, 16, 100, 1000)))
        match source.randrange(8):
            case 0:
                if at < len(data):
                    data[at] ^= 1 << source.randrange(8)
            case 1:
                data[at:end] = source.randbytes(end - at)
            case 2:
                del data[at:end]
            case 3:
                data[at:at] = data[at:end] * source.choice((1, 2, 30))
            case 4:
                size = source.choice(("<B", "<H", ">H", "<I", ">I", "<Q", ">Q"))
                number = source.choice(EDGES) % (1 << 8 * struct.calcsize(size))
                data[at : at + struct.calcsize(size)] = struct.pack(size, number)
            case 5:
                data[at:at] = source.choice(words or (b"\0",))
            case 6:
                other = source.choice(seeds)
                data[at:] = other[source.randrange(len(other) + 1) :]
            case _:
                digits = b"%d" % (source.choice(EDGES) + source.randrange(-1, 2))
                data[at : at + len(digits)] = digits
    return bytes(data)


def attack(target: Target, source: random.Random, outcome: Outcome, data: bytes) -> None:
    """One input; what must not be is a failure of the outcome."""
    started = time.process_time()
    try:
        target.run(data)
    except IronhullError:
        outcome.refused += 1
    except Exception as error:
        outcome.failures.append((f"{type(error).__name__}: {error}"[:200], data))
    taken = time.process_time() - started
    outcome.inputs += 1
    outcome.slowest = max(outcome.slowest, taken)
    if taken > SLOW:
        outcome.failures.append((f"{taken:.1f} s", data))


def fuzz(target: Target, seed: int, seconds: float, inputs: int | None = None) -> Outcome:
    """Changed inputs until the time is up, or so many of them."""
    source, outcome, seeds = random.Random(seed), Outcome(), list(target.seeds())
    until = time.monotonic() + seconds
    for data in seeds:
        attack(target, source, outcome, data)
    while time.monotonic() < until and (inputs is None or outcome.inputs < inputs):
        attack(target, source, outcome, changed(source, seeds, target.words))
    return outcome
