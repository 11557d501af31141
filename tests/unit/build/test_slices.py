"""A part of a package: what is there is said truly, and the check proves that none needed went."""

import pytest
from tests.fakes.deb import file, make_deb, program
from tests.fakes.definition import definition, lock, locked, place
from tests.unit.build.test_image import built, layer_names

from ironhull.build.compression import Compression
from ironhull.build.layer import layer_key
from ironhull.build.transform import Policy
from ironhull.definition.model import Keep, PackageRequest, Slice
from ironhull.errors import CheckFailedError, MalformedError
from ironhull.store.home import Home

FILES = {
    "usr/bin/tool": program("tool"),
    "usr/share/tool/a.dat": file("a"),
    "usr/share/tool/b.dat": file("b"),
    "usr/share/doc/tool/copyright": file("MIT"),
}


def tool(home: Home):
    return locked(home, "tool", make_deb("tool", "1.0-1", files=FILES))


def wanted(part: Slice | None, name: str = "tool") -> PackageRequest:
    return PackageRequest(name, place(), part=part)


def contents(home: Home, part: Slice | None) -> dict[str, bytes]:
    image = built(home, definition(packages=(wanted(part),)), lock([tool(home)]))
    return {name: data for name, data in layer_names(home, image, 0).items() if data}


@pytest.mark.parametrize(
    ("part", "left"),
    [
        (Slice(only=("usr/bin",)), {"usr/bin/tool"}),
        (Slice(without=("usr/share/tool/a*",)), {"usr/bin/tool", "usr/share/tool/b.dat"}),
    ],
)
def test_only_the_part_is_there_and_its_licence(tmp_path, part, left):
    names = contents(Home(tmp_path), part)
    database = {"var/lib/dpkg/status.d/tool", "var/lib/dpkg/status.d/tool.md5sums"}
    assert set(names) - database == left | {"usr/share/doc/tool/copyright"}
    # Scanners believe the database: it names the files that are here, and that some are not.
    listed = {line.split("  ")[1] for line in names[sorted(database)[1]].decode().splitlines()}
    assert listed <= left | {"usr/share/doc/tool/copyright"}
    assert b"X-Ironhull-Part: " in names["var/lib/dpkg/status.d/tool"]


def test_a_whole_package_says_nothing_of_parts(tmp_path):
    names = contents(Home(tmp_path), None)
    assert "usr/share/tool/a.dat" in names
    assert b"X-Ironhull-Part" not in names["var/lib/dpkg/status.d/tool"]


def test_a_complete_database_lists_what_is_there(tmp_path):
    home = Home(tmp_path)
    keep = Keep(package_database="dpkg")
    of = definition(packages=(wanted(Slice(only=("usr/bin",))),), keep=keep)
    image = built(home, of, lock([tool(home)]))
    listed = layer_names(home, image)["var/lib/dpkg/info/tool.list"].decode().splitlines()
    assert "/usr/bin/tool" in listed
    assert "/usr/share/tool/a.dat" not in listed


def test_a_part_that_lacks_what_another_needs_fails_the_check(tmp_path):
    home = Home(tmp_path)
    script = {"usr/bin/run": file("#!/usr/bin/tool\n", 0o755)}
    both = [tool(home), locked(home, "run", make_deb("run", "1.0-1", files=script))]
    built(home, definition(packages=(wanted(Slice(only=("usr/bin",))),)), lock(both))
    of = definition(packages=(wanted(Slice(only=("usr/share",))),))
    with pytest.raises(CheckFailedError, match="/usr/bin/run needs /usr/bin/tool"):
        built(home, of, lock(both))


def test_a_part_with_no_file_in_it_is_a_mistake(tmp_path):
    home = Home(tmp_path)
    of = definition(packages=(wanted(Slice(only=("usr/lib/nothing",))),))
    with pytest.raises(MalformedError, match=r"tool 1\.0-1 .*`only` and `except` .* leave no file"):
        built(home, of, lock([tool(home)]))


def test_a_layer_of_whole_packages_is_the_one_it_always_was(tmp_path):
    home, compression = Home(tmp_path), Compression.parse("zstd:3")
    package = tool(home)
    plain = layer_key([package], Policy(), compression)
    assert layer_key([package], Policy(parts={"other": Slice(only=("a",))}), compression) == plain
    assert layer_key([package], Policy(parts={"tool": Slice(only=("a",))}), compression) != plain
