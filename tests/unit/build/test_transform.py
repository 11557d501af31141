import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironhull.build.transform import Policy, aliased, clean_name, keeps, transformed
from ironhull.errors import MalformedError
from ironhull.oci.tar import DIRECTORY, FIFO, FILE, SYMLINK, Member

PLAIN = Policy()


def member(name: str, kind: str = FILE, mode: int = 0o644, link: str = "") -> Member:
    return Member(name, kind, mode, 0, 0, 0, 0, link)


@pytest.mark.parametrize(
    ("written", "clean"),
    [("./usr/bin/x", "usr/bin/x"), ("usr//bin/./x/", "usr/bin/x"), ("./", ""), (".", "")],
)
def test_names_are_made_relative_to_the_root(written, clean):
    assert clean_name(written) == clean


@pytest.mark.parametrize("name", ["../x", "./a/../../x", "/etc/passwd", "a\nb", "a/..", "x" * 5000])
def test_names_that_leave_the_root_are_refused(name):
    with pytest.raises(MalformedError):
        clean_name(name)


@given(st.text(max_size=60))
def test_a_clean_name_never_climbs(name):
    try:
        clean = clean_name(name)
    except MalformedError:
        return
    assert not clean.startswith("/")
    assert ".." not in clean.split("/")


def test_merged_usr_moves_programs_and_drops_the_folders():
    assert aliased("lib/x86_64-linux-gnu/libc.so.6") == "usr/lib/x86_64-linux-gnu/libc.so.6"
    assert aliased("library/x") == "library/x"
    assert transformed(member("bin", DIRECTORY), "bin", "p", PLAIN) is None
    assert transformed(member("bin", SYMLINK, link="usr/bin"), "bin", "p", PLAIN).name == "bin"


def test_links_mean_the_same_after_the_move():
    moved = transformed(member("lib/x/a.so", SYMLINK, link="../../etc/y"), "lib/x/a.so", "p", PLAIN)
    assert (moved.name, moved.link) == ("usr/lib/x/a.so", "../../../etc/y")
    beside = transformed(member("lib/x/a.so", SYMLINK, link="a.so.1"), "lib/x/a.so", "p", PLAIN)
    assert beside.link == "a.so.1"
    up = transformed(member("bin/sh", SYMLINK, link="../usr/bin/dash"), "bin/sh", "p", PLAIN)
    assert (up.name, up.link) == ("usr/bin/sh", "dash")


def test_a_relative_link_out_of_the_root_is_refused():
    with pytest.raises(MalformedError, match="leads out of the root"):
        transformed(member("etc/x", SYMLINK, link="../../shadow"), "etc/x", "p", PLAIN)


def test_documentation_goes_and_licences_stay():
    assert not keeps("usr/share/doc/x/changelog.gz", PLAIN)
    assert not keeps("usr/share/man/man1/x.1.gz", PLAIN)
    assert not keeps("usr/share/locale/de/LC_MESSAGES/x.mo", PLAIN)
    assert keeps("usr/share/doc/x/copyright", PLAIN)
    assert keeps("usr/share/doc/x", PLAIN)
    assert keeps("usr/share/common-licenses/GPL-3", PLAIN)
    assert keeps("usr/share/doc/x/changelog.gz", Policy(documentation=True))


def test_setuid_goes_unless_it_is_kept_by_name():
    su = member("usr/bin/su", mode=0o4755)
    assert transformed(su, "usr/bin/su", "p", PLAIN).mode == 0o755
    assert transformed(su, "usr/bin/su", "p", Policy(setuid=("/usr/bin/su",))).mode == 0o4755
    assert transformed(member("var/mail", DIRECTORY, 0o2775), "var/mail", "p", PLAIN).mode == 0o2775


@pytest.mark.parametrize("kind", ["3", "4", FIFO, "7x"])
def test_devices_and_fifos_are_refused(kind):
    with pytest.raises(MalformedError, match="neither a file"):
        transformed(member("dev/null", kind), "dev/null", "p", PLAIN)
