"""The sandbox as an engine: what becomes of an image's config and of options, without running."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.fakes.image import Directory, Symlink, make_image

from ironhull.engine.image_user import image_user
from ironhull.engine.interface import HARDENED, Mount, RunOptions
from ironhull.engine.sandbox import Sandbox, stop_signal
from ironhull.engine.unpacked import unpacked
from ironhull.errors import EngineError, InputError, MalformedError, NotFoundError
from ironhull.sandbox.bubblewrap import Bubblewrap
from ironhull.sandbox.model import Network, Root, Wish
from ironhull.store.choice import choose_manifest
from ironhull.store.layout import ImageLayout

PASSWD = "root:x:0:0::/root:/bin/sh\nweb:x:7:8::/srv:/bin/sh\nx:bad\n"
GROUP = "root:x:0:\nweb:x:8:\nmail:x:9:web,other\nlp:x:10:other\n"
CONFIG = {"User": "web", "Entrypoint": ["/bin/a"], "Cmd": ["b"], "Env": ["A=1", "PATH=/p"]}


@pytest.fixture
def layout(tmp_path: Path) -> ImageLayout:
    found = ImageLayout(tmp_path / "layout", create=True)
    make_image(
        found,
        [
            {
                "etc/passwd": PASSWD,
                "etc/group": GROUP,
                "run": Symlink("../../oldroot"),
                "proc": Directory(),
            }
        ],
        config=CONFIG,
        names=["web:1"],
    )
    return found


@pytest.fixture
def sandbox(layout: ImageLayout, tmp_path: Path) -> Sandbox:
    found = Sandbox(lambda: Bubblewrap(("/nowhere",), "0.11.0", "here"), tmp_path / "unpacked")
    found.load(layout, choose_manifest(layout, layout.find("web:1")), ["web"])
    return found


def wish(sandbox: Sandbox, **options: object) -> Wish:
    return sandbox.wish("web", RunOptions(**options))  # type: ignore[arg-type]


def test_a_config_says_who_runs_what_and_where(sandbox: Sandbox) -> None:
    found = wish(sandbox)
    assert (found.argv, found.workdir) == (("/bin/a", "b"), "/")
    assert (found.uid, found.gid, found.groups) == (7, 8, (8, 9))
    assert (found.environment["HOME"], found.environment["PATH"]) == ("/srv", "/p")
    assert (found.writes, found.network) == (Root.DISCARDED, Network.NONE)


def test_options_take_the_place_of_the_config(sandbox: Sandbox) -> None:
    assert wish(sandbox, command=("c",)).argv == ("/bin/a", "c")
    assert wish(sandbox, entrypoint=("x", "y"), command=("z",)).argv == ("x", "y", "z")
    assert wish(sandbox, user="0:mail", environment={"HOME": "/h"}).environment["HOME"] == "/h"
    assert wish(sandbox, memory="64m").limits.memory == 64 << 20
    mount = Mount(Path("/etc"), "/mnt/x", writable=True)
    assert wish(sandbox, mounts=(mount,)).binds[0].writable


def test_a_hardened_run_has_no_capability_and_a_tmp_for_everybody(sandbox: Sandbox) -> None:
    found = sandbox.wish("web", HARDENED)
    assert (found.writes, found.capabilities) == (Root.READ_ONLY, ())
    modes = {one.target: one.mode for one in found.tmpfs}
    assert modes["/tmp"] == modes["/var/tmp"] == 0o1777
    assert "CAP_CHOWN" in wish(sandbox).capabilities
    assert wish(sandbox, cap_drop=("all",), cap_add=("net_raw",)).capabilities == ("CAP_NET_RAW",)


def test_a_volume_is_as_the_image_has_it_and_gives_way_to_what_is_mounted(tmp_path: Path) -> None:
    layout = ImageLayout(tmp_path / "layout", create=True)
    files = {"etc/passwd": PASSWD, "srv/data": Directory(0o750), "srv/file": "no folder"}
    paths = ("/srv/data/", "/new", "/srv/file", "/given", "/tmp", "/proc", "/dev/x")
    config = CONFIG | {"Volumes": {path: {} for path in paths}}
    make_image(layout, [files], config=config, names=["data:1"])
    sandbox = Sandbox(lambda: Bubblewrap(("/nowhere",), "0.11.0", "here"), tmp_path / "unpacked")
    sandbox.load(layout, choose_manifest(layout, layout.find("data:1")), ["web"])
    mount = Mount(Path("/etc"), "/given")
    found = wish(sandbox, read_only=True, mounts=(mount,)).volumes
    owner = (sandbox.wish("web", HARDENED).root / "srv/data").stat()
    assert [(one.target, one.uid, one.gid, one.mode) for one in found] == [
        ("/new", 7, 8, 0o755),
        ("/srv/data", owner.st_uid, owner.st_gid, 0o750),
    ]
    assert wish(sandbox).volumes == ()


@pytest.mark.parametrize("volumes", [["/data"], {f"/{number}": {} for number in range(101)}])
def test_volumes_that_are_no_map_or_too_many_are_refused(tmp_path: Path, volumes: object) -> None:
    layout = ImageLayout(tmp_path / "layout", create=True)
    config = CONFIG | {"Volumes": volumes}
    make_image(layout, [{"etc/passwd": PASSWD}], config=config, names=["data:1"])
    sandbox = Sandbox(lambda: Bubblewrap(("/nowhere",), "0.11.0", "here"), tmp_path / "unpacked")
    sandbox.load(layout, choose_manifest(layout, layout.find("data:1")), ["web"])
    with pytest.raises(MalformedError, match="Volumes is no map of at most 100"):
        sandbox.wish("web", HARDENED)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", (0, 0, (0,), "/root")),
        ("web", (7, 8, (8, 9), "/srv")),
        ("7", (7, 8, (8, 9), "/srv")),
        ("web:lp", (7, 10, (10,), "/srv")),
        ("1234", (1234, 0, (0,), "/")),
        ("1234:99", (1234, 99, (99,), "/")),
    ],
)
def test_a_user_is_found_in_the_image_s_files(
    sandbox: Sandbox, text: str, found: tuple[object, ...]
) -> None:
    user = image_user(wish(sandbox).root, text)
    assert (user.uid, user.gid, user.groups, user.home) == found


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"user": "nobody"}, "no user 'nobody'"),
        ({"user": "web:nobody"}, "no group 'nobody'"),
        ({"user": "99999999999"}, "not the number of a user"),
        ({"network": "container:x"}, "it has: none, host"),
        ({"memory": "much"}, "'much' is no size"),
        ({"entrypoint": ()}, "no command of its own"),
    ],
)
def test_options_that_cannot_be_are_one_error(
    sandbox: Sandbox, options: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        wish(sandbox, **options)


def test_an_image_is_unpacked_once_and_no_link_leads_its_places_out(
    sandbox: Sandbox, layout: ImageLayout, tmp_path: Path
) -> None:
    root = wish(sandbox).root
    assert (root / "etc/hosts").read_text().startswith("127.0.0.1 localhost\n")
    # run → ../../oldroot is oldroot in the image, wherever a kernel would have gone.
    assert (root / "oldroot").is_dir()
    assert not (tmp_path / "oldroot").exists()
    (root / "mark").touch()
    manifest = choose_manifest(layout, layout.find("web:1"))
    assert (unpacked(layout, manifest, tmp_path / "unpacked") / "mark").exists()


def test_what_the_sandbox_does_not_do_says_who_does(sandbox: Sandbox) -> None:
    with pytest.raises(EngineError, match="ironhull pull node:20"):
        sandbox.pull("node:20")
    sandbox.remove("web")
    with pytest.raises(NotFoundError, match="no image web"):
        wish(sandbox)


def test_a_stop_signal_is_a_name_or_a_number() -> None:
    assert [stop_signal(text) for text in ("", "SIGQUIT", "INT", "9", "SIGWHAT")] == [
        15,
        3,
        2,
        9,
        15,
    ]


@pytest.mark.parametrize("text", ["99999:80", "0:80", "1:65536", "80:0", "x:80", "53:53/udp"])
def test_what_cannot_be_published_is_refused_before_anything_runs(
    sandbox: Sandbox, text: str
) -> None:
    with pytest.raises(InputError, match="cannot publish"):
        sandbox.attach("web", RunOptions(publish=(text,)))


@pytest.mark.parametrize("text", ["0", "99", "9999999999", "²", "-9", "SIG_DFL"])
def test_a_stop_signal_that_there_is_not_is_the_usual_one(text: str) -> None:
    assert stop_signal(text) == 15


def test_a_number_is_a_number_whatever_the_image_calls_root(
    layout: ImageLayout, tmp_path: Path
) -> None:
    files = {"etc/passwd": "7:x:0:0::/root:/x\nweb:x:8:8::/srv:/x\n", "etc/group": "9:x:0:\n"}
    make_image(layout, [files], names=["odd:1"])
    root = unpacked(layout, choose_manifest(layout, layout.find("odd:1")), tmp_path / "odd")
    assert [image_user(root, text).uid for text in ("7", "007", "8", "web")] == [7, 7, 8, 8]
    assert image_user(root, "8:9").gid == 9
    assert image_user(root, "8").home == "/srv"


@pytest.mark.parametrize("key", ["Env", "Entrypoint", "Cmd"])
@pytest.mark.parametrize("value", ["/bin/sh", [1], {"a": "b"}])
def test_a_config_of_other_types_is_said(layout: ImageLayout, key: str, value: object) -> None:
    make_image(layout, config={"Entrypoint": ["/bin/a"], key: value}, names=["odd:1"])
    folder = layout.root.parent / "unpacked"
    found = Sandbox(lambda: Bubblewrap(("/nowhere",), "0.11.0", "here"), folder)
    found.load(layout, choose_manifest(layout, layout.find("odd:1")), ["odd"])
    with pytest.raises(MalformedError, match=f"{key} is not a list of texts"):
        found.wish("odd", RunOptions())


def test_what_is_unpacked_is_out_of_reach_of_other_users_of_the_machine(
    layout: ImageLayout, tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    kept.mkdir(mode=0o755)
    root = unpacked(layout, choose_manifest(layout, layout.find("web:1")), kept)
    assert kept.stat().st_mode & 0o777 == 0o700
    # A user of the sandbox, who begins below it, has the root itself.
    assert root.stat().st_mode & 0o777 == 0o755
