"""Which paths of a package an image takes: dpkg's own filters."""

from __future__ import annotations

import pytest

from ironhull.remediate.paths import PathRules, is_settings

SLIM = """\
path-exclude=/usr/share/doc/*
path-include=/usr/share/doc/*/copyright
path-exclude /usr/share/man/*
# path-exclude=/usr/bin/*
log /var/log/dpkg.log
"""


@pytest.mark.parametrize(
    ("path", "taken"),
    [
        ("/usr/bin/x", True),
        ("/usr/share/doc/x/changelog.gz", False),
        ("/usr/share/doc/x/copyright", True),
        ("/usr/share/doc/x/deep/copyright", True),
        ("/usr/share/man/man1/x.1.gz", False),
        ("/usr/share/manual", True),
    ],
)
def test_the_last_rule_that_matches_decides(path: str, taken: bool) -> None:
    assert PathRules.parse([SLIM]).takes(path) is taken


def test_rules_of_later_files_come_later() -> None:
    rules = PathRules.parse([SLIM, "path-include=/usr/share/man/man1/*\n"])
    assert rules.takes("/usr/share/man/man1/x.1.gz")
    assert not rules.takes("/usr/share/man/man8/x.8.gz")


@pytest.mark.parametrize(
    ("name", "read"), [("docker", True), ("01_nodoc", True), ("x.dpkg-new", False), ("", False)]
)
def test_dpkg_reads_files_of_some_names(name: str, read: bool) -> None:
    assert is_settings(name) is read
