"""An image made from another one, on the live archive and a registry: rebuilt after it, once."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.fakes.running_server import serving

from ironhull.changes.document import document_of
from ironhull.lock.file import lock_path, read_lock
from ironhull.oci.tar import TarReader
from ironhull.settings import Settings
from ironhull.signing.keyring import Keyring
from ironhull.store.layers import image_layers, open_layer
from ironhull.watch.policy import WatchPolicy
from ironhull.workspace.changelog import changelog
from ironhull.workspace.image_digests import digest_at
from ironhull.workspace.machine import Machine
from ironhull.workspace.publishing import pull
from ironhull.workspace.registries import registries
from ironhull.workspace.verifying import verify
from ironhull.workspace.watch_choices import Round, WatchChoices
from ironhull.workspace.watching import Watcher, opened_state

pytestmark = pytest.mark.real
CONFIG = "etc/ssl/openssl.cnf"
COMMON = """\
platforms: [linux/amd64]
accounts:
  run-as: nonroot
  users: [{name: nonroot, uid: 65532, gid: 65532}]
  groups: [{name: nonroot, gid: 65532}]
os-release: {name: Debian, id: debian, version-id: "13"}
cmd: [openssl, version]
"""
BASE = """\
image: tls
tags: ["3"]
contents:
  packages:
    - {name: base-files, except: [etc/update-motd.d]}
    - {name: openssl, only: [usr/bin/openssl]}
paths: [{type: file, path: /etc/ssl/openssl.cnf, content: "# strict: no"}]
"""
DERIVED = """\
image: client
tags: ["1"]
track: [{type: oci_artifact, package: "tls:3", set: TLS}]
contents:
  packages: [{name: base-files, except: [etc/update-motd.d]}, libc6, libzstd1, zlib1g]
  artifacts:
    - {name: "tls@${TLS}", includes: [usr/bin/openssl, "usr/lib/*/lib*.so.3", etc/ssl/openssl.cnf]}
"""


class Shop:
    def __init__(self, folder: Path, publish: str) -> None:
        self.publish = publish
        self.settings = Settings(
            home=folder / "home", catalog=folder / "images", environment=dict(os.environ)
        )
        for image, text in (("tls/debian-13/3", BASE), ("client/debian-13/1", DERIVED)):
            path = folder / f"images/{image}.yaml"
            path.parent.mkdir(parents=True)
            path.write_text(text + COMMON)
        Keyring(self.machine.home.keys).generate("shop", None, datetime.now(UTC))

    @property
    def machine(self) -> Machine:
        return Machine(self.settings)

    def watch(self) -> Round:
        policy = WatchPolicy(scan="off", tests="off")
        chosen = WatchChoices(self.publish, policy, advisories=None)
        with opened_state(self.machine) as state:
            return Watcher(self.machine, chosen, state).once()

    def at(self, tag: str) -> str:
        """The digest that a tag is at in the registry."""
        with registries(self.machine) as opened:
            return digest_at(self.machine, f"oci://{self.publish}/{tag}", opened)

    def config(self, tag: str) -> str:
        """What the file says in the image that a tag is at."""
        store = self.machine.home.store
        pulled = pull(self.machine, f"{self.publish}/{tag}").done.root
        (manifest,) = store.document(pulled.digest).manifests
        found = ""
        for layer, _ in image_layers(store, store.document(manifest.digest)):
            with open_layer(store, layer) as stream:
                reader = TarReader(stream, "layer")
                for member in reader:
                    if member.name == CONFIG:
                        found = b"".join(reader.content()).decode()
        return found


def test_a_fix_of_the_base_reaches_what_is_made_from_it_in_the_same_round(tmp_path: Path) -> None:
    names = ["tls:3-debian13", "client:1-debian13"]
    with serving(tmp_path / "registry") as server:
        shop = Shop(tmp_path, f"{server.host}/base")
        first = shop.watch()
        assert [(name, one.result) for name, one in first.done.items()] == [
            (name, "published") for name in names
        ], {name: one.detail for name, one in first.done.items()}
        assert shop.config("client:1") == shop.config("tls:3") == "# strict: no"

        base = tmp_path / "images/tls/debian-13/3.yaml"
        base.write_text(base.read_text().replace("strict: no", "strict: yes"))
        second = shop.watch()
        assert [(name, one.result) for name, one in second.done.items()] == [
            (name, "published") for name in names
        ], {name: one.detail for name, one in second.done.items()}
        assert shop.config("client:1") == shop.config("tls:3") == "# strict: yes"
        lock = read_lock(lock_path(tmp_path / "images/client/debian-13/1.yaml"))
        assert lock.variables == {"TLS": shop.at("tls:3")}
        told = document_of(changelog(shop.machine, f"{shop.publish}/client:1"))["bases"]["moved"]
        assert [(each["name"], each["after"]) for each in told] == [("tls", shop.at("tls:3"))]
        assert verify(shop.machine, f"{shop.publish}/client:1").passed
        third = shop.watch()
        assert (third.entries, third.done) == ((), {})
