"""bubblewrap for the sandbox: the machine's own, else the signed archive's, unpacked in the home.

1. One on PATH that is new enough. 2. What was unpacked before, by its lock. 3. The archive: resolve
bubblewrap against verified indexes, fetch the packages by digest, unpack them. No installation, no
root. The lock and the program stay until the cache is pruned.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from ironhull.definition.reader import read
from ironhull.errors import EngineError, LockError
from ironhull.lock.file import read_lock, write_lock
from ironhull.lock.make import make_lock
from ironhull.lock.model import Lock, LockedPackage
from ironhull.sandbox import bubblewrap as programs
from ironhull.sandbox.bubblewrap import Bubblewrap
from ironhull.sandbox.unpack import program_of, unpack_program
from ironhull.store.choice import machine_platform
from ironhull.store.files import locked
from ironhull.workspace.machine import Machine

_DEFINITION = Path(programs.__file__).with_name("bubblewrap.yaml")


def bubblewrap(machine: Machine, *, own: bool = True) -> Bubblewrap:
    """How to start bubblewrap here; with `own` False the machine's own one is not asked for.

    Errors: those of locking and fetching, where the archive has to be asked; EngineError if what it
    has does not run on this machine.
    """
    found = programs.installed() if own else None
    return found or _unpacked(machine)


def known_bubblewrap(machine: Machine) -> Bubblewrap | None:
    """The one that `bubblewrap` would give without asking the archive; None: it would ask."""
    home = machine.home.bubblewrap
    lock = _known(home / "lock.json")
    found = programs.installed()
    if found is None and lock is not None and (home / _name(lock)).is_dir():
        found = programs.probed(program_of(home / _name(lock)), _origin(lock))
    return found


def _origin(lock: Lock) -> str:
    package = next(one for one in _packages(lock) if one.name == "bubblewrap")
    return f"bubblewrap {package.version} of the archive"


def _unpacked(machine: Machine) -> Bubblewrap:
    home = machine.home.bubblewrap
    home.mkdir(parents=True, exist_ok=True)
    with locked(home / ".lock"):
        lock = _known(home / "lock.json")
        folder = home / _name(lock) if lock else None
        if lock is None or folder is None or not folder.is_dir():
            lock = lock or _locked(machine)
            folder = home / _name(lock)
            _fetched(machine, lock, folder)
            write_lock(home / "lock.json", lock)
    origin = _origin(lock)
    found = programs.probed(program_of(folder), origin)
    if found is None:
        raise EngineError(
            f"{origin} in {folder} does not run here; install bubblewrap 0.11 or newer"
        )
    return found


def _known(path: Path) -> Lock | None:
    """The lock of before; one that cannot be read is made again."""
    try:
        lock = read_lock(path) if path.is_file() else None
        return lock if lock and str(machine_platform()) in lock.platforms else None
    except LockError:
        return None


def _locked(machine: Machine) -> Lock:
    # Reading mirrors is not loaded before it is needed: most starts find the program.
    from ironhull.workspace.locking import Locking

    machine.progress.note("bubblewrap is not installed: it is taken from the signed archive")
    definition = replace(read(_DEFINITION).definition, platforms=(machine_platform(),))
    return make_lock(definition, Locking(machine).archives(definition))


def _fetched(machine: Machine, lock: Lock, folder: Path) -> None:
    from ironhull.build.fetch import fetch_packages
    from ironhull.workspace.fetching import LockedPackages

    packages, store = _packages(lock), machine.home.packages
    source = LockedPackages(machine, read(_DEFINITION).definition, lock)
    fetch_packages(packages, None, store, source, machine.progress)
    unpack_program([(one.name, store.path(one.sha256)) for one in packages], folder)


def _packages(lock: Lock) -> tuple[LockedPackage, ...]:
    return lock.platforms[str(machine_platform())].packages


def _name(lock: Lock) -> str:
    digests = "".join(sorted(one.sha256 for one in _packages(lock)))
    return hashlib.sha256(digests.encode()).hexdigest()[:16]
