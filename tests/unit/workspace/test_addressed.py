"""Keys and files that are named by address: held to their digest, the lock's if need be."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.fakes.deb import program
from tests.fakes.mirror import FakeDeb, archive_key, make_repository

from ironhull.errors import (
    DefinitionError,
    EnvironmentProblem,
    InputError,
    LockError,
    UntrustedError,
)
from ironhull.lock.file import lock_path, read_lock
from ironhull.oci.digest import digest_of
from ironhull.progress import Silent
from ironhull.settings import Settings, Unpinned
from ironhull.store.blobs import BlobStore
from ironhull.workspace import locking as locking_module
from ironhull.workspace.addressed import Addressed
from ironhull.workspace.locking import Locking
from ironhull.workspace.machine import Machine

URL = "https://keys.example/web.asc"
FILE = "https://files.example/web"


class Server:
    """A Download with these bytes at these addresses."""

    def __init__(self, **pages: bytes) -> None:
        self.pages = {URL: b"key", FILE: b"file", **pages}
        self.asked: list[str] = []

    def get(
        self, url: str, sink: Callable[[bytes], object], *, limit: int, fresh: bool = False
    ) -> int:
        self.asked.append(url)
        sink(self.pages[url])
        return len(self.pages[url])


def addressed(folder: Path, server: Server, *, offline: bool = False) -> Addressed:
    return Addressed(BlobStore(folder / "packages"), server, offline)


def pinned(data: bytes) -> str:
    return f"{URL}#{digest_of(data).replace(':', '=')}"


def test_a_key_with_another_digest_than_the_definition_says_is_not_trusted(tmp_path: Path) -> None:
    with pytest.raises(UntrustedError, match="as the definition says"):
        addressed(tmp_path, Server()).key(pinned(b"another"))
    assert addressed(tmp_path, Server()).key(pinned(b"key")) == b"key"


def test_a_key_that_is_another_one_than_when_locked_is_not_trusted(tmp_path: Path) -> None:
    with pytest.raises(UntrustedError, match="when the image was locked; if its owner replaced"):
        addressed(tmp_path, Server()).key(URL, digest_of(b"another"))
    assert addressed(tmp_path, Server()).key(URL, digest_of(b"key")) == b"key"


def test_a_known_key_is_not_asked_for_again(tmp_path: Path) -> None:
    server = Server()
    addressed(tmp_path, server).key(pinned(b"key"))
    assert addressed(tmp_path, server, offline=True).key(pinned(b"key")) == b"key"
    assert server.asked == [URL]
    with pytest.raises(EnvironmentProblem, match="not on this machine"):
        addressed(tmp_path, server, offline=True).key(pinned(b"another"))


def test_a_key_comes_over_tls_only(tmp_path: Path) -> None:
    for url in ("http://keys.example/a", "file:///a"):
        with pytest.raises(InputError, match="over https, nothing else"):
            addressed(tmp_path, Server()).key(url)


DEFINITION = f"""\
image: app
tags: ["1"]
platforms: [linux/amd64]
contents:
  keyring: [{URL}]
  packages: [app]
  files: [{{url: "{FILE}", path: /usr/share/web}}]
accounts: {{run-as: app, users: [{{name: app, uid: 65532, gid: 65532}}]}}
os-release: {{id: debian, version-id: "13"}}
"""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    server = Server(**{URL: archive_key().certificate})
    monkeypatch.setattr(locking_module, "LazyDownload", lambda machine: server)
    return server


def locking(folder: Path, *allowed: Unpinned) -> Locking:
    """A catalog with one definition of the above, on a signed mirror."""
    for suite in ("trixie", "trixie-updates", "trixie-security"):
        deb = FakeDeb.make("app", "1.0-1", files={"usr/bin/app": program("1")})
        make_repository(folder / "mirror", [deb], suite=suite, date=datetime.now(UTC))
    file = folder / "images/app/debian-13/1.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(DEFINITION)
    (folder / "key.pgp").write_bytes(archive_key().certificate)
    settings = Settings(
        home=folder / "home",
        catalog=folder / "images",
        mirror=str(folder / "mirror"),
        keyring=folder / "key.pgp",
        unpinned=frozenset(allowed),
    )
    return Locking(Machine(settings, Silent()))


def test_the_lock_keeps_the_digest_of_what_has_none(tmp_path: Path, server: Server) -> None:
    path = tmp_path / "images/app/debian-13/1.yaml"
    with pytest.raises(DefinitionError, match="allow_unpinned = 'keys'"):
        locking(tmp_path).lock("app:1")
    found = locking(tmp_path, *Unpinned).lock("app:1")
    wanted = {FILE: digest_of(b"file"), URL: digest_of(archive_key().certificate)}
    assert found.lock.digests == read_lock(lock_path(path)).digests == wanted
    definition, lock = locking(tmp_path, *Unpinned).definitions.locked("app:1")
    assert (definition.files[0].checksum, lock.digests) == (wanted[FILE], wanted)
    # Without the setting the lock does not help.
    with pytest.raises(DefinitionError, match="allow_unpinned"):
        locking(tmp_path).definitions.locked("app:1")


def test_a_file_that_changed_moves_the_lock_and_a_key_does_not(
    tmp_path: Path, server: Server
) -> None:
    locking(tmp_path, *Unpinned).lock("app:1")
    server.pages[FILE] = b"newer"
    assert locking(tmp_path, *Unpinned).lock("app:1", check=True).status == "stale"
    changed = locking(tmp_path, *Unpinned).lock("app:1", update=True)
    assert changed.changes.others == (f"{FILE} has other bytes",)
    assert changed.lock.digests[FILE] == digest_of(b"newer")
    server.pages[URL] = b"somebody else's"
    with pytest.raises(UntrustedError, match="when the image was locked"):
        locking(tmp_path, *Unpinned).lock("app:1", update=True)


def test_a_lock_without_a_digest_that_it_should_have_is_refused(
    tmp_path: Path, server: Server
) -> None:
    locking(tmp_path, *Unpinned).lock("app:1")
    file = lock_path(tmp_path / "images/app/debian-13/1.yaml")
    text = file.read_text().replace(f'"{FILE}": ', '"https://other.example/": ')
    file.write_text(text)
    with pytest.raises(LockError, match=r"has no digest of https://files\.example/web"):
        locking(tmp_path, *Unpinned).definitions.locked("app:1")
