"""Files that links give their names: what a container sees is what is read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.image import Directory, Entry, File, Files, Hardlink, Symlink, make_image
from tests.unit.inventory.test_java import jar, pom

from ironhull.inventory import second_names
from ironhull.inventory.model import Inventory
from ironhull.inventory.sources.find import Places
from ironhull.inventory.take import Taker
from ironhull.registry.client.access import Registries
from ironhull.store.home import Home

ELF = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9) + b"\2\0" + bytes(46)
MakeTaker = Callable[..., Taker]

NPM = '{"name":"left-pad","version":"1.3.0","license":"MIT"}'
STORE = "root/.local/share/pnpm/store/v3/files/ab/cdef0123"
MODULE = "app/node_modules/left-pad/package.json"
STATUS = "Package: bash\nStatus: install ok installed\nArchitecture: amd64\nVersion: 5.2-1\n\n"
RELEASE = 'ID=debian\nVERSION_ID="12"\n'
APK = "P:musl\nV:1.2.5-r0\nA:x86_64\no:musl\nF:lib\nR:libc.so\n\n"


def packages(found: Inventory) -> set[tuple[str, str, str]]:
    return {(item.name, item.version, item.location) for item in found.packages}


@pytest.fixture
def take(home: Home, taker: MakeTaker) -> Callable[..., Inventory]:
    """The inventory of layers, lowest first; a second take, from the cache, has to be the same."""

    def taken(*layers: Files) -> Inventory:
        make_image(home.store, layers)
        takes = taker(kept=True)
        found = takes.take("app:1")
        assert takes.stored is not None
        takes.stored.remove(found.image.key)
        assert takes.take("app:1") == found
        return found

    return taken


Take = Callable[..., Inventory]

LINKED: dict[str, tuple[Files, ...]] = {
    "behind its file": ([(STORE, NPM), (MODULE, Hardlink(STORE))],),
    "before its file, which engines refuse": ([(MODULE, Hardlink(STORE)), (STORE, NPM)],),
    "to a lower layer": ([(STORE, NPM)], [(MODULE, Hardlink(STORE))]),
    "and the file is deleted above": (
        [(STORE, NPM), (MODULE, Hardlink(STORE))],
        {"root/.local/.wh.share": ""},
    ),
    "to a lower layer, and deleted above": (
        [(STORE, NPM)],
        [(MODULE, Hardlink(STORE))],
        {"root/.wh..wh..opq": ""},
    ),
    "and the file is replaced above": (
        [(STORE, NPM), (MODULE, Hardlink(STORE))],
        [(STORE, '{"name":"other","version":"9"}')],
    ),
    "to a link of its layer": (
        [(STORE, NPM), ("tmp/x", Hardlink(STORE)), (MODULE, Hardlink("tmp/x"))],
    ),
    "to a link of a lower layer": (
        [(STORE, NPM), ("tmp/x", Hardlink(STORE))],
        [("tmp/y", Hardlink("tmp/x"))],
        [(MODULE, Hardlink("tmp/y"))],
    ),
    "to a file that a later member of its name replaces": (
        [(STORE, NPM), (MODULE, Hardlink(STORE)), (STORE, "another file")],
    ),
    "to a link, when its target has another file": (
        [("x", NPM)],
        [("y", Hardlink("x")), ("x", "another file"), (MODULE, Hardlink("y"))],
    ),
    "through a folder that is a link": (
        [("data/store/x", NPM), ("store", Symlink("data/store")), (MODULE, Hardlink("store/x"))],
    ),
    "through a lower folder that is a link": (
        [("data/store/x", NPM), ("store", Symlink("/data/store"))],
        [(MODULE, Hardlink("store/x"))],
    ),
    "to a symbolic link to the file": (
        [(STORE, NPM), ("s", Symlink("/" + STORE)), (MODULE, Hardlink("s"))],
    ),
    "to a lower symbolic link to the file": (
        [(STORE, NPM), ("app/s", Symlink("/" + STORE))],
        [(MODULE, Hardlink("app/s"))],
    ),
    "that is a symbolic link": ([(STORE, NPM), (MODULE, Symlink("/" + STORE))],),
    "that is a symbolic link to a lower layer": (
        [(STORE, NPM)],
        [(MODULE, Symlink("../../../" + STORE))],
    ),
}


@pytest.mark.parametrize("layers", LINKED.values(), ids=LINKED)
def test_a_package_file_is_read_under_the_name_of_a_link(
    take: Take, layers: tuple[Files, ...]
) -> None:
    found = take(*layers)
    assert packages(found) == {("left-pad", "1.3.0", f"/{MODULE}")}
    assert found.packages[0].licenses == ("MIT",)
    assert found.unparsed == ()


def test_a_hard_link_to_a_file_that_is_gone_below_it_names_nothing(take: Take) -> None:
    found = take([(STORE, NPM)], {"root/.wh..local": ""}, [(MODULE, Hardlink(STORE))])
    assert packages(found) == set()
    assert [item.location for item in found.unparsed] == [f"/{MODULE}"]


@pytest.mark.parametrize(
    "layers",
    [
        ([(MODULE, Hardlink(MODULE))],),
        ([(MODULE, Hardlink("nowhere"))],),
        ([(MODULE, Hardlink("app"))],),
        ([("app", Directory()), (MODULE, Hardlink("app"))],),
        ([(MODULE, Hardlink("b")), ("b", Hardlink(MODULE))],),
        ([(MODULE, Hardlink("b"))], [("b", Hardlink(MODULE))]),
    ],
)
def test_a_hard_link_to_nothing_is_said_and_breaks_nothing(
    take: Take, layers: tuple[Files, ...]
) -> None:
    found = take(*layers)
    assert packages(found) == set()
    assert [(item.location, "hard link" in item.message) for item in found.unparsed] == [
        (f"/{MODULE}", True)
    ]


@pytest.mark.parametrize(
    "layers",
    [
        ([(MODULE, NPM), (MODULE, Hardlink(MODULE))],),
        ([(MODULE, NPM)], [(MODULE, Hardlink(MODULE))]),
        ([("x", NPM)], [(MODULE, Hardlink("x")), ("x", ""), (MODULE, Hardlink(MODULE))]),
    ],
)
def test_a_hard_link_to_its_own_name_is_the_file_that_has_it(
    take: Take, layers: tuple[Files, ...]
) -> None:
    found = take(*layers)
    assert packages(found) == {("left-pad", "1.3.0", f"/{MODULE}")}
    assert found.surface.size == len(NPM)


READ = {
    "usr/lib/python3/dist-packages/a-1.dist-info/METADATA": ("Name: a\nVersion: 1\n", "a"),
    "usr/share/java/app.jar": (jar(pom("g", "app", "1")), "g:app"),
    "var/lib/dpkg/status": (STATUS, "bash"),
    "var/lib/dpkg/status.d/bash": (STATUS, "bash"),
    "lib/apk/db/installed": (APK, "musl"),
    "usr/bin/node": (ELF + b"\0node.js/v20.1.2/node.js\0", "node"),
}


@pytest.mark.parametrize("path", READ)
@pytest.mark.parametrize("kind", ["hard", "lower", "symbolic"])
def test_what_any_cataloguer_reads_may_be_a_link(take: Take, path: str, kind: str) -> None:
    content, name = READ[path]
    file = ("opt/blob", File(content if isinstance(content, bytes) else content.encode(), 0o755))
    match kind:
        case "hard":
            found = take([file, (path, Hardlink("opt/blob"))])
        case "lower":
            found = take([file], [(path, Hardlink("opt/blob"))])
        case _ if path == "usr/bin/node":
            # The program is where it is; a symbolic link to it is no second one.
            return
        case _:
            found = take([file, (path, Symlink("/opt/blob"))])
    assert [(item.name, item.location) for item in found.packages] == [(name, f"/{path}")]


@pytest.mark.parametrize("kind", ["hard", "lower", "symbolic", "folder"])
def test_os_release_and_passwd_may_be_links(take: Take, kind: str) -> None:
    files: list[tuple[str, Entry]] = [
        ("data/release", RELEASE),
        ("data/passwd", "root:x:0:0:root:/root:/bin/sh\napp:x:7:7::/:/bin/false\n"),
        ("data/os-release", RELEASE),
    ]
    names = {"etc/os-release": "data/release", "etc/passwd": "data/passwd"}
    match kind:
        case "hard":
            found = take([*files, *((name, Hardlink(to)) for name, to in names.items())])
        case "lower":
            found = take(files, {name: Hardlink(to) for name, to in names.items()})
        case "symbolic":
            found = take([*files, *((name, Symlink(f"../{to}")) for name, to in names.items())])
        case _:
            found = take([*files, ("etc", Symlink("data"))])
    assert found.distribution.label == "debian-12"
    assert [user.name for user in found.users] == ["root", "app"]


DATABASES: dict[str, tuple[Files, ...]] = {
    "dpkg's folder": (
        {"usr/lib/sysimage/dpkg/status": STATUS, "var/lib/dpkg": Symlink("/usr/lib/sysimage/dpkg")},
    ),
    "dpkg's folder, in a higher layer": (
        {"srv/dpkg/status": STATUS},
        {"var/lib/dpkg": Symlink("../../srv/dpkg")},
    ),
    "var": ({"srv/var/lib/dpkg/status": STATUS, "var": Symlink("srv/var")},),
    "status": ({"srv/db": STATUS, "var/lib/dpkg/status": Symlink("/srv/db")},),
    "status by two links": (
        {
            "srv/db": STATUS,
            "srv/link": Symlink("db"),
            "var/lib/dpkg/status": Symlink("../../../../../srv/link"),
        },
    ),
    "status.d": ({"srv/parts/bash": STATUS, "var/lib/dpkg/status.d": Symlink("/srv/parts")},),
    "a part of status.d": ({"srv/b": STATUS, "var/lib/dpkg/status.d/bash": Symlink("/srv/b")},),
    "parts that are links in a folder that is one": (
        {
            "srv/b": STATUS,
            "srv/parts/bash": Symlink("../b"),
            "var/lib/dpkg/status.d": Symlink("/srv/parts"),
        },
    ),
    "apk's folder": ({"data/apk/db/installed": APK, "lib/apk": Symlink("/data/apk")},),
    "apk's file": ({"data/db": APK, "lib/apk/db/installed": Symlink("/data/db")},),
    "lib, merged into usr": ({"usr/lib/apk/db/installed": APK, "lib": Symlink("usr/lib")},),
}


@pytest.mark.parametrize("layers", DATABASES.values(), ids=DATABASES)
def test_a_database_behind_symbolic_links_is_read(take: Take, layers: tuple[Files, ...]) -> None:
    found = take({"etc/os-release": RELEASE}, *layers)
    [package] = [item for item in found.packages if item.is_distribution]
    assert package.name in ("bash", "musl")
    assert found.unparsed == () or package.type == "apk"


def test_file_lists_behind_a_link_say_who_owns_a_file(take: Take) -> None:
    found = take(
        {
            "etc/os-release": RELEASE,
            "srv/dpkg/status": STATUS,
            "srv/dpkg/info/bash.list": "/.\n/usr/bin/bash\n",
            "var/lib/dpkg": Symlink("/srv/dpkg"),
            "usr/bin/bash": File(ELF, 0o755),
        }
    )
    assert [item.owned_by for item in found.surface.shells] == ["bash"]


@pytest.mark.parametrize(
    "target", ["/var/lib/dpkg/status", "status", "../../../../../../nowhere", "/proc/self/status"]
)
def test_links_that_loop_or_lead_to_nothing_are_followed_to_no_end(take: Take, target: str) -> None:
    assert packages(take({"var/lib/dpkg/status": Symlink(target)})) == set()


def test_a_link_never_leads_out_of_a_root_file_system(taker: MakeTaker, tmp_path: Path) -> None:
    outside, root = tmp_path / "outside", tmp_path / "root"
    (outside / "dpkg").mkdir(parents=True)
    (outside / "dpkg/status").write_text(STATUS)
    (root / "var/lib").mkdir(parents=True)
    (root / "var/lib/dpkg").symlink_to(outside / "dpkg")
    assert packages(taker().take(f"rootfs:{root}")) == set()


def test_links_of_a_folder_are_read_as_those_of_an_image(taker: MakeTaker, tmp_path: Path) -> None:
    store, module = tmp_path / STORE, tmp_path / MODULE
    for path in (store, module):
        path.parent.mkdir(parents=True)
    store.write_text(NPM)
    module.hardlink_to(store)
    (tmp_path / "srv").mkdir()
    (tmp_path / "srv/status").write_text(STATUS)
    (tmp_path / "var/lib/dpkg").mkdir(parents=True)
    (tmp_path / "var/lib/dpkg/status").symlink_to("/srv/status")
    found = taker().take(f"rootfs:{tmp_path}")
    assert {name for name, _, _ in packages(found)} == {"left-pad", "bash"}


def test_two_names_of_one_package_file_are_two_places(take: Take) -> None:
    other = "srv/node_modules/left-pad/package.json"
    found = take([(MODULE, NPM), (other, Hardlink(MODULE))])
    assert packages(found) == {("left-pad", "1.3.0", f"/{path}") for path in (MODULE, other)}
    across = take([(MODULE, NPM)], [(other, Hardlink(MODULE))])
    assert packages(across) == packages(found)


def test_a_program_with_many_names_is_one(take: Take) -> None:
    program = File(ELF + b"\0node.js/v20.1.2/node.js\0", 0o755)
    found = take(
        [
            ("usr/bin/node", program),
            ("usr/bin/nodejs", Hardlink("usr/bin/node")),
            ("usr/bin/other", Hardlink("usr/bin/node")),
        ]
    )
    assert packages(found) == {("node", "20.1.2", "/usr/bin/node")}
    assert found.surface.executables == 3


def test_a_file_counts_once_however_many_names_are_left_of_it(take: Take) -> None:
    both = take([("a", "12345"), ("b", Hardlink("a"))])
    assert (both.surface.size, both.wasted) == (5, 0)
    one = take([("a", "12345"), ("b", Hardlink("a"))], {".wh.a": ""})
    assert (one.surface.size, one.wasted, one.surface.files) == (5, 0, 1)
    replaced = take([("a", "12345"), ("b", Hardlink("a"))], {"a": "123"})
    assert (replaced.surface.size, replaced.wasted) == (8, 0)
    gone = take([("a", "12345"), ("b", Hardlink("a"))], {".wh.a": "", ".wh.b": ""})
    assert (gone.surface.size, gone.wasted) == (0, 5)
    lower = take([("a", "12345")], [("b", Hardlink("a")), (".wh.a", "")])
    assert (lower.surface.size, lower.wasted) == (5, 0)


def test_a_hard_link_to_another_layer_has_the_mode_of_its_file(take: Take) -> None:
    found = take([("opt/x", File(ELF, 0o4755))], [("usr/bin/bash", Hardlink("opt/x"))])
    assert [item.path for item in found.surface.setuid] == ["/opt/x", "/usr/bin/bash"]
    assert [item.path for item in found.surface.shells] == ["/usr/bin/bash"]
    assert found.surface.executables == 2


def test_a_secret_file_is_one_by_any_of_its_names(take: Take) -> None:
    found = take([("x", "//r/:_authToken=abc\n"), ("root/.npmrc", Hardlink("x"))])
    assert [item.path for item in found.surface.secrets] == ["/root/.npmrc"]


def test_a_remark_of_a_file_that_is_deleted_above_is_none(take: Take) -> None:
    broken = {"app/node_modules/a/package.json": "{"}
    assert len(take(broken).unparsed) == 1
    assert take(broken, {"app/.wh.node_modules": ""}).unparsed == ()


def test_too_many_names_are_said_and_not_read(take: Take, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(second_names, "MAX_NAMES", 3)
    files: list[tuple[str, Entry]] = [("x", NPM)]
    files += [(f"m{number}/package.json", Symlink("/x")) for number in range(9)]
    found = take(files)
    assert len(found.packages) == 3
    assert ["more than 3 links" in item.message for item in found.unparsed] == [True]


def test_folders_that_are_links_are_followed_in_the_order_of_the_members(take: Take) -> None:
    """A folder of its own takes the link's place only from there on."""
    found = take(
        {"usr/lib/.keep": "", "lib": Symlink("usr/lib")},
        [
            ("lib/first/package.json", NPM),
            ("lib", Directory()),
            ("lib/second/package.json", NPM),
        ],
    )
    assert {path for _, _, path in packages(found)} == {
        "/usr/lib/first/package.json",
        "/lib/second/package.json",
    }


NAMES = st.sampled_from(["a", "b", "d/a", "package.json", "d/package.json", "e/package.json"])
STEPS = st.lists(
    st.tuples(st.sampled_from(["file", "link", "link", "remove"]), NAMES, NAMES), max_size=7
)


@pytest.fixture(scope="module")
def one_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home for all examples: to make and to remove one is half of what each would cost."""
    return Home(tmp_path_factory.mktemp("home"))


@settings(deadline=None, max_examples=150)
@given(steps=st.lists(STEPS, min_size=1, max_size=4))
def test_links_of_any_order_are_what_a_file_system_makes_of_them(
    one_home: Home, steps: list[list[tuple[str, str, str]]]
) -> None:
    """The model is a dict from names to files, changed as creat(2), link(2) and unlink(2) do."""
    tree: dict[str, str] = {}
    layers: list[Files] = []
    for number, changes in enumerate(steps):
        removed = {path for kind, path, _ in changes if kind == "remove"}
        entries: list[tuple[str, Entry]] = []
        for path in removed:
            folder, _, base = path.rpartition("/")
            entries.append((f"{folder}/.wh.{base}", ""))
            tree.pop(path, None)
        for at, (kind, path, target) in enumerate(changes):
            if kind == "file" and path not in removed:
                tree[path] = f"n{number}-{at}"
                entries.append((path, f'{{"name":"{tree[path]}"}}'))
            elif kind == "link" and target in tree and path not in removed:
                tree[path] = tree[target]
                entries.append((path, Hardlink(target)))
        layers.append(entries)
    make_image(one_home.store, layers)
    found = Taker(Places(one_home, Registries)).take("app:1")
    named = {item.location[1:]: item.name for item in found.packages}
    expected = {path: name for path, name in tree.items() if path.endswith("package.json")}
    # A package file of which only another name is left is told under that one.
    others = set(named.values()) - set(expected.values())
    assert others <= set(tree.values())
    assert {path: name for path, name in named.items() if name not in others} | expected == {
        path: name for path, name in named.items() if name not in others
    }
    assert found.surface.files == len(tree)
    assert found.unparsed == ()
