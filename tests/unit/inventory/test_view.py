"""The merged view, against a model that applies layers one after the other to a plain tree."""

from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.image import Directory, Entry, File, Files, Hardlink, Symlink, layer_tar

from ironhull.inventory.layer import read_layer
from ironhull.inventory.model import Package
from ironhull.inventory.view import View

NPM = b'{"name":"a","version":"1"}'


def view(*layers: Files) -> View:
    return View([read_layer(iter([layer_tar(files)]), "layer") for files in layers])


def paths(seen: View) -> set[str]:
    return {entry.path for entry in seen}


def test_a_higher_layer_replaces_a_file() -> None:
    seen = view({"a": "old", "b": "stays"}, {"a": "newer"})
    assert paths(seen) == {"/a", "/b"}
    entry = seen.get("/a")
    assert entry is not None
    assert (entry.layer, entry.size) == (1, 5)
    assert seen.waste.total == 3
    assert seen.waste.copies == {"/a": [(0, 3)]}


def test_a_whiteout_removes_a_file_and_a_folder_with_all_in_it() -> None:
    seen = view({"a": "x", "d/e/f": "xy", "d2": "z"}, {".wh.a": "", ".wh.d": ""})
    assert paths(seen) == {"/d2"}
    assert seen.waste.total == 3


def test_a_whiteout_does_not_touch_its_own_layer() -> None:
    seen = view({"d/old": "x"}, [(".wh.d", ""), ("d", Directory()), ("d/new", "y")])
    assert paths(seen) == {"/d", "/d/new"}
    behind = view({"d/old": "x"}, [("d", Directory()), ("d/new", "y"), (".wh.d", "")])
    assert paths(behind) == {"/d", "/d/new"}


def test_an_opaque_folder_hides_what_was_in_it_and_not_itself() -> None:
    seen = view({"d": Directory(), "d/a": "x", "d/s/b": "y"}, {"d/.wh..wh..opq": "", "d/c": "z"})
    assert paths(seen) == {"/d", "/d/c"}


def test_an_opaque_root_hides_everything_below() -> None:
    assert paths(view({"a": "x", "d/b": "y"}, {".wh..wh..opq": "", "c": "z"})) == {"/c"}


def test_a_file_in_the_place_of_a_folder_hides_its_content() -> None:
    seen = view({"d": Directory(), "d/a": "x"}, {"d": "file now"}, {"e": "z"})
    assert paths(seen) == {"/d", "/e"}


def test_a_file_that_became_a_folder_stays_gone_when_the_folder_is_emptied() -> None:
    assert paths(view({"a": "x"}, {"a/b": "y"}, {"a/.wh.b": ""})) == set()


def test_a_folder_again_keeps_what_is_in_it() -> None:
    seen = view({"d": Directory(), "d/a": "x"}, {"d": Directory(mode=0o700)})
    assert paths(seen) == {"/d", "/d/a"}
    entry = seen.get("/d")
    assert entry is not None
    assert entry.mode == 0o700
    assert seen.waste.total == 0


def test_a_path_through_a_lower_symbolic_link_is_where_engines_put_it() -> None:
    seen = view(
        {"usr/lib": Directory(), "lib": Symlink("usr/lib")},
        {"lib/package.json": NPM},
        {"lib/.wh.gone": "", "lib/more": "x"},
    )
    assert paths(seen) == {"/usr/lib", "/lib", "/usr/lib/package.json", "/usr/lib/more"}
    [(path, _, [package])] = seen.facts("packages")
    assert path == package.location == "/usr/lib/package.json"


def test_a_folder_of_its_own_replaces_a_lower_symbolic_link() -> None:
    seen = view({"usr/lib/a": "x", "lib": Symlink("usr/lib")}, {"lib": Directory(), "lib/b": "y"})
    assert paths(seen) == {"/usr/lib/a", "/lib", "/lib/b"}


def test_link_loops_end() -> None:
    seen = view({"a": Symlink("b"), "b": Symlink("a")}, {"a/c": "x", "b/d/e": "y"})
    assert {"/a/c", "/b/d/e"} <= paths(seen)
    assert seen.real("/a/c/x").startswith("/")
    assert seen.real("/a") in ("/a", "/b")


def test_links_that_climb_stay_inside() -> None:
    seen = view(
        {
            "etc/os-release": Symlink("../../../usr/lib/os-release"),
            "usr/lib/os-release": "ID=debian\n",
        }
    )
    assert seen.real("/etc/os-release") == "/usr/lib/os-release"
    assert seen.text("/etc/os-release") == "ID=debian\n"


def test_facts_of_hidden_files_are_not_seen() -> None:
    seen = view({"x/package.json": NPM, "y/package.json": NPM}, {"x/.wh.package.json": ""})
    assert [path for path, _, _ in seen.facts("packages")] == ["/y/package.json"]


def test_facts_of_a_removed_file_live_on_in_a_hard_link() -> None:
    seen = view(
        {"x/package.json": NPM, "y": Hardlink("x/package.json")}, {"x/.wh.package.json": ""}
    )
    assert [(path, found) for path, _, found in seen.facts("packages")] == [
        ("/y", [Package("a", "1", "npm", "/y")])
    ]


def test_of_two_members_with_one_name_the_later_counts() -> None:
    seen = view([("x/package.json", NPM), ("x/package.json", b"{}"), ("a", "1"), ("a", "22")])
    assert list(seen.facts("packages")) == []
    entry = seen.get("/a")
    assert entry is not None
    assert entry.size == 2
    assert seen.waste.total == 0


NAMES = st.sampled_from(["a", "b", "c"])
PATH = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
OPERATION = st.tuples(st.sampled_from(["file", "dir", "whiteout", "opaque"]), PATH)
LAYERS = st.lists(st.lists(OPERATION, max_size=5), min_size=1, max_size=4)


def tar_of(operations: list[tuple[str, str]]) -> list[tuple[str, Entry]]:
    """A layer that says each path once, and no path below one of its own files."""
    entries: list[tuple[str, Entry]] = []
    files: set[str] = set()
    said: set[str] = set()
    for kind, path in operations:
        above = {path[:at] for at, letter in enumerate(path) if letter == "/"}
        inside = kind in ("file", "dir")
        if path in said or above & files or (kind == "opaque" and path in files):
            continue
        if inside and kind == "file" and any(other.startswith(f"{path}/") for other in said):
            continue
        folder, _, base = path.rpartition("/")
        prefix = f"{folder}/" if folder else ""
        match kind:
            case "file":
                said.add(path)
                files.add(path)
                entries.append((path, "x"))
            case "dir":
                said.add(path)
                entries.append((path, Directory()))
            case "whiteout":
                entries.append((f"{prefix}.wh.{base}", ""))
            case _:
                said.add(path)
                entries.append((path, Directory()))
                entries.append((f"{path}/.wh..wh..opq", ""))
    return entries


def naive(layers: list[list[tuple[str, Entry]]]) -> set[str]:
    tree: dict[str, bool] = {}
    for entries in layers:
        for name, _ in entries:
            folder, _, base = name.rpartition("/")
            if base == ".wh..wh..opq":
                tree = {p: d for p, d in tree.items() if not p.startswith(f"{folder}/")}
            elif base.startswith(".wh."):
                gone = f"{folder}/{base[4:]}".lstrip("/")
                tree = {p: d for p, d in tree.items() if p != gone and not p.startswith(f"{gone}/")}
        for name, entry in entries:
            if "/.wh." in f"/{name}":
                continue
            parts = name.split("/")
            for depth in range(1, len(parts)):
                if tree.get("/".join(parts[:depth])) is False:
                    # The folder is not in the archive: an engine makes it where a file was.
                    del tree["/".join(parts[:depth])]
            folder = isinstance(entry, Directory)
            if not folder:
                tree = {p: d for p, d in tree.items() if not p.startswith(f"{name}/")}
            tree[name] = folder
    return {path for path, folder in tree.items() if not folder}


@given(LAYERS)
def test_the_view_is_what_applying_the_layers_in_order_gives(
    operations: list[list[tuple[str, str]]],
) -> None:
    layers = [tar_of(items) for items in operations]
    made = view(*layers)
    seen = {entry.path[1:] for entry in made if entry.kind != "d"}
    assert seen == {path[1:] for path, _, _ in made.files()} == naive(layers)


def test_files_are_held_where_their_links_lead() -> None:
    lower: Files = [("a", "1"), ("gone", "22"), ("kept", Hardlink("gone")), ("s", Symlink("a"))]
    higher: Files = [
        ("b", Hardlink("a")),
        (".wh.gone", ""),
        ("t", Hardlink("s")),
        ("nothing", Hardlink("nowhere")),
        ("folder", Directory()),
    ]
    seen = view(lower, higher)
    found = {path: (layer, holder) for path, layer, holder in seen.files()}
    assert found == {"/a": (0, (0, 0)), "/kept": (0, (0, 1)), "/b": (1, (0, 0))}
    assert all(seen.holder(path) == holder for path, (_, holder) in found.items())
    assert seen.holder("/t") is seen.holder("/nothing") is seen.holder("/folder") is None


def test_form_and_mode_of_programs_are_kept() -> None:
    seen = view({"bin/x": File(b"#!/bin/sh\n", mode=0o755), "bin/y": Hardlink("bin/x")})
    entry = seen.get("/bin/y")
    assert entry is not None
    assert (entry.kind, entry.form) == ("h", "#")
