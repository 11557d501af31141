import gzip
import hashlib
import io
import struct
import subprocess
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
import zstandard
from tests.fakes.deb import device as device_node
from tests.fakes.deb import (
    directory,
    fifo,
    file,
    hardlink,
    hole,
    make_deb,
    program,
    symlink,
)
from tests.fakes.definition import locked

from ironhull.build.compression import Compression
from ironhull.build.elf import MAGIC, read_elf
from ironhull.build.layer import layer_key, make_layer, status_entry
from ironhull.build.record import read_record, write_record
from ironhull.build.transform import Policy
from ironhull.definition.model import Slice
from ironhull.errors import InputError, MalformedError
from ironhull.lock.model import LockedPackage
from ironhull.oci.digest import digest_of
from ironhull.store.blobs import BlobStore
from ironhull.store.changelogs import changelogs_path, kept_changelogs
from ironhull.store.home import Home

ZSTD = Compression.parse("zstd:3")
PLAIN = Policy()


def source(tmp_path: Path, deb: bytes, name: str = "app") -> LockedPackage:
    return locked(Home(tmp_path), name, deb)


def layer(tmp_path: Path, *debs: LockedPackage, policy=PLAIN, compression=ZSTD):
    blobs = BlobStore(tmp_path / "store" / "blobs")
    packages = Home(tmp_path).packages
    return make_layer(debs, packages, policy, compression, blobs, lambda: None), blobs


def made(tmp_path: Path, files, *, policy=PLAIN, compression=ZSTD, **more):
    deb = source(tmp_path, make_deb("app", "1.0-1", files=files, **more))
    return layer(tmp_path, deb, policy=policy, compression=compression)


def members(blobs: BlobStore, record) -> dict[str, tarfile.TarInfo]:
    raw = blobs.path(record.descriptor.digest).read_bytes()
    data = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(raw)).read()
    assert digest_of(data) == record.diff_id
    assert len(data) == record.uncompressed
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return {info.name: info for info in tar.getmembers()}


def test_a_package_becomes_a_layer(tmp_path):
    files = {"usr/bin/app": program("#!/bin/sh\n"), "usr/share/doc/app/copyright": file("MIT")}
    record, blobs = made(tmp_path, files)
    found = members(blobs, record)
    assert found["usr/bin/app"].mode == 0o755
    assert "usr/share/doc/app/copyright" in found
    (part,) = record.parts
    assert next(e for e in part.entries if e.path == "usr/bin/app").shebang == "/bin/sh"


@pytest.mark.parametrize("method", ["xz", "zst", "gz", "none"])
def test_the_layer_does_not_depend_on_the_package_s_compression_format(tmp_path, method):
    deb = make_deb("app", "1.0-1", files={"usr/x": file("x" * 5000)}, compression=method)
    record, blobs = layer(tmp_path, source(tmp_path, deb))
    assert members(blobs, record)["usr/x"].size == 5000


def test_the_database_of_the_layer_is_truthful(tmp_path):
    files = {"usr/bin/app": program("x"), "usr/share/man/man1/app.1": file("manual")}
    record, blobs = made(tmp_path, files, control={"Source": "app-src (1.0-0)"})
    found = members(blobs, record)
    assert "usr/share/man/man1/app.1" not in found
    (part,) = record.parts
    assert "usr/bin/app" in part.md5sums
    assert "man1" not in part.md5sums
    raw = blobs.path(record.descriptor.digest).read_bytes()
    data = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(raw)).read()
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        status = tar.extractfile("var/lib/dpkg/status.d/app").read().decode()
    assert "Package: app\nStatus: install ok installed\n" in status
    assert "Source: app-src (1.0-0)" in status


def test_configuration_files_get_their_digest_into_the_database(tmp_path):
    record, _ = made(tmp_path, {"etc/app.conf": file("a=1\n")}, conffiles=["/etc/app.conf"])
    expected = hashlib.md5(b"a=1\n").hexdigest()
    assert record.parts[0].conffiles == (("/etc/app.conf", expected),)


def test_a_record_survives_the_disk(tmp_path):
    true = Path("/bin/true").read_bytes()
    record, _ = made(tmp_path, {"usr/bin/true": program(true), "usr/y": hardlink("./usr/bin/true")})
    write_record(tmp_path / "records", record)
    assert read_record(tmp_path / "records", record.key) == record
    (entry,) = [e for e in record.parts[0].entries if e.path == "usr/bin/true"]
    assert entry.elf is not None
    assert "libc.so.6" in entry.elf.needed


def test_file_capabilities_do_not_get_in_as_extended_attributes(tmp_path):
    pax = {"SCHILY.xattr.security.capability": "all of them"}
    record, blobs = made(tmp_path, {"usr/bin/x": program("x", pax=pax)})
    assert members(blobs, record)["usr/bin/x"].pax_headers == {}


def test_a_package_cannot_say_that_it_is_not_installed(tmp_path):
    control = {"Status": "deinstall ok config-files", "conffiles": "none"}
    record, _ = made(tmp_path, {"usr/x": file("1")}, control=control)
    entry = status_entry(record.parts[0].fields, ())
    assert "Status: install ok installed\n" in entry
    assert "deinstall" not in entry
    assert "conffiles" not in entry


def test_a_time_that_no_archive_can_hold_is_cut(tmp_path):
    record, blobs = made(tmp_path, {"usr/x": file("1", mtime=1 << 70)})
    assert members(blobs, record)["usr/x"].mtime == 8**11 - 1


@pytest.mark.parametrize("text", ["\u00b2", "\u0663", "x", "-1"])
def test_an_installed_size_that_is_no_number_is_no_defect_of_ours(tmp_path, text):
    made(tmp_path, {"usr/x": file("1")}, control={"Installed-Size": text})


def test_only_line_feeds_end_a_line_of_the_control_file(tmp_path):
    record, _ = made(tmp_path, {}, control={"Description": "a\u2028b\x0cc"})
    assert record.parts[0].fields["Description"] == "a\u2028b\x0cc"


def test_names_of_configuration_files_need_not_be_utf8(tmp_path):
    made(tmp_path, {"usr/x": file("1")}, control_files={"conffiles": b"/etc/\xff\n"})


def test_configuration_files_may_be_large(tmp_path):
    data = b"x" * (2 << 20)
    record, _ = made(tmp_path, {"etc/big": file(data)}, conffiles=["/etc/big"])
    assert record.parts[0].conffiles == (("/etc/big", hashlib.md5(data).hexdigest()),)
    assert record.parts[0].captured == {}


def test_a_carriage_return_is_part_of_a_script_s_interpreter(tmp_path):
    record, _ = made(tmp_path, {"usr/x": program("#! /bin/sh -e\r\n")})
    assert record.parts[0].entries[1].shebang == "/bin/sh -e\r"


def test_a_library_that_needs_endless_others_is_refused():
    # A dynamic segment of entries that all name the same 4,000 letters.
    names, count = b"a" * 4000 + b"\0", 200
    dynamic = struct.pack("<QQ", 5, 64 + 2 * 56) + struct.pack("<QQ", 1, 0) * count
    at = 64 + 2 * 56 + len(names)
    head = MAGIC + bytes([2, 1, 1]) + bytes(9)
    head += struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 64, 0, 0, 64, 56, 2, 0, 0, 0)
    whole = at + len(dynamic)
    load = struct.pack("<IIQQQQQQ", 1, 5, 0, 0, 0, whole, whole, 1)
    segment = struct.pack("<IIQQQQQQ", 2, 4, at, at, at, len(dynamic), len(dynamic), 1)
    raw = head + load + segment + names + dynamic
    with pytest.raises(MalformedError, match="lib needs libraries of"):
        read_elf(io.BytesIO(raw), len(raw), "lib")
    few = raw[: at + 16 * 11]
    elf = read_elf(io.BytesIO(few), len(few), "lib")
    assert elf is not None
    assert len(elf.needed) == 10


def test_compressed_data_that_goes_on_after_its_end_is_refused(tmp_path):
    deb = make_deb("app", "1.0-1", files={"usr/x": file("1")}, compression="gz")
    at = deb.index(b"data.tar.gz")
    size = int(deb[at + 48 : at + 58])
    tail = gzip.compress(b"more") + b"\n"
    longer = b"%-10d" % (size + len(tail) // 2 * 2)
    deb = deb[: at + 48] + longer + deb[at + 58 : at + 60 + size] + tail + b"\n"
    with pytest.raises(MalformedError, match="something follows the end"):
        layer(tmp_path, source(tmp_path, deb))


def test_a_record_is_read_once_as_long_as_it_stays_as_it_is(tmp_path):
    record, _ = made(tmp_path, {"usr/bin/x": program("x")})
    write_record(tmp_path, record)
    assert read_record(tmp_path, record.key) is read_record(tmp_path, record.key)
    write_record(tmp_path, replace(record, uncompressed=7))
    assert read_record(tmp_path, record.key).uncompressed == 7
    (tmp_path / f"{record.key}.json").unlink()
    assert read_record(tmp_path, record.key) is None


def test_a_damaged_record_is_none_so_that_the_layer_is_made_again(tmp_path):
    (tmp_path / "k.json").write_text('{"descriptor": 1')
    assert read_record(tmp_path, "k") is None
    (tmp_path / "k.json").write_text('{"descriptor": {"mediaType": "x", "digest": "y", "size": 1}}')
    assert read_record(tmp_path, "k") is None
    (tmp_path / "k.json").write_bytes(bytes(100))
    assert read_record(tmp_path, "k") is None
    assert read_record(tmp_path, "missing") is None


def test_several_packages_share_a_layer_and_its_folders_are_written_once(tmp_path):
    debs = [
        source(tmp_path, make_deb(n, "1.0-1", files={f"usr/bin/{n}": program("x")}), n)
        for n in ("a", "b")
    ]
    record, blobs = layer(tmp_path, *debs)
    raw = blobs.path(record.descriptor.digest).read_bytes()
    data = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(raw)).read()
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        names = tar.getnames()
    assert len(names) == len(set(names))
    assert {"usr/bin/a", "usr/bin/b", "var/lib/dpkg/status.d/b"} <= set(names)
    assert [part.name for part in record.parts] == ["a", "b"]


def test_the_key_changes_with_what_changes_the_bytes(tmp_path):
    deb = source(tmp_path, make_deb("app", "1.0-1"))
    keys = {
        layer_key([deb], Policy(), ZSTD),
        layer_key([deb], Policy(documentation=True), ZSTD),
        layer_key([deb], Policy(setuid=("/usr/bin/su",)), ZSTD),
        layer_key([deb], Policy(), Compression.parse("zstd:19")),
        layer_key([deb], Policy(), Compression.parse("gzip")),
        layer_key([deb, deb], Policy(), ZSTD),
    }
    assert len(keys) == 6


@pytest.mark.parametrize("text", ["zstd:0", "zstd:20", "gzip:10", "bzip2", "zstd:x", ""])
def test_unknown_compressions_are_refused(text):
    with pytest.raises(InputError, match="compression"):
        Compression.parse(text)


HOSTILE = {
    "climbs": {"x": file("", raw_name="../x")},
    "absolute": {"x": file("", raw_name="/etc/x")},
    "link out": {"etc/x": symlink("../../shadow")},
    "hard link out": {"etc/x": hardlink("../../etc/shadow")},
    "hard link to nothing": {"etc/x": hardlink("./etc/none")},
    "device": {"dev/null": device_node()},
    "fifo": {"run/f": fifo()},
    "hole": {"usr/hole": hole(10 << 30)},
    "size that is not there": {"usr/x": file("abc", claimed_size=1 << 40)},
    "whiteout": {"etc/.wh.passwd": file("")},
    "opaque folder": {"etc/.wh..wh..opq": file("")},
    "whiteout folder": {"etc/.wh.d/x": file("")},
    "forged database entry": {"var/lib/dpkg/status.d/openssl": file("Package: openssl\n")},
    "forged database": {"var/lib/dpkg/status": file("Package: openssl\n")},
    "forged database elsewhere": {"opt/lib/dpkg/status.d/openssl": file("Package: openssl\n")},
    "database elsewhere": {"var/lib/dpkg/status.d": symlink("/tmp")},
    "owner below zero": {"usr/x": file("", uid=-5)},
    "owner that means no change": {"usr/x": file("", gid=(1 << 32) - 1)},
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_packages_are_refused_and_leave_nothing(tmp_path, case):
    with pytest.raises(MalformedError, match=r"app 1\.0-1|unacceptable|leaves|other layers"):
        made(tmp_path, HOSTILE[case])
    assert not list((tmp_path / "store" / "blobs").rglob("*"))
    assert not list((tmp_path / "store" / "tmp").iterdir())


def test_zeros_that_unpack_to_far_more_than_announced_are_a_bomb(tmp_path):
    bomb = [(f"usr/{i}", file(bytes(16 << 20))) for i in range(6)]
    with pytest.raises(MalformedError, match="far more than its Installed-Size"):
        made(tmp_path, bomb, control={"Installed-Size": "10"})


def test_too_many_members_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("ironhull.debian.deb.MAX_DATA_MEMBERS", 50)
    with pytest.raises(MalformedError, match="more than 50 members"):
        made(tmp_path, [(f"usr/{i}", file("")) for i in range(60)])


@pytest.mark.parametrize("cut", [2, 20, 100, 300])
def test_a_truncated_package_is_refused(tmp_path, cut):
    with pytest.raises(MalformedError):
        made(tmp_path, {"usr/x": file("x" * 1000)}, truncated=cut)


def test_a_package_that_is_another_is_refused(tmp_path):
    deb = source(tmp_path, make_deb("other", "1.0-1"))
    with pytest.raises(MalformedError, match="Package: other"):
        layer(tmp_path, deb)


def test_a_path_twice_in_a_package_is_refused(tmp_path):
    with pytest.raises(MalformedError, match="in the archive twice"):
        made(tmp_path, [("usr/x", file("1")), ("usr/x", file("2"))])


def test_a_file_below_a_file_is_refused(tmp_path):
    with pytest.raises(MalformedError, match="no directory"):
        made(tmp_path, [("usr/x", file("1")), ("usr/x/y", file("2"))], parents=False)


def test_folders_that_a_package_forgets_are_made(tmp_path):
    record, blobs = made(tmp_path, {"usr/lib/deep/x": file("1")}, parents=False)
    assert members(blobs, record)["usr/lib/deep"].isdir()


def test_gzip_layers_have_no_time_and_no_name_in_them(tmp_path):
    record, blobs = made(tmp_path, {"usr/x": file("1")}, compression=Compression.parse("gzip"))
    head = blobs.path(record.descriptor.digest).read_bytes()[:10]
    assert head[:8] == b"\x1f\x8b\x08\x00\x00\x00\x00\x00"


def test_directory_entries_keep_their_mode_and_owner(tmp_path):
    record, blobs = made(tmp_path, {"var/spool": directory(0o2775, gid=8)})
    info = members(blobs, record)["var/spool"]
    assert (info.mode, info.gid) == (0o2775, 8)


def test_a_real_package_made_by_dpkg_deb_is_read(tmp_path):
    root = tmp_path / "root"
    (root / "DEBIAN").mkdir(parents=True)
    (root / "DEBIAN/control").write_text(
        "Package: app\nVersion: 1.0-1\nArchitecture: amd64\nMaintainer: a\nDescription: b\n"
    )
    (root / "usr").mkdir()
    (root / "usr/x").write_text("hello")
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "-b", root, tmp_path / "app.deb"],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    deb = source(tmp_path, (tmp_path / "app.deb").read_bytes())
    record, blobs = layer(tmp_path, deb)
    assert members(blobs, record)["usr/x"].size == 5


CHANGELOGS = {
    "usr/share/doc/app/changelog.Debian.gz": file("ours"),
    "usr/share/doc/app/changelog.gz": file("theirs"),
    "usr/share/doc/app/changes.gz": file("no changelog"),
    "usr/share/doc/other/changelog.gz": file("of another"),
    "usr/share/doc/app/changelog": symlink("changelog.gz"),
}


def kept_of(tmp_path: Path, files, policy=PLAIN) -> dict[str, bytes] | None:
    deb = source(tmp_path, make_deb("app", "1.0-1", files=files))
    layer(tmp_path, deb, policy=policy)
    return kept_changelogs(changelogs_path(Home(tmp_path).packages, deb.sha256))


def test_the_changelogs_that_a_layer_leaves_out_are_kept_as_they_are_in_the_package(tmp_path):
    kept = {"changelog.Debian.gz": b"ours", "changelog.gz": b"theirs"}
    assert kept_of(tmp_path, CHANGELOGS) == kept
    assert kept_of(tmp_path, {"usr/bin/app": file("x")}) == {}
    part = Policy(parts={"app": Slice(only=("usr/bin/app",))})
    assert kept_of(tmp_path, CHANGELOGS | {"usr/bin/app": file("y")}, part) == kept


def test_the_changelogs_of_a_layer_with_documentation_are_left_to_the_package(tmp_path):
    assert kept_of(tmp_path, CHANGELOGS, Policy(documentation=True)) is None


def test_changelogs_that_are_too_large_together_are_left_to_the_package(tmp_path, monkeypatch):
    monkeypatch.setattr("ironhull.build.layer.MAX_KEPT", 9)
    assert kept_of(tmp_path, CHANGELOGS) is None
