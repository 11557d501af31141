"""Killed at any moment, or out of disk, reading an archive leaves nothing to trip over."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

from tests.fakes.deb import file
from tests.fakes.mirror import FakeDeb, archive_key, make_repository

READ = """
import resource
import signal
import sys
from datetime import datetime
from pathlib import Path

from ironhull.archive.debian import ArchiveContext, load_releases, open_archive
from ironhull.archive.fetch import MirrorSource
from ironhull.archive.interface import Repository
from ironhull.errors import IronhullError
from ironhull.progress import Silent
from ironhull.store.blobs import BlobStore

root, home = map(Path, sys.argv[1:3])
keyrings = ((root / "key").read_bytes(),)
repository = Repository("debian", (root / "m").as_uri(), ("trixie",), keyrings=keyrings)
context = ArchiveContext(home, clock=lambda: datetime.fromisoformat(sys.argv[3]))
archive = open_archive(load_releases([repository], context), "amd64", context)
packages = [archive.versions(name)[0] for name in archive.names() if name[0] == "p"]
store = BlobStore(home / "packages")
if limit := int(sys.argv[4]):
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
try:
    MirrorSource([repository], store).fetch(packages, Silent())
except IronhullError as error:
    sys.exit(f"{type(error).__name__}: {error}")
for package in packages:
    store.read(package.sha256)
print(len(packages))
"""


def command(folder: Path, limit: int = 0) -> list[str]:
    """Reads the archive below `folder`; no file may be larger than `limit` bytes."""
    home, now = folder / "home", "2026-11-23T13:00:00+00:00"
    return [sys.executable, "-c", READ, str(folder), str(home), now, str(limit)]


def make(folder: Path, debs: list[FakeDeb], filler: int) -> None:
    stanzas = "\n".join(f"Package: filler{n}\nVersion: 1\n" for n in range(filler))
    make_repository(folder / "m", debs, extra_stanzas=stanzas)
    (folder / "key").write_bytes(archive_key().certificate)


def test_a_run_after_many_kills_finds_all(tmp_path: Path) -> None:
    make(tmp_path, [FakeDeb.make(f"p{n}", "1") for n in range(40)], filler=20_000)
    chance = random.Random(11)
    for _ in range(12):
        process = subprocess.Popen(
            command(tmp_path), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(chance.uniform(0.1, 0.6))
        process.kill()
        process.wait()
    done = subprocess.run(command(tmp_path), capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "40\n"), done.stderr


def test_a_disk_that_is_full_is_said_and_what_came_before_stays(tmp_path: Path) -> None:
    large = FakeDeb.make("plarge", "1", files={"/x": file(bytes(300_000))}, compression="none")
    make(tmp_path, [FakeDeb.make("psmall", "1"), large], filler=0)
    done = subprocess.run(command(tmp_path, 100_000), capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.startswith("EnvironmentProblem: cannot write")
    assert not list((tmp_path / "home/tmp").iterdir())
    assert not (tmp_path / "home/packages" / large.sha256.replace(":", "/")).exists()
    done = subprocess.run(command(tmp_path), capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "2\n"), done.stderr
