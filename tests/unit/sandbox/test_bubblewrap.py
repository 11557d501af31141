"""What bubblewrap is told, and which wishes are refused before it is asked."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ironhull.errors import EngineError, InputError
from ironhull.sandbox import running
from ironhull.sandbox.bubblewrap import Bubblewrap, arguments, probed, refused
from ironhull.sandbox.model import Bind, Network, Root, Tmpfs, Volume, Wish
from ironhull.sandbox.running import run

NONE = Bubblewrap(("/nowhere/bwrap",), "0.11.0", "nowhere")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("proc", "dev", "tmp", "var"):
        (tmp_path / "root" / name).mkdir(parents=True)
    return tmp_path / "root"


def words(wish: Wish, *, users: bool = False) -> str:
    return " ".join(arguments(wish, {"info": 3, "userns": 4}, users=users))


def test_a_root_that_has_all_targets_is_bound_read_only(root: Path) -> None:
    told = words(Wish(root, ("true",)))
    assert f"--ro-bind {root} / --proc /proc" in told
    assert "overlay" not in told


def test_a_missing_target_is_made_above_the_root_and_can_be_entered(root: Path) -> None:
    wish = Wish(root, ("true",), binds=(Bind(root / "var", "/run/a/b"),))
    told = words(wish)
    assert f"--overlay-src {root} --tmp-overlay /" in told
    assert "--perms 0755 --dir /run --perms 0755 --dir /run/a --" in told
    assert told.endswith("--remount-ro /")


def test_writes_that_are_kept_go_to_the_folder(root: Path) -> None:
    assert f"--bind {root} /" in words(Wish(root, ("true",), writes=Root.KEPT))
    assert "--remount-ro /" not in words(Wish(root, ("true",), writes=Root.DISCARDED)).split("dev")


def test_a_volume_is_an_overlay_in_memory_and_what_is_mounted_in_it_comes_after(root: Path) -> None:
    (root / "var/data").mkdir()
    wish = Wish(
        root,
        ("true",),
        binds=(Bind(root / "tmp", "/var/data/given"),),
        volumes=(Volume("/var/data"), Volume("/tmp/new")),
    )
    told = words(wish, users=True)
    overlay = told.index(f"--overlay-src {root}/var/data --tmp-overlay /var/data")
    assert told.index("--tmpfs /tmp --") < told.index("--tmpfs /tmp/new")
    assert overlay < told.index(f"--ro-bind {root}/tmp /var/data/given")
    assert "--cap-add CAP_CHOWN" in told
    assert "CAP_CHOWN" not in words(Wish(root, ("true",)), users=True)


def test_a_link_in_the_image_does_not_move_a_mount_out(root: Path) -> None:
    (root / "run").symlink_to("../../oldroot/etc")
    wish = Wish(root, ("true",), binds=(Bind(root / "var", "/run/x"),))
    assert f"--ro-bind {root / 'var'} /oldroot/etc/x" in words(wish)
    (root / "dev").rmdir()
    (root / "dev").symlink_to("/tmp")
    with pytest.raises(InputError, match="/dev of the image is a link"):
        words(Wish(root, ("true",)))


def test_only_the_network_of_the_host_is_shared(root: Path) -> None:
    assert "--unshare-net" in words(Wish(root, ("true",)))
    assert "--unshare-net" not in words(Wish(root, ("true",), network=Network.HOST))


def test_one_user_is_mapped_where_there_are_no_others(root: Path) -> None:
    assert "--unshare-user --uid 7 --gid 8" in words(Wish(root, ("true",), uid=7, gid=8))
    told = words(Wish(root, ("true",), uid=7, capabilities=("CAP_CHOWN",)), users=True)
    assert "--userns 4" in told
    # What the launcher needs; CAP_CHOWN is for uid 0 alone.
    assert told.count("--cap-add") == 3


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"argv": ()}, "give a command"),
        ({"argv": ("a\0b",)}, "NUL character"),
        ({"argv": ("a" * 2_000_000,)}, "longer than 1048576"),
        ({"environment": {"A=B": ""}}, "'A=B' is not the name of a variable"),
        ({"uid": 65536}, "the sandbox has 0 to 65535"),
        ({"groups": (-1,)}, "user or group -1"),
        ({"capabilities": ("CHOWN",)}, "write for example CAP_CHOWN"),
        ({"tmpfs": (Tmpfs("/"),)}, "an absolute path below /"),
        ({"binds": (Bind(Path("/etc"), "etc"),)}, "an absolute path below /"),
        ({"binds": (Bind(Path("/nowhere"), "/x"),)}, "/nowhere: to be seen at /x"),
        ({"root": Path("/nowhere")}, "no root folder"),
    ],
)
def test_a_wish_that_cannot_be_is_one_error(
    root: Path, fields: dict[str, object], message: str
) -> None:
    wish = Wish(**{"root": root, "argv": ("true",), **fields})  # type: ignore[arg-type]
    with pytest.raises(InputError, match=message):
        run(NONE, wish)


def test_a_program_that_is_not_there_is_an_engine_s_error(root: Path) -> None:
    with pytest.raises(EngineError, match="cannot run /nowhere/bwrap"):
        run(NONE, Wish(root, ("true",)))


def test_what_is_too_old_or_something_else_is_not_taken(tmp_path: Path) -> None:
    program = tmp_path / "bwrap"
    for said, taken in (("bubblewrap 0.8.0", False), ("bubblewrap 0.11.0", True), ("x", False)):
        program.write_text(f"#!/bin/sh\necho {said}\n")
        program.chmod(0o755)
        assert (probed((str(program),), "here") is not None) == taken
    assert probed(("/nowhere/bwrap",), "here") is None


def test_a_refusal_of_the_kernel_says_what_to_look_at() -> None:
    assert "user.max_user_namespaces" in str(refused("bwrap: setting up uid map: denied"))
    assert str(refused("")).endswith("it says nothing")


def test_a_wish_that_cannot_be_told_leaves_no_descriptor_open(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: dict[str, int] = {}

    def refuse(wish: Wish, files: dict[str, int], **_: object) -> list[str]:
        opened.update(files)
        raise InputError("not this")

    monkeypatch.setattr(running, "has_users", lambda: False)
    monkeypatch.setattr(running, "new_cgroup", lambda limits: None)
    monkeypatch.setattr(running, "arguments", refuse)
    with pytest.raises(InputError, match="not this"):
        run(NONE, Wish(root, ("true",)))
    assert {"info", "began"} <= opened.keys()
    for number in opened.values():
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(number)
