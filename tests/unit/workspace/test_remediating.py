"""Fixes put into a foreign image: from a signed mirror into an image that dpkg made, or another."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.deb import Entry, file, program, symlink
from tests.fakes.image import Directory, File, Symlink, make_image
from tests.fakes.mirror import FakeDeb, archive_key, make_repository

from ironhull import Workspace
from ironhull.errors import CheckFailedError, InputError
from ironhull.oci.tar import TarReader
from ironhull.store.layers import image_layers, open_layer
from ironhull.store.layout import ImageLayout
from ironhull.workspace.remediating import Remedied, RemedyChoices, remediate, remedied_json

OS_RELEASE = 'ID=debian\nVERSION_ID="13"\nVERSION_CODENAME=trixie\nPRETTY_NAME="Debian 13"\n'
SCRIPT = "#!/bin/sh\nset -e\nupdate-rc.d engine defaults\n"
OLD: dict[str, Entry] = {
    "usr/bin/engine": program(b"#!/bin/sh\necho 1\n"),
    "usr/lib/x86_64-linux-gnu/libengine.so.1.0": file(b"one"),
    "usr/lib/x86_64-linux-gnu/libengine.so.1": symlink("libengine.so.1.0"),
    "etc/engine.conf": file(b"old setting\n"),
    "etc/engine.d/other": file(b"other setting\n"),
    "usr/share/doc/engine/copyright": file(b"License: MIT\n"),
    "usr/share/doc/engine/changelog.gz": file(b"old"),
    "usr/share/engine/gone": file(b"gone"),
}
NEW = {
    **{path: entry for path, entry in OLD.items() if path != "usr/share/engine/gone"},
    "usr/bin/engine": program(b"#!/bin/sh\necho 2\n"),
    "usr/lib/x86_64-linux-gnu/libengine.so.1.1": file(b"two"),
    "usr/lib/x86_64-linux-gnu/libengine.so.1": symlink("libengine.so.1.1"),
    "etc/engine.conf": file(b"new setting\n"),
    "usr/share/engine/fresh/data": file(b"fresh"),
}
del NEW["usr/lib/x86_64-linux-gnu/libengine.so.1.0"]
CONFFILES = ("/etc/engine.conf", "/etc/engine.d/other")


def deb(version: str, files: Mapping[str, Entry], **more: Any) -> FakeDeb:
    given = {"conffiles": CONFFILES, "scripts": {"postinst": SCRIPT}, **more}
    return FakeDeb.make("engine", version, files=files, **given)


def md5(data: bytes) -> str:
    return hashlib.md5(data).hexdigest()


def installed(files: Mapping[str, Entry] = OLD, script: str = SCRIPT) -> dict[str, Any]:
    """What an image has after dpkg installed engine 1.0-1."""
    status = (
        "Package: engine\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.0-1\n"
        "Conffiles:\n"
        + "".join(f" {path} {md5(files[path[1:]].content)}\n" for path in CONFFILES)
        + "Description: it runs\n\n"
        "Package: base\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n"
        "Description: the rest\n"
    )
    listed = ["/.", "/usr", "/usr/bin", *(f"/{path}" for path in files)]
    sums = "".join(
        f"{md5(entry.content)}  {path}\n"
        for path, entry in files.items()
        if entry.kind == "0" and f"/{path}" not in CONFFILES
    )
    info = "var/lib/dpkg/info/engine"
    found: dict[str, Any] = {
        "etc": Directory(),
        "usr/lib": Directory(),
        "usr/share/engine": Directory(mode=0o750, uid=7, gid=8),
        "etc/os-release": OS_RELEASE,
        "var/lib/dpkg/status": status,
        f"{info}.list": "\n".join(listed) + "\n",
        f"{info}.md5sums": sums,
        f"{info}.postinst": File(script.encode(), mode=0o755),
        f"{info}.conffiles": "\n".join(CONFFILES) + "\n",
        f"{info}.shlibs": "old\n",
    }
    for path, entry in files.items():
        if entry.kind == "2":
            found[path] = Symlink(entry.target)
        else:
            found[path] = File(entry.content, mode=entry.mode)
    return found


class Shop:
    """A foreign image in a layout, and a mirror with another version."""

    def __init__(self, folder: Path, image: Mapping[str, Any], *debs: FakeDeb) -> None:
        self.folder = folder
        self.layout = ImageLayout(folder / "layout", create=True)
        make_image(self.layout, [dict(image)], names=["shop:4"], compression="gzip")
        for suite in ("trixie", "trixie-updates", "trixie-security"):
            make_repository(
                folder / "mirror",
                debs if suite == "trixie-security" else [],
                suite=suite,
                date=datetime(2026, 11, 20, tzinfo=UTC),
                valid_for=None,
            )
        key = folder / "key.pgp"
        key.write_bytes(archive_key().certificate)
        self.workspace = Workspace.open(
            home=folder / "home",
            images=folder,
            mirror=str(folder / "mirror"),
            keyring=key,
        )

    def remediate(self, **chosen: Any) -> Remedied:
        given = {"all_packages": True, **chosen}
        return remediate(
            self.workspace.machine,
            f"oci:{self.folder / 'layout'}:shop:4",
            "shop:4-patched",
            RemedyChoices(**given),
        )

    def members(self, done: Remedied) -> dict[str, tuple[Any, bytes]]:
        """Everything in the layers that were added, whiteouts among it, by name."""
        assert done.made is not None
        store = self.workspace.home.store
        found: dict[str, tuple[Any, bytes]] = {}
        for layer, _ in image_layers(store, store.document(done.made))[1:]:
            with open_layer(store, layer) as stream:
                reader = TarReader(stream, "layer")
                for member in reader:
                    found[member.name.rstrip("/")] = (member, b"".join(reader.content()))
        return found


def test_files_settings_and_database_are_those_of_the_new_version(tmp_path: Path) -> None:
    shop = Shop(tmp_path, installed(), deb("1.2-1", NEW))
    done = shop.remediate()
    assert [str(each) for each in done.upgrades] == ["engine 1.0-1 → 1.2-1"]
    assert done.refused == ()
    members = shop.members(done)
    assert members["usr/bin/engine"][1] == b"#!/bin/sh\necho 2\n"
    assert members["etc/engine.conf"][1] == b"new setting\n"
    # A setting that is the same in both is not written again.
    assert "etc/engine.d/other" not in members
    assert members["usr/lib/x86_64-linux-gnu/libengine.so.1"][0].link == "libengine.so.1.1"
    assert "usr/lib/x86_64-linux-gnu/.wh.libengine.so.1.0" in members
    assert "usr/share/engine/.wh.gone" in members
    folder = members["usr/share/engine"][0]
    assert (folder.mode, folder.uid, folder.gid) == (0o750, 7, 8)
    status = members["var/lib/dpkg/status"][1].decode()
    assert "Version: 1.2-1" in status
    assert f" /etc/engine.conf {md5(b'new setting' + bytes([10]))}" in status
    assert status.endswith("Package: base\nStatus: install ok installed\nArchitecture: all\n"
                           "Version: 1\nDescription: the rest\n")  # fmt: skip
    listed = members["var/lib/dpkg/info/engine.list"][1].decode().splitlines()
    assert "/usr/share/engine/fresh/data" in listed
    assert "/usr/share/engine/gone" not in listed
    assert "var/lib/dpkg/info/.wh.engine.shlibs" in members
    assert members["var/lib/dpkg/info/engine.postinst"][0].mode == 0o755


def test_the_result_is_the_same_again_and_the_old_layers_are_below(tmp_path: Path) -> None:
    shop = Shop(tmp_path, installed(), deb("1.2-1", NEW))
    first, again = shop.remediate(), shop.remediate()
    assert first.made == again.made
    store = shop.workspace.home.store
    assert first.made is not None
    value = store.document(first.made).value
    old = shop.layout.document(first.digest).value
    assert value["layers"][: len(old["layers"])] == old["layers"]
    assert value["annotations"]["org.opencontainers.image.base.digest"] == first.digest
    config = store.document(store.document(first.made).config.digest).value
    assert [one["comment"] for one in config["history"][1:]] == [
        "engine 1.0-1 → 1.2-1",
        "package database",
    ]


def test_a_plan_makes_no_image(tmp_path: Path) -> None:
    shop = Shop(tmp_path, installed(), deb("1.2-1", NEW))
    done = shop.remediate(plan_only=True)
    assert len(done.upgrades) == 1
    assert done.made is None
    assert [each.name for each in shop.workspace.images() if each.name] == []


def test_settings_that_were_changed_stay(tmp_path: Path) -> None:
    image = installed() | {"etc/engine.conf": "my own\n"}
    del image["etc/engine.d/other"]
    shop = Shop(tmp_path, image, deb("1.2-1", NEW))
    done = shop.remediate()
    assert "etc/engine.conf" not in shop.members(done)
    assert "etc/engine.d/other" not in shop.members(done)
    assert done.notes == (
        "/etc/engine.conf was changed in the image and stays as it is",
        "/etc/engine.d/other was changed in the image and stays as it is",
    )


def test_what_the_images_dpkg_leaves_out_stays_out(tmp_path: Path) -> None:
    rules = "path-exclude=/usr/share/doc/*\npath-include=/usr/share/doc/*/copyright\n"
    shop = Shop(tmp_path, installed() | {"etc/dpkg/dpkg.cfg.d/slim": rules}, deb("1.2-1", NEW))
    members = shop.members(shop.remediate())
    assert "usr/share/doc/engine/copyright" in members
    assert "usr/share/doc/engine/changelog.gz" not in members


def test_paths_run_through_the_images_links(tmp_path: Path) -> None:
    new = {path.removeprefix("usr/") if "lib/x86" in path else path: e for path, e in NEW.items()}
    shop = Shop(tmp_path, installed() | {"lib": Symlink("usr/lib")}, deb("1.2-1", new))
    members = shop.members(shop.remediate())
    assert "usr/lib/x86_64-linux-gnu/libengine.so.1.1" in members
    assert not any(name.startswith("lib") for name in members)


def test_a_database_of_one_file_a_package_is_kept_so(tmp_path: Path) -> None:
    image = {p: e for p, e in installed().items() if not p.startswith("var/lib/dpkg")}
    sums = installed()["var/lib/dpkg/info/engine.md5sums"]
    image |= {
        "var/lib/dpkg/status.d/engine": "Package: engine\nVersion: 1.0-1\nArchitecture: amd64\n",
        "var/lib/dpkg/status.d/engine.md5sums": sums,
    }
    image = {path: entry for path, entry in image.items() if "changelog" not in path}
    image["var/lib/dpkg/status.d/engine.md5sums"] = "".join(
        f"{line}\n" for line in sums.splitlines() if "changelog" not in line
    )
    shop = Shop(tmp_path, image, deb("1.2-1", NEW, scripts={}, conffiles=()))
    done = shop.remediate()
    assert done.refused == ()
    members = shop.members(done)
    assert "Version: 1.2-1" in members["var/lib/dpkg/status.d/engine"][1].decode()
    assert "fresh/data" in members["var/lib/dpkg/status.d/engine.md5sums"][1].decode()
    assert "usr/share/doc/engine/changelog.gz" not in members
    assert "var/lib/dpkg/status" not in members


@pytest.mark.parametrize(
    ("image", "new", "reason"),
    [
        (
            {},
            {"scripts": {"postinst": SCRIPT + "rm -rf /var/lib/engine\n"}},
            "its postinst would do what that of the installed version did not",
        ),
        ({"usr/bin/engine": File(b"another", mode=0o755)}, {}, "is not the file of the package"),
        (
            {"var/lib/dpkg/diversions": "/usr/bin/engine\n/usr/bin/engine.real\nother\n"},
            {},
            "/usr/bin/engine is diverted or overridden",
        ),
        (
            {"var/lib/dpkg/statoverride": "root root 4755 /usr/bin/engine\n"},
            {},
            "/usr/bin/engine is diverted or overridden",
        ),
        (
            {"var/lib/dpkg/triggers/File": "/usr/share/engine indexer/noawait\n"},
            {},
            "indexer would make something of /usr/share/engine/",
        ),
        ({"usr/share/engine/fresh": "a file"}, {}, "fresh is a folder in it, and is none in the"),
        (
            {"etc/ld.so.cache": "cache"},
            {
                "files": {
                    path.replace("so.1", "so.2"): entry for path, entry in NEW.items()
                }
            },
            "the cache of libraries would change",
        ),
        (
            {
                "usr/share/engine/fresh/data": "theirs",
                "var/lib/dpkg/info/base.list": "/.\n/usr/share/engine/fresh/data\n",
            },
            {},
            "/usr/share/engine/fresh/data belongs to base",
        ),
        ({}, {"control_files": {"triggers": b"activate-noawait other\n"}}, "its triggers would do"),
        ({}, {"control": {"Depends": "fresh"}}, "engine 1.2-1 depends fresh"),
    ],
)  # fmt: skip
def test_what_needs_more_than_its_files_stays_and_is_said(
    tmp_path: Path, image: dict[str, Any], new: dict[str, Any], reason: str
) -> None:
    files = new.pop("files", NEW)
    shop = Shop(tmp_path, installed() | image, deb("1.2-1", files, **new))
    done = shop.remediate()
    assert done.upgrades == ()
    assert done.made is None
    [refused] = done.refused
    assert reason in refused.reason


def test_a_setuid_bit_that_the_image_took_away_does_not_come_back(tmp_path: Path) -> None:
    new = {**NEW, "usr/bin/engine": program(b"2", mode=0o4755)}
    shop = Shop(tmp_path, installed(), deb("1.2-1", new))
    done = shop.remediate()
    assert shop.members(done)["usr/bin/engine"][0].mode == 0o755
    assert done.notes == ("engine: /usr/bin/engine stays without setuid, as the image has it",)


def test_a_hostile_package_ends_it_and_leaves_no_name(tmp_path: Path) -> None:
    new = {**NEW, "x": Entry(b"", raw_name="../../etc/passwd")}
    shop = Shop(tmp_path, installed(), deb("1.2-1", new))
    with pytest.raises(InputError, match="leaves the archive's root"):
        shop.remediate()
    assert [each.name for each in shop.workspace.images() if each.name] == []


def test_an_image_that_is_not_debians_is_refused(tmp_path: Path) -> None:
    image = installed() | {"etc/os-release": "ID=alpine\nVERSION_ID=3.20\n"}
    shop = Shop(tmp_path, image, deb("1.2-1", NEW))
    with pytest.raises(InputError, match="only Debian's are patched"):
        shop.remediate()


@pytest.mark.parametrize("name", ["patched", "localhost:5000/x:1", "a/b"])
def test_the_result_needs_a_name_of_the_store(tmp_path: Path, name: str) -> None:
    shop = Shop(tmp_path, installed(), deb("1.2-1", NEW))
    with pytest.raises(InputError, match="store"):
        remediate(shop.workspace.machine, f"oci:{tmp_path / 'layout'}:shop:4", name)


def test_what_is_not_as_planned_gets_no_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop(tmp_path, installed(), deb("1.2-1", NEW))
    monkeypatch.setattr(
        "ironhull.remediate.patch.new_status", lambda text, controls, conffiles: text
    )
    with pytest.raises(CheckFailedError, match=r"does not have the packages .* engine 1.2-1"):
        shop.remediate()
    assert [each.name for each in shop.workspace.images() if each.name] == []


def test_the_json_says_all_of_it(tmp_path: Path) -> None:
    shop = Shop(tmp_path, installed(), deb("1.2-1", NEW))
    value = remedied_json(shop.remediate())
    assert json.loads(json.dumps(value))["upgrades"][0]["after"] == "1.2-1"
    assert value["result"] == "shop:4-patched"
    shutil.rmtree(tmp_path / "mirror")
