"""The package database: what is not touched keeps every byte."""

from __future__ import annotations

import pytest
from tests.fakes.deb import make_deb

from ironhull.debian.deb import Control, DebFile
from ironhull.errors import InputError, MalformedError
from ironhull.remediate.database import info_prefix, new_status, read_status, without_clashes

STATUS = """\
Package: engine
Status: install ok installed
Priority: optional
Maintainer: Ada <ada@example.invalid>
Architecture: amd64
Source: engine-src (1:1.0-1)
Version: 1.0-1+b1
Conffiles:
 /etc/engine.conf 0123456789abcdef0123456789abcdef
Description: it runs
 and runs

Package: left-over
Status: deinstall ok config-files
Architecture: amd64
Version: 1

Package:   odd
Status: install ok installed
X-Strange:    kept   as it is
Version: 7
Architecture: all
"""


def control(tmp_path: object, name: str, version: str) -> Control:
    import io

    data = make_deb(name, version, control={"Depends": "libc6"})
    return DebFile(io.BytesIO(data), name).control


def test_installed_packages_are_read() -> None:
    found = read_status(STATUS, "status")
    assert [(each.name, each.version) for each in found] == [("engine", "1.0-1+b1"), ("odd", "7")]
    assert (found[0].source, found[0].source_version) == ("engine-src", "1:1.0-1")
    assert (found[1].source, found[1].source_version) == ("odd", "7")


def test_one_stanza_changes_and_the_others_keep_their_bytes(tmp_path: object) -> None:
    new = new_status(STATUS, {"engine": control(tmp_path, "engine", "1.2-1")}, {})
    before, after = STATUS.split("\n\n", 1), new.split("\n\n", 1)
    assert after[1] == before[1]
    assert "Version: 1.2-1" in after[0]
    assert "Status: install ok installed" in after[0]
    assert "Conffiles" not in after[0]


def test_the_last_stanza_may_change_too(tmp_path: object) -> None:
    new = new_status(STATUS, {"odd": control(tmp_path, "odd", "8")}, {"odd": [("/etc/o", "ab")]})
    assert new.startswith(STATUS.split("Package:   odd")[0])
    assert new.endswith("Conffiles:\n /etc/o ab\n")


def test_what_was_removed_is_never_written_over(tmp_path: object) -> None:
    assert new_status(STATUS, {"left-over": control(tmp_path, "left-over", "2")}, {}) == STATUS


def test_two_architectures_of_one_name_are_not_patched() -> None:
    twice = STATUS + "\n" + STATUS.split("\n\n")[0].replace("amd64", "i386") + "\n"
    with pytest.raises(InputError, match="engine is installed for two architectures"):
        without_clashes(read_status(twice, "status"))


def test_a_stanza_without_a_version_is_named() -> None:
    with pytest.raises(MalformedError, match="without Package and Version"):
        read_status("Package: x\nStatus: install ok installed\n", "status")


def test_files_about_a_package_may_name_the_architecture() -> None:
    assert info_prefix("libc6", "amd64", {"libc6:amd64.list", "bash.list"}) == "libc6:amd64"
    assert info_prefix("bash", "amd64", {"libc6:amd64.list", "bash.list"}) == "bash"
