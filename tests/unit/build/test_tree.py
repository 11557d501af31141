import pytest

from ironhull.build.record import PackagePart, TreeEntry
from ironhull.build.tree import tree_of
from ironhull.errors import InputError
from ironhull.oci.tar import DIRECTORY, FILE, SYMLINK


def part(name: str, *entries: TreeEntry, diversions=()) -> PackagePart:
    folders: dict[str, TreeEntry] = {}
    for entry in entries:
        pieces = entry.path.split("/")[:-1]
        for end in range(1, len(pieces) + 1):
            path = "/".join(pieces[:end])
            folders.setdefault(path, TreeEntry(path, DIRECTORY, 0o755))
    for entry in entries:
        folders[entry.path] = entry
    return PackagePart(
        name, "1", "amd64", tuple(folders.values()), {}, len(folders), "", diversions=diversions
    )


def file(path: str, mode: int = 0o644) -> TreeEntry:
    return TreeEntry(path, FILE, mode)


def link(path: str, target: str) -> TreeEntry:
    return TreeEntry(path, SYMLINK, 0o777, link=target)


def test_a_path_resolves_through_links_inside_the_root():
    tree = tree_of(
        [part("a", link("bin", "usr/bin"), link("usr/bin/sh", "/bin/dash"), file("usr/bin/dash"))]
    )
    assert tree.resolve("bin/sh") == "usr/bin/dash"
    assert tree.resolve("/bin/../bin/sh") == "usr/bin/dash"
    assert tree.resolve("../../bin/dash") == "usr/bin/dash"
    assert tree.resolve("bin/none") is None


def test_a_loop_of_links_leads_nowhere():
    tree = tree_of([part("a", link("x", "y"), link("y", "x"))])
    assert tree.resolve("x") is None


def test_two_packages_with_one_file_are_an_error_that_names_both():
    with pytest.raises(InputError, match=r"/usr/x: file of both a and b"):
        tree_of([part("a", file("usr/x")), part("b", file("usr/x"))])


def test_an_overlap_that_the_definition_decides_is_won_by_the_later_package():
    tree = tree_of([part("a", file("usr/x")), part("b", file("usr/x", 0o600))], ["/usr/x"])
    assert tree.entries["usr/x"].mode == 0o600
    assert tree.owner["usr/x"] == "b"


def test_folders_with_conflicting_modes_are_an_error():
    other = part("b", file("usr/y"))
    strict = PackagePart("c", "1", "amd64", (TreeEntry("usr", DIRECTORY, 0o700),), {}, 1, "")
    with pytest.raises(InputError, match="folder with another mode or owner of both b and c"):
        tree_of([other, strict])


def test_a_folder_and_a_file_of_one_name_are_an_error():
    with pytest.raises(InputError, match="file and folder"):
        tree_of([part("a", file("usr/x/y")), part("b", file("usr/x"))])


def test_the_same_link_of_two_packages_is_no_clash():
    tree_of([part("a", link("usr/x", "y")), part("b", link("usr/x", "y"))])


def test_a_file_below_another_package_s_link_is_an_error():
    below = PackagePart("b", "1", "amd64", (file("usr/x/y"),), {}, 1, "")
    with pytest.raises(InputError, match="parent folder of both a and b"):
        tree_of([part("a", link("usr/x", "z")), below])


def test_a_diversion_of_a_file_that_is_here_is_an_error_unless_decided():
    parts = [
        part("a", file("usr/bin/x")),
        part("b", file("usr/bin/y"), diversions=(("/usr/bin/x", "/usr/bin/x.real"),)),
    ]
    with pytest.raises(InputError, match=r"b diverts it to /usr/bin/x\.real from a"):
        tree_of(parts)
    tree_of(parts, ["/usr/bin/x"])


def test_the_own_layer_has_what_changed_and_its_parents_with_their_mode():
    tree = tree_of([part("a", file("tmp/x"))])
    tree.put_directory("tmp", 0o1777)
    tree.put_file("tmp/new/y", b"1")
    own = {entry.path: entry.mode for entry in tree.own_entries()}
    assert own == {"tmp": 0o1777, "tmp/new": 0o755, "tmp/new/y": 0o644}


def test_a_deleted_path_is_whited_out_once_at_its_top():
    tree = tree_of([part("a", file("etc/d/1"), file("etc/d/2"), file("etc/keep"))])
    tree.delete("etc/d")
    assert tree.whiteouts() == ["etc/d"]
    assert "etc/d/1" not in tree
    assert [entry.path for entry in tree.own_entries()] == ["etc"]


def test_what_only_the_own_layer_had_needs_no_whiteout():
    tree = tree_of([part("a", file("etc/keep"))])
    tree.put_file("etc/new", b"")
    tree.delete("etc/new")
    assert tree.whiteouts() == []


def test_a_folder_that_becomes_a_link_hides_what_was_below_it():
    tree = tree_of([part("a", file("var/run/x"))])
    tree.put_symlink("var/run", "/run")
    assert "var/run/x" not in tree
    assert tree.whiteouts() == []
    assert [entry.path for entry in tree.own_entries()] == ["var", "var/run"]


def test_a_deleted_folder_that_comes_back_hides_its_old_files_one_by_one():
    tree = tree_of([part("a", file("etc/d/1"))])
    tree.delete("etc/d")
    tree.put_file("etc/d/2", b"")
    assert tree.whiteouts() == ["etc/d/1"]


def test_a_file_cannot_be_put_below_a_file():
    tree = tree_of([part("a", file("etc/x"))])
    with pytest.raises(InputError, match="/etc/x is not a directory"):
        tree.put_file("etc/x/y", b"")


def test_the_owner_of_a_package_s_file_cannot_be_changed_from_another_layer():
    tree = tree_of([part("a", file("etc/x"))])
    with pytest.raises(InputError, match="belongs to package a"):
        tree.set_owner("etc/x", 1, 1, None)
