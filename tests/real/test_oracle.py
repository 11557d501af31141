"""The oracle: our tree beside one that dpkg made of the same packages, with all scripts run.

mmdebstrap installs the packages of the node, python and nginx images, and Debian's essential set,
for real; Ironhull builds the same versions without running anything. Every path that differs is
covered by a rule with its reason, and a rule that covers nothing is an error too.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import tarfile
from pathlib import Path
from typing import NamedTuple

import pytest
from outside.mmdebstrap import make_root
from tests.real.tools import tool

PACKAGES = ("nodejs", "python3", "nginx-light", "ca-certificates", "tzdata", "netbase", "apt")


class Node(NamedTuple):
    kind: str
    mode: int
    uid: int
    gid: int
    content: str


# (pattern, which side: only dpkg '-', only ours '+', changed '~'), reason.
RULES: dict[tuple[str, str], str] = {
    (r"dev/.*", "-"): "the container runtime makes /dev",
    (r"etc/(hostname|resolv\.conf|fstab)", "-"): "the runtime's, or of the machine that built it",
    (r"etc/apt/sources\.list", "-"): "the mirror is a setting and never in an image",
    (r"etc/inputrc|etc/python3(/.*)?|var/lib/python(/.*)?", "-"): "keys, and python's own notes",
    (r"etc/(environment|networks|subuid|subgid|security/opasswd)", "-"): "empty or unused",
    (r"etc/ssl/certs/.*", "-"): "the bundle is enough: OpenSSL, GnuTLS, NSS and Go read it",
    (r"etc/(systemd|rc\d\.d|rcS\.d|init\.d)(/.*)?", "-"): "nothing boots in a container",
    (r"var/lib/systemd(/.*)?", "-"): "nothing boots in a container",
    (r"usr/lib/python3.*/__pycache__(/.*)?", "-"): "times of the build machine; made when needed",
    (r"usr/share/python3.*/__pycache__(/.*)?", "-"): "times of the build machine",
    (r"usr/share/info/dir", "-"): "an index of manuals",
    (r"usr/local/lib/python3\.\d+(/dist-packages)?", "-"): "pip makes it where it is used",
    (r"var/(cache/(apt|debconf|ldconfig)|lib/(pam|ucf|shells\.state))(/.*)?", "-"): "state",
    (r"var/lib/apt/(lists|periodic|mirrors)(/.*)?", "-"): "what apt downloaded",
    (r"var/lib/dpkg/(arch|arch-native|lock|lock-frontend|.*-old|triggers/Lock)", "-"): "state",
    (r"var/log/.*", "-"): "logs",
    (r"var/lib/nginx(/.*)?|var/www(/.*)?|etc/nginx/.*", "-"): "the definition's own paths",
    (r"etc/(shadow|gshadow)", "+"): "no password opens any account",
    (r"var/lib/dpkg/(available|statoverride)", "+"): "dpkg makes them empty when first used",
    (r"etc/(passwd|group)", "~"): "'x' in place of '*': passwords are looked for in shadow",
    (r"etc/ca-certificates\.conf", "~"): "without the comment of update-ca-certificates",
    (r"etc/hosts", "~"): "the runtime replaces it; no multicast names",
    (r"etc/pam\.d/common-.*", "~"): "the same stacks without pam-auth-update's markers",
    (r"etc/shells", "~"): "another comment, aliases left out",
    (r"usr/lib/os-release", "~"): "the definition's",
    (r"var/log/nginx", "~"): "the definition's own paths",
    (r"var/lib/dpkg/status", "~"): "the order of the fields; the test below compares them",
    (r"var/lib/dpkg/diversions", "~"): "only those of the move to a merged /usr",
    (r"var/lib/dpkg/info/base-files\.md5sums", "~"): "os-release is not the package's any more",
    (r"var/lib/apt/extended_states", "-"): "everything was asked for by name here",
}


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("oracle")
    theirs = folder / "dpkg.tar"
    options = ("--mode=root", "--variant=essential", f"--include={','.join(PACKAGES)}")
    make_root(tool("mmdebstrap"), "trixie", options, theirs)
    ours = folder / "ours.tar"
    build(folder, installed(theirs), ours)
    return theirs, ours


@pytest.fixture(scope="module")
def trees(archives: tuple[Path, Path]) -> tuple[dict[str, Node], dict[str, Node]]:
    theirs, ours = archives
    return read(theirs), read(ours)


def installed(archive: Path) -> list[str]:
    with tarfile.open(archive) as tar:
        status = tar.extractfile("./var/lib/dpkg/status").read().decode()  # type: ignore[union-attr]
    return [f"{fields['Package']}={fields['Version']}" for fields in stanzas(status)]


def stanzas(status: str) -> list[dict[str, str]]:
    texts = [text for text in status.split("\n\n") if text.strip()]
    pattern = re.compile(r"^(\S+): ?((?:.*)(?:\n .*)*)$", re.MULTILINE)
    return [dict(pattern.findall(text)) for text in texts]


def status_of(archive: Path) -> dict[str, dict[str, str]]:
    with tarfile.open(archive) as tar:
        name = next(name for name in tar.getnames() if name.endswith("var/lib/dpkg/status"))
        text = tar.extractfile(name).read().decode()  # type: ignore[union-attr]
    return {fields["Package"]: fields for fields in stanzas(text)}


def build(folder: Path, packages: list[str], target: Path) -> None:
    definition = {
        "name": "oracle",
        "image": "oracle",
        "tags": ["1"],
        "platforms": ["linux/amd64"],
        "contents": {"packages": packages},
        "accounts": {"root": True, "run-as": "root", "users": []},
        "hardening": {
            "documentation": True,
            "shell": True,
            "package-manager": True,
            "compiler": True,
            "package-database": "dpkg",
            "setuid": [f"/usr/bin/{n}" for n in ("chage", "chfn", "chsh", "expiry", "gpasswd",
                       "mount", "newgrp", "passwd", "su", "umount")]
            + ["/usr/sbin/unix_chkpwd"],
        },
        "os-release": {"name": "Debian", "id": "debian", "version-id": "13",
                       "version-codename": "trixie", "pretty-name": "Oracle"},
    }  # fmt: skip
    file = folder / "images/oracle/debian-13/1.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(definition))
    ironhull = ["env", f"IRONHULL_HOME={folder / 'home'}", Path(".venv/bin/ironhull").absolute()]
    for arguments in (["build", file], ["export", "oracle:1", "--format", "rootfs", "-o", target]):
        subprocess.run([*ironhull, *arguments], check=True, cwd=folder, capture_output=True)


def read(archive: Path) -> dict[str, Node]:
    found: dict[str, Node] = {}
    with tarfile.open(archive) as tar:
        for member in tar:
            path = member.name.removeprefix("./").rstrip("/")
            if path in ("", "."):
                continue
            kind, content = "other", ""
            if member.issym():
                kind, content = "link", member.linkname
            elif member.isdir():
                kind = "folder"
            elif member.islnk():
                kind, content = "file", found[member.linkname.removeprefix("./")].content
            elif member.isreg():
                data = tar.extractfile(member).read()  # type: ignore[union-attr]
                kind, content = "file", hashlib.sha256(data).hexdigest()
            found[path] = Node(kind, member.mode, member.uid, member.gid, content)
    return found


@pytest.mark.real
def test_every_difference_to_what_dpkg_makes_has_a_reason(trees):
    theirs, ours = trees
    differences = [
        *(("-", path) for path in theirs if path not in ours),
        *(("+", path) for path in ours if path not in theirs),
        *(("~", path) for path in theirs if path in ours and theirs[path] != ours[path]),
    ]
    unexplained, used = [], set()
    for side, path in differences:
        rules = [rule for rule in RULES if rule[1] == side and re.fullmatch(rule[0], path)]
        used.update(rules)
        if not rules:
            unexplained.append(f"{side} {path} {theirs.get(path)} {ours.get(path)}")
    assert not unexplained, "\n".join(sorted(unexplained)[:50])
    assert not set(RULES) - used, "rules that cover nothing"


@pytest.mark.real
@pytest.mark.parametrize(
    "path",
    ["etc/ld.so.cache", "etc/ssl/certs/ca-certificates.crt", "etc/nsswitch.conf",
     "var/lib/dpkg/info/libc6:amd64.list", "etc/alternatives/awk", "var/run", "tmp"],
)  # fmt: skip
def test_what_matters_is_byte_for_byte_what_the_scripts_make(trees, path):
    theirs, ours = trees
    assert theirs[path] == ours[path]


@pytest.mark.real
def test_the_status_file_says_of_every_package_what_dpkg_says(archives):
    theirs, ours = (status_of(archive) for archive in archives)
    assert ours == theirs
