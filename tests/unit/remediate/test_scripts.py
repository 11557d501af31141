"""Whether a package can be upgraded without its scripts being run."""

from __future__ import annotations

import pytest

from ironhull.remediate.scripts import obstacle

SCRIPT = b"""#!/bin/sh
set -e
if [ "$1" = configure ]; then
    adduser --system engine
fi
# Automatically added by dh_installinit/13.11.4
if [ -x /etc/init.d/engine ]; then
    update-rc.d engine defaults >/dev/null
fi
# End automatically added section
exit 0
"""


def test_the_same_script_was_run_already() -> None:
    assert obstacle({"postinst": SCRIPT}, {"postinst": SCRIPT}) == ""


def test_comments_and_white_space_do_nothing() -> None:
    other = SCRIPT.replace(b"13.11.4", b"13.12").replace(b"    adduser", b"\tadduser")
    assert obstacle({"postinst": SCRIPT}, {"postinst": other}) == ""


def test_lines_that_are_gone_do_nothing() -> None:
    assert obstacle({"postinst": SCRIPT}, {"postinst": b"#!/bin/sh\nset -e\nexit 0\n"}) == ""
    assert obstacle({"postinst": SCRIPT}, {}) == ""


@pytest.mark.parametrize("name", ["preinst", "postinst", "prerm", "postrm", "config", "triggers"])
def test_a_new_line_is_named(name: str) -> None:
    changed = SCRIPT.replace(b"exit 0", b"rm -rf /var/lib/engine/cache")
    found = obstacle({name: SCRIPT}, {name: changed})
    assert found.startswith(f"its {name} would do what that of the installed version did not")
    assert "rm -rf /var/lib/engine/cache" in found


def test_a_script_where_there_was_none_is_named() -> None:
    assert "postinst" in obstacle({}, {"postinst": SCRIPT})
    assert obstacle({}, {"postinst": b"#!/bin/sh\n# nothing\n"}) == ""


def test_the_version_of_a_maintained_line_may_move() -> None:
    line = b'dpkg-maintscript-helper rm_conffile /etc/x %s -- "$@"\n'
    assert obstacle({"preinst": line % b"1.0-1~"}, {"preinst": line % b"1.2-1~"}) == ""
    assert obstacle({"preinst": line % b"1.0-1~"}, {"preinst": b"rm_conffile 1.0-1~\n"})


@pytest.mark.parametrize(
    "line",
    [
        b"update-ca-certificates",
        b"/usr/sbin/update-ca-certificates --fresh",
        b"if which glib-compile-schemas; then :; fi",
        b"/usr/bin/fc-cache -s",
    ],
)
def test_what_is_made_of_the_packages_files_is_a_reason(line: bytes) -> None:
    found = obstacle({"postinst": line}, {"postinst": line})
    assert found.startswith("its postinst makes something of its files: ")


@pytest.mark.parametrize("line", [b"echo my-fc-cache", b"/opt/x/fc-cache-tool", b"py3compile -p x"])
def test_other_programs_are_none(line: bytes) -> None:
    assert obstacle({"postinst": line}, {"postinst": line}) == ""
