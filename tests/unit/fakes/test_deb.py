"""dpkg-deb and Python's tarfile read what the fake writes."""

from __future__ import annotations

import io
import lzma
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
from tests.fakes.deb import (
    Entry,
    device,
    directory,
    fifo,
    file,
    hardlink,
    hole,
    make_deb,
    program,
    symlink,
)

FILES = {
    "/usr/bin/tool": program(),
    "/usr/bin/alias": hardlink("./usr/bin/tool"),
    "/usr/lib/link": symlink("../bin/tool"),
    "/var/lib/tool": directory(0o2775, gid=50),
    f"/usr/share/{'long/' * 40}name": file("deep"),
    "/usr/share/pax": file("x", pax={"path": "./usr/share/" + "p" * 200}),
}
needs_dpkg_deb = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="needs dpkg-deb")


def members(deb: bytes) -> list[tarfile.TarInfo]:
    start = deb.rindex(b"data.tar.xz") + 60
    with tarfile.open(fileobj=io.BytesIO(lzma.decompress(deb[start:].rstrip(b"\n")))) as tar:
        return tar.getmembers()


@needs_dpkg_deb
@pytest.mark.parametrize("compression", ["xz", "zst", "gz", "none"])
def test_dpkg_deb_reads_a_package(tmp_path: Path, compression: str) -> None:
    deb = make_deb(
        "tool",
        "1.0-1",
        files=FILES,
        control={"Depends": "libc6 (>= 2.36)", "Description": "a tool\nthat works"},
        compression=compression,
        scripts={"postinst": "#!/bin/sh\n"},
        conffiles=["/etc/tool"],
    )
    path = tmp_path / "tool.deb"
    path.write_bytes(deb)
    fields = subprocess.check_output(["dpkg-deb", "-f", path, "Version", "Depends"], text=True)
    assert fields == "Version: 1.0-1\nDepends: libc6 (>= 2.36)\n"
    listed = subprocess.check_output(["dpkg-deb", "-c", path], text=True)
    assert "./usr/lib/link -> ../bin/tool" in listed
    assert "long/name" in listed
    subprocess.run(["dpkg-deb", "-x", path, tmp_path / "root"], check=True)
    assert (tmp_path / "root/usr/bin/alias").samefile(tmp_path / "root/usr/bin/tool")


def test_hostile_members_are_written_as_asked() -> None:
    deb = make_deb(
        "evil",
        "1",
        files=[
            ("a", file("x", raw_name="../../etc/passwd")),
            ("b", file("x", raw_name="/etc/shadow")),
            ("c", device()),
            ("d", fifo()),
            ("e", hole(10 << 30)),
            ("f", file("x", 0o4755)),
            ("g", symlink("/etc")),
            ("g/passwd", file("x")),
            ("h", Entry(b"x", uid=70_000_000)),
        ],
    )
    by_name = {member.name: member for member in members(deb)}
    assert {"../../etc/passwd", "/etc/shadow", "./g/passwd"} <= by_name.keys()
    assert by_name["./c"].ischr()
    assert (by_name["./c"].devmajor, by_name["./c"].devminor) == (1, 3)
    assert by_name["./d"].isfifo()
    assert by_name["./e"].size == 10 << 30
    assert by_name["./f"].mode == 0o4755
    assert by_name["./h"].uid == 70_000_000


def test_folders_on_the_way_are_added_once() -> None:
    names = [
        m.name for m in members(make_deb("a", "1", files={"/x/y/a": file(), "/x/y/b": file()}))
    ]
    assert names == [".", "./x", "./x/y", "./x/y/a", "./x/y/b"]


def test_a_package_can_be_cut_off() -> None:
    whole = make_deb("a", "1")
    assert make_deb("a", "1", truncated=10) == whole[:-10]
