import pytest
from tests.fakes.archive import fake_archive

from ironhull.errors import MalformedError
from ironhull.patched.depends import NEEDS, WithNeeds, depends_of


@pytest.mark.parametrize(
    ("field", "architecture", "profiles", "depends"),
    [
        ("a (>= 1), b | c", "amd64", (), "a (>= 1), b | c"),
        ("gcc-multilib [amd64 i386] <!nobiarch>", "amd64", (), "gcc-multilib"),
        ("gcc-multilib [amd64 i386] <!nobiarch>", "amd64", ("nobiarch",), ""),
        ("gcc-multilib [amd64 i386] <!nobiarch>", "arm64", (), ""),
        ("a [!amd64] | b", "amd64", (), "b"),
        ("a [!amd64] | b", "arm64", (), "a | b"),
        ("a [linux-any], b [kfreebsd-any], c [any-amd64]", "amd64", (), "a, c"),
        ("a <!nocheck !nodoc>", "amd64", ("nodoc",), ""),
        ("a <!nocheck> <!nodoc>", "amd64", ("nodoc",), "a"),
        ("a <cross>", "amd64", (), ""),
        ("python3:any (>= 3), gcc:native", "amd64", (), "python3 (>= 3), gcc"),
        ("", "amd64", (), ""),
    ],
)
def test_what_counts_of_build_depends_is_what_the_resolver_is_asked(
    field, architecture, profiles, depends
):
    assert depends_of(field, architecture, profiles) == depends


def test_what_is_no_relation_is_refused():
    with pytest.raises(MalformedError, match="not a package relation"):
        depends_of("a (>= 1", "amd64", ())


def test_the_archive_has_one_package_more():
    archive = WithNeeds(fake_archive("make 4"), "make (>= 3)")
    assert [package.depends for package in archive.versions(NEEDS)] == ["make (>= 3)"]
    assert [package.version for package in archive.versions("make")] == ["4"]
    assert archive.releases
    assert "make" in archive.names()
