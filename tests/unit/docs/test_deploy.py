"""What runs Ironhull as a service: unit, compose file, manifests, and the lock of its image."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from deploy import image

from ironhull.cli import VERBS, ironhull
from ironhull.watch.policy import WatchPolicy, read_policy

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "deploy"


def words_are_taken(words: list[str]) -> None:
    """The verb exists, and so does each option; what a variable stands for is a value."""
    verb, *rest = words
    assert verb in VERBS
    command = ironhull.get_command(click.Context(ironhull), verb)
    assert command is not None
    while isinstance(command, click.Group):
        command = command.commands[rest.pop(0)]
    known = {option for each in command.params for option in each.opts}
    for word in rest:
        if word.startswith("--"):
            assert word.partition("=")[0] in known, word


def test_the_policy_is_the_default_but_for_tests() -> None:
    found = read_policy(DEPLOY / "watch.toml")
    usual = WatchPolicy()
    assert found.tests == "if-possible"
    assert (found.gate, found.scan, found.bound) == (usual.gate, usual.scan, usual.bound)
    assert found.targets == usual.targets


def test_the_unit_starts_a_verb_that_there_is() -> None:
    text = (DEPLOY / "ironhull-watch.service").read_text()
    [line] = re.findall(r"^ExecStart=\S+/ironhull (.*)$", text, re.MULTILINE)
    words_are_taken(line.split())


def test_systemd_finds_nothing_wrong_in_the_unit(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("needs systemd-analyze (Debian: systemd)")
    unit = tmp_path / "ironhull-watch.service"
    text = (DEPLOY / unit.name).read_text()
    # It has to be there, and no user of this machine is called so.
    text = text.replace("/usr/local/bin/ironhull", "/bin/true").replace("User=ironhull\n", "")
    unit.write_text(text)
    done = subprocess.run(
        [program, "verify", "--man=no", unit], capture_output=True, text=True, check=False
    )
    about = [line for line in done.stderr.splitlines() if unit.name in line]
    assert about == []
    assert done.returncode == 0 or not about


def test_services_of_the_compose_file_are_hardened_and_start_verbs_that_there_are() -> None:
    value = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    assert set(value["services"]) == {"registry", "key", "catalog", "watch"}
    for service in value["services"].values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        if "entrypoint" not in service:
            words_are_taken(service["command"])
        for volume in service["volumes"]:
            source = volume.partition(":")[0]
            if source.startswith("."):
                assert (DEPLOY / source).exists(), source
            else:
                assert source in value["volumes"]
    auth = tomllib.loads((DEPLOY / "registry.toml").read_text())
    assert auth["anonymous"]["role"] == "push"
    # Whoever reaches the port may push: it has to be this machine's alone.
    assert value["services"]["registry"]["ports"] == ["127.0.0.1:5000:5000"]


def test_the_catalog_of_who_watches_is_one_that_locks_can_be_written_to(tmp_path: Path) -> None:
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    copied = services["watch"]["environment"]["IRONHULL_CATALOG"]
    [target] = [each for each in services["watch"]["volumes"] if each.startswith("watch:")]
    assert copied.startswith(target.partition(":")[2] + "/")
    theirs, ours = tmp_path / "theirs/app", tmp_path / "ours/app"
    code = services["catalog"]["entrypoint"][2]
    code = code.replace('"/catalog"', repr(str(theirs.parent)))
    assert f'"{copied}"' in code
    code = code.replace(f'"{copied}"', repr(str(ours.parent)))
    theirs.mkdir(parents=True)
    for text in ("1", "2"):
        (theirs / "1.yaml").write_text(text)
        (theirs / "1.lock.json").write_text(text)
        subprocess.run([sys.executable, "-c", code], check=True)
        assert (ours / "1.yaml").read_text() == text
        assert (ours / "1.lock.json").read_text() == "1", "the watcher's own stays"
    for name in ("2.yaml", "2.lock.json"):
        (theirs / name).write_text("2")
    subprocess.run([sys.executable, "-c", code], check=True)
    (theirs / "1.lock.json").unlink()
    (theirs / "2.yaml").unlink()
    # What is cut off in its third copy, and what a watcher writes.
    (ours / "1.yaml.new").write_text("ha")
    (ours / ".1.lock.json.1-0a").write_text("ha")
    subprocess.run([sys.executable, "-c", code], check=True)
    assert {path.name for path in ours.iterdir()} == {"1.yaml", "1.lock.json", ".1.lock.json.1-0a"}
    cut = "import shutil; shutil.copyfile = lambda one, other: open(other, 'w') and exit(1)\n"
    (theirs / "3.lock.json").write_text("3")
    (theirs / "3.yaml").write_text("3")
    (theirs / "1.yaml").write_text("3")
    subprocess.run([sys.executable, "-c", cut + code], check=False)
    assert (ours / "1.yaml").read_text() == "2", "whole, whatever was cut off"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert {(ours / name).read_text() for name in ("1.yaml", "3.yaml", "3.lock.json")} == {"3"}
    theirs.rename(tmp_path / "away")
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert "is empty: nothing is copied, and nothing removed" in done.stderr
    assert (ours / "1.lock.json").exists()
    unit = (DEPLOY / "ironhull-watch.service").read_text()
    [catalog] = re.findall(r"^Environment=IRONHULL_CATALOG=(.*)$", unit, re.MULTILINE)
    assert f"ReadWritePaths=-{catalog}\n" in unit
    spec = manifests()["Deployment"]["spec"]["template"]["spec"]
    [images] = [each for each in spec["containers"][0]["volumeMounts"] if each["name"] == "images"]
    assert not images.get("readOnly")


def manifests() -> dict[str, dict[str, Any]]:
    text = (DEPLOY / "kubernetes/watch.yaml").read_text()
    return {each["kind"]: each for each in yaml.safe_load_all(text)}


def test_the_pod_keeps_to_the_restricted_standard() -> None:
    """Its controls by name, as the pod security standards list them."""
    spec = manifests()["Deployment"]["spec"]["template"]["spec"]
    for forbidden in ("hostNetwork", "hostPID", "hostIPC"):
        assert not spec.get(forbidden)
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] != 0
    assert spec["securityContext"]["seccompProfile"]["type"] in ("RuntimeDefault", "Localhost")
    allowed = {
        "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim",
        "projected", "secret",
    }  # fmt: skip
    for volume in spec["volumes"]:
        assert len(set(volume) & allowed) == 1, volume
    for container in (*spec["containers"], *spec["initContainers"]):
        context = container["securityContext"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert context["readOnlyRootFilesystem"] is True
        assert not any("hostPort" in port for port in container.get("ports", ()))
    assert manifests()["Namespace"]["metadata"]["labels"] == {
        "pod-security.kubernetes.io/enforce": "restricted"
    }


def test_the_pod_mounts_what_there_is_and_starts_a_verb(tmp_path: Path) -> None:
    found = manifests()
    spec = found["Deployment"]["spec"]["template"]["spec"]
    names = {volume["name"] for volume in spec["volumes"]}
    for container in (*spec["containers"], *spec["initContainers"]):
        assert {mount["name"] for mount in container["volumeMounts"]} <= names
    words_are_taken(spec["containers"][0]["args"])
    policy = tmp_path / "watch.toml"
    policy.write_text(found["ConfigMap"]["data"]["watch.toml"])
    assert read_policy(policy).tests == "if-possible"


def test_the_image_gets_what_ironhull_needs_and_nothing_of_its_tests() -> None:
    names = image.needed()
    assert {"click", "cryptography", "sqlalchemy", "starlette", "urllib3"} <= names
    assert names.isdisjoint({"pytest", "mypy", "ruff", "playwright", "hypothesis"})
    text = image.locked(names)
    assert text.count("==") == len(names)
    assert all("--hash=sha256:" in block for block in re.split(r"\n(?=[a-z])", text.strip()))
