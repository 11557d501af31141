import struct
from collections.abc import Callable

import pytest
from tests.fakes.definition import AMD64, definition
from tests.fakes.image import Directory, File, Files, Hardlink, Symlink, make_image

from ironhull.build.check import CheckedImage, check_image
from ironhull.build.tree import Tree
from ironhull.inventory import secrets
from ironhull.inventory.capabilities import capabilities
from ironhull.inventory.hidden import in_variable, without_secrets
from ironhull.inventory.model import Surface
from ironhull.inventory.take import Taker
from ironhull.programs import PROGRAMS, ProgramKind, program
from ironhull.store.home import Home

MakeTaker = Callable[..., Taker]
ELF = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9) + b"\2\0" + bytes(46)
KEY = (
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA1234567890abcdefghij\n"
    "-----END RSA PRIVATE KEY-----\n"
)


@pytest.fixture
def surface(home: Home, taker: MakeTaker) -> Callable[..., Surface]:
    def look(*layers: Files, **config: object) -> Surface:
        make_image(home.store, layers, config=config)
        return taker().take("app:1").surface

    return look


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/usr/bin/bash", "shells"),
        ("/usr/bin/python3.11", "interpreters"),
        ("/usr/bin/perl5.36.0", "interpreters"),
        ("/usr/bin/x86_64-linux-gnu-gcc-12", "compilers"),
        ("/usr/bin/aarch64-alpine-linux-musl-g++", "compilers"),
        ("/usr/bin/apt-get", "package_managers"),
        ("/bin/nc.openbsd", "network_tools"),
        ("/usr/bin/python3-config", ""),
        ("/usr/bin/bashful", ""),
    ],
)
def test_programs_are_known_without_version_and_triplet(path: str, kind: str) -> None:
    assert "".join(program(path)[1]) == kind


def test_programs_count_where_programs_are_and_if_they_can_run(
    surface: Callable[..., Surface],
) -> None:
    found = surface(
        {
            "bin/dash": File(ELF, 0o755),
            "bin/sh": Symlink("dash"),
            "bin/ash": Hardlink("bin/dash"),
            "bin/zsh": File(ELF, 0o644),
            "bin/ksh": Symlink("/nowhere"),
            "usr/share/doc/bash": File(b"#!/bin/sh", 0o755),
            "usr/local/bin/run": File(b"#!/bin/sh\n", 0o755),
            "usr/lib/libx.so.1": File(ELF, 0o755),
        }
    )
    assert [(item.path, item.detail) for item in found.shells] == [
        ("/bin/ash", "ash"),
        ("/bin/dash", "dash"),
        ("/bin/sh", "sh -> /bin/dash"),
    ]
    assert (found.executables, found.libraries) == (4, 1)


def test_machine_code_is_a_program_in_any_folder_and_a_script_only_among_programs(
    surface: Callable[..., Surface],
) -> None:
    found = surface(
        {
            "opt/tools/posh": File(ELF, 0o755),
            "opt/tools/poetry": File(b"#!/usr/bin/python3\n", 0o755),
            "usr/libexec/gcc/x86_64-linux-gnu/14/cc1": File(ELF, 0o755),
            "etc/init.d/ssh": File(b"#!/bin/sh\n", 0o755),
            "usr/bin/poetry": File(b"#!/usr/bin/python3\n", 0o755),
        }
    )
    assert [item.path for item in found.shells] == ["/opt/tools/posh"]
    assert [item.path for item in found.compilers] == ["/usr/libexec/gcc/x86_64-linux-gnu/14/cc1"]
    assert [item.path for item in found.package_managers] == ["/usr/bin/poetry"]
    assert found.network_tools == ()


CHECKS = {
    ProgramKind.SHELL: "no-shell",
    ProgramKind.PACKAGE_MANAGER: "no-package-manager",
    ProgramKind.COMPILER: "no-compiler",
}
FOLDERS = (
    "usr/bin",
    "sbin",
    "usr/libexec",
    "busybox",
    "opt/tools",
    "usr/lib/git-core",
    "etc/init.d",
)


@pytest.mark.parametrize("kind", CHECKS)
def test_what_the_inventory_counts_the_build_refuses(
    surface: Callable[..., Surface], kind: ProgramKind
) -> None:
    names = PROGRAMS[kind].split()
    files: Files = {
        f"{folder}/{name}": File(ELF if number % 2 else b"#!/x\n", 0o755)
        for folder in FOLDERS
        for number, name in enumerate(names)
    }
    files |= {
        f"usr/local/{folder}/{name}": Symlink("/usr/bin/env")
        for folder in FOLDERS
        for name in names
    }
    files["usr/bin/env"] = File(ELF, 0o755)
    counted = {item.path for item in getattr(surface(files), kind)}
    tree = Tree()
    for path, value in files.items():
        if isinstance(value, Symlink):
            tree.put_symlink(path, value.target)
        else:
            tree.put_file(path, value.content, 0o755)
    subject = CheckedImage(tree, definition(), AMD64, 65532, 65532)
    refused = next(check.problems for check in check_image(subject) if check.name == CHECKS[kind])
    assert counted
    assert counted <= set(refused)


def test_setuid_setgid_and_loose_permissions_are_found(surface: Callable[..., Surface]) -> None:
    found = surface(
        {
            "bin/su": File(ELF, 0o4755),
            "bin/wall": File(ELF, 0o2755, gid=5),
            "locked": File(b"x", 0o2644),
            "open": File(b"x", 0o666),
            "tmp": Directory(0o1777),
            "drop": Directory(0o777),
            "link": Symlink("open"),
        }
    )
    assert [(item.path, item.detail) for item in found.setuid] == [("/bin/su", "4755 uid 0")]
    assert [(item.path, item.detail) for item in found.setgid] == [("/bin/wall", "2755 gid 5")]
    assert [item.path for item in found.world_writable] == ["/drop", "/open"]


PASSWD: Files = {
    "etc/passwd": "app:x:1000:1000::/app:/bin/false\n",
    "etc/group": "extra:x:7:app\n",
    "app": Directory(0o755, 1000, 1000),
    "app/data": Directory(0o755, 1000, 1000),
    "srv/shared": File(b"x", 0o664, 0, 7),
    "srv/mine": File(b"x", 0o600, 1000, 0),
    "srv/read-only": File(b"x", 0o400, 1000, 0),
    "srv/other": File(b"x", 0o600, 2000, 1000),
}


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ("app", ["/app", "/srv/mine", "/srv/shared"]),
        ("1000", ["/app", "/srv/mine", "/srv/shared"]),
        ("app:1000", ["/app", "/srv/mine"]),
        ("1000:extra", ["/app", "/srv/mine", "/srv/shared"]),
        ("2000", ["/srv/other"]),
        ("", []),
        ("root", []),
    ],
)
def test_what_the_default_user_may_write_is_found_at_its_highest_path(
    surface: Callable[..., Surface], user: str, expected: list[str]
) -> None:
    found = surface(PASSWD, User=user)
    assert [item.path for item in found.user_writable] == expected


def test_a_user_that_is_not_in_passwd_is_a_remark(home: Home, taker: MakeTaker) -> None:
    make_image(home.store, [PASSWD], config={"User": "ghost"})
    assert any("ghost" in remark.message for remark in taker().take("app:1").remarks)


def cap(revision: int, effective: bool, permitted: int, inheritable: int = 0) -> bytes:
    words = struct.pack("<IIII", permitted & 2**32 - 1, inheritable, permitted >> 32, 0)
    head = struct.pack("<I", revision << 24 | effective)
    return head + words + (struct.pack("<I", 0) if revision == 3 else b"")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (cap(2, True, 1 << 13), "cap_net_raw=ep"),
        (cap(3, False, 1 << 10 | 1 << 12), "cap_net_bind_service,cap_net_admin=p"),
        (cap(2, True, 1 << 39 | 1, 1), "cap_chown=eip cap_bpf=ep"),
        (cap(2, True, 1 << 63), "cap_63=ep"),
        (b"", "unreadable capabilities"),
        (cap(2, True, 1)[:-1], "unreadable capabilities"),
        (b"\0\0\0\x09" + bytes(16), "unreadable capabilities"),
    ],
)
def test_capabilities_are_written_as_getcap_does(value: bytes, text: str) -> None:
    assert capabilities(value) == text


def test_file_capabilities_are_found(surface: Callable[..., Surface]) -> None:
    xattrs = {"security.capability": cap(2, True, 1 << 13).decode()}
    found = surface({"bin/ping": File(ELF, 0o755, xattrs=xattrs)})
    assert [(item.path, item.detail) for item in found.capabilities] == [
        ("/bin/ping", "cap_net_raw=ep")
    ]


AWS = "AKIA" + "ABCDEFGH23456723"
GITHUB = "ghp_" + "a1B2" * 9


@pytest.mark.parametrize(
    ("path", "text", "detail"),
    [
        ("/k", KEY, "RSA private key"),
        ("/k", KEY.replace("RSA ", ""), "private key"),
        ("/k", KEY.replace("\n", "\\n"), "RSA private key"),
        ("/k", KEY.replace("RSA", "OPENSSH"), "OPENSSH private key"),
        (
            "/k",
            "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: A,B\n\n"
            "MIIEowIBAAKCAQEA1234567890\n",
            "RSA private key",
        ),
        ("/usr/lib/x.py", 'if text.startswith("-----BEGIN PRIVATE KEY-----"):\n', ""),
        ("/k", "-----BEGIN CERTIFICATE-----\nMIIEowIBAAKCAQEA1234567890\n", ""),
        ("/app/settings", f"key = {AWS}\n", "AWS access key id"),
        ("/app/settings", f"X{AWS}\n", ""),
        ("/app/settings", f"{GITHUB}\n", "GitHub token"),
        ("/usr/share/doc/x", f"{GITHUB}\n", ""),
        ("/usr/share/x/key", KEY, "RSA private key"),
        ("/root/.npmrc", "//host/:_authToken=abc\n", "npm token"),
        ("/root/.npmrc", "//host/:_authToken=${TOKEN}\n", ""),
        ("/root/.git-credentials", "https://me:pass@host\n", "stored git password"),
        ("/root/.docker/config.json", '{"auths":{"h":{"auth":"eA=="}}}', "registry login"),
        ("/root/.docker/config.json", '{"credsStore":"x"}', ""),
        ("/opt/server.p12", "\x30\x82", "key store"),
        ("/app/readme", "nothing here", ""),
    ],
)
def test_secrets_are_told_by_what_they_are(path: str, text: str, detail: str) -> None:
    assert secrets.in_file(path, text.encode()) == detail


@pytest.mark.parametrize(
    ("name", "value", "detail"),
    [
        ("DB_PASSWORD", "hunter2", "a value under a name that says secret"),
        ("DB_PASSWORD", "", ""),
        ("DB_PASSWORD_FILE", "/run/secrets/db", ""),
        ("DB_PASSWORD", "/run/secrets/db", ""),
        ("PATH", "/bin", ""),
        ("ANYTHING", GITHUB, "GitHub token"),
        ("ANYTHING", KEY, "private key"),
        ("TOKENIZERS", "x", ""),
    ],
)
def test_variables_that_hold_secrets_are_told(name: str, value: str, detail: str) -> None:
    assert in_variable(name, value) == detail


def test_secrets_are_taken_out_of_the_history() -> None:
    text = without_secrets(f"ENV A={GITHUB} B=hunter2", ["hunter2"])
    assert text == "ENV A=[secret] B=[secret]"


def test_a_secret_is_named_with_path_and_layer_and_never_shown(
    home: Home, taker: MakeTaker
) -> None:
    from ironhull.inventory.document import dumps

    make_image(
        home.store,
        [{"a": "x"}, {"root/.ssh/id_rsa": KEY, "removed": KEY}, {".wh.removed": ""}],
        config={"Env": [f"GH={GITHUB}", "DB_PASSWORD=hunter2"]},
    )
    found = taker().take("app:1")
    layer = found.layers[1].digest
    assert [(item.path, item.detail, item.layer) for item in found.surface.secrets] == [
        ("/removed", "RSA private key, hidden by a higher layer", layer),
        ("/root/.ssh/id_rsa", "RSA private key", layer),
        ("env:DB_PASSWORD", "a value under a name that says secret", ""),
        ("env:GH", "GitHub token", ""),
    ]
    assert found.config.env == ("GH=[secret]", "DB_PASSWORD=[secret]")
    text = dumps(found).decode()
    assert "MIIEowIBAAKCAQEA" not in text
    assert GITHUB not in text
    assert "hunter2" not in text
