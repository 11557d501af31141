"""What is asked of a builder's command line, seen by a program that writes it down."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from ironhull.engine.builds import Dialect, build_with, buildah_dialect
from ironhull.engine.commandline import CommandLine
from ironhull.engine.docker import Docker
from ironhull.engine.interface import BuildRequest, BuildResult, Mount
from ironhull.engine.process import call
from ironhull.errors import EngineError, InputError

# Saves its arguments and the Dockerfile, and writes an id as builders do.
RECORDER = """
import json, os, pathlib, sys
words = [word[2:] for word in sys.argv[1:] if word.startswith("--") and "=" in word]
options = dict(word.split("=", 1) for word in words)
text = pathlib.Path(options["file"]).read_text()
beside = pathlib.Path(options["file"] + ".dockerignore")
record = {"words": sys.argv[1:], "dockerfile": text,
          "ignore": beside.read_text() if beside.exists() else None,
          "buildkit": os.environ.get("DOCKER_BUILDKIT")}
pathlib.Path(os.environ["RECORD"]).write_text(json.dumps(record))
pathlib.Path(options["iidfile"]).write_text("sha256:" + "a" * 64)
"""


@pytest.fixture
def context(tmp_path: Path) -> Path:
    folder = tmp_path / "context"
    folder.mkdir()
    (folder / "Dockerfile").write_text("FROM node:20\nRUN npm ci\n")
    return folder


def _build(context: Path, dialect: Dialect, **more: Any) -> tuple[BuildResult, dict[str, Any]]:
    record = context.parent / "record.json"
    (context.parent / "recorder.py").write_text(RECORDER)
    program = (sys.executable, str(context.parent / "recorder.py"))
    line = CommandLine("recorder", program, {"RECORD": str(record)})
    request = BuildRequest(context / "Dockerfile", context, "localhost/x:1", **more)
    result = build_with(line, dialect, request)
    value: dict[str, Any] = json.loads(record.read_text())
    return result, value


BUILDAH = buildah_dialect(("bud",), heredoc=False)
BUILDKIT = Dialect(("build",), buildkit=True, environment={"DOCKER_BUILDKIT": "1"})


def test_the_request_becomes_options(context: Path) -> None:
    result, asked = _build(
        context, BUILDAH, target="t", build_args={"A": "1"}, network="none", no_cache=True
    )
    assert result.image == "sha256:" + "a" * 64
    assert asked["words"][0] == "bud"
    assert asked["words"][-1] == str(context)
    for word in ("--tag=localhost/x:1", "--target=t", "--build-arg=A=1", "--network=none"):
        assert word in asked["words"]
    assert "--no-cache" in asked["words"]
    assert asked["dockerfile"] == "FROM node:20\nRUN npm ci\n"


def test_settings_of_the_host_are_volumes_for_buildah(context: Path, tmp_path: Path) -> None:
    _, asked = _build(
        context, BUILDAH, files=(Mount(tmp_path, "/run/host"),), environment={"CONF": "/run/host/c"}
    )
    assert f"--volume={tmp_path}:/run/host:ro" in asked["words"]
    assert "--build-arg=CONF=/run/host/c" in asked["words"]
    assert asked["dockerfile"] == "FROM node:20\nARG CONF\nRUN npm ci\n"


def test_settings_of_the_host_are_secrets_for_buildkit(context: Path, tmp_path: Path) -> None:
    folder = tmp_path / "host"
    folder.mkdir()
    (folder / "ca.crt").write_text("x")
    (folder / "npmrc").write_text("y")
    _, asked = _build(context, BUILDKIT, files=(Mount(folder, "/run/host"),))
    assert f"--secret=id=ironhull1,src={folder}/npmrc" in asked["words"]
    assert (
        "--mount=type=secret,id=ironhull0,target=/run/host/ca.crt,mode=0444"
        in (asked["dockerfile"])
    )
    assert asked["buildkit"] == "1"


def test_proxies_are_not_declared_so_that_they_stay_out_of_the_history(context: Path) -> None:
    _, asked = _build(context, BUILDAH, environment={"HTTPS_PROXY": "http://u:secret@p", "A": "b"})
    assert "ARG A\n" in asked["dockerfile"]
    assert "PROXY" not in asked["dockerfile"]
    assert "--build-arg=HTTPS_PROXY=http://u:secret@p" in asked["words"]


def test_the_ignore_file_of_a_dockerfile_goes_with_it(context: Path) -> None:
    (context / "Dockerfile.dockerignore").write_text("secret\n")
    _, asked = _build(context, BUILDAH)
    assert asked["ignore"] == "secret\n"
    assert any(word.startswith("--ignorefile=") for word in asked["words"])


def test_what_a_builder_cannot_do_is_told_before_it_is_asked(context: Path) -> None:
    with pytest.raises(EngineError, match="cannot show the host's settings"):
        _build(context, Dialect(("build",)), files=(Mount(context, "/x"),))
    (context / "Dockerfile").write_text("FROM a\nCOPY <<E /x\n1\nE\n")
    with pytest.raises(EngineError, match="no heredoc in COPY"):
        _build(context, BUILDKIT)


def test_a_dockerfile_that_cannot_be_read_is_bad_input(context: Path) -> None:
    (context / "Dockerfile").write_bytes(b"FROM \xff\n")
    with pytest.raises(InputError, match="not UTF-8 at byte 5"):
        _build(context, BUILDAH)
    (context / "Dockerfile").unlink()
    with pytest.raises(InputError, match=r"cannot read .*Dockerfile"):
        _build(context, BUILDAH)


# -- what a build leaves ---------------------------------------------------------------------------

# Lists two working containers on our base and one on another; writes down what is removed.
LEFTOVERS = """
import json, os, sys, time
words = sys.argv[1:]
if words[0] == "rm":
    with open(os.environ["RECORD"], "a") as file:
        file.write(" ".join(words) + "\\n")
elif words[0] in ("ps", "containers"):
    print(json.dumps([
        {"Id": "1", "Image": "localhost/base:1", "State": "storage",
         "id": "1", "imagename": "localhost/base:1"},
        {"Id": "2", "Image": "localhost/other:1", "State": "storage",
         "id": "2", "imagename": "localhost/other:1"},
        {"Id": "3", "Image": "localhost/base:1", "State": "running",
         "id": "3", "imagename": "localhost/base:1"}]))
else:
    time.sleep(60)
"""


@pytest.mark.parametrize(
    ("name", "removed"), [("podman", "rm -f 1\n"), ("buildah", "rm 1\nrm 3\n")]
)
def test_working_containers_of_a_build_that_took_too_long_are_removed(
    context: Path, name: str, removed: str
) -> None:
    record, program = context.parent / "record", context.parent / "leftovers.py"
    program.write_text(LEFTOVERS)
    line = CommandLine(name, (sys.executable, str(program)), {"RECORD": str(record)})
    request = BuildRequest(
        context / "Dockerfile",
        context,
        "localhost/x:1",
        bases={"node:20": "localhost/base:1"},
        timeout=0.5,
    )
    with pytest.raises(EngineError, match="took longer"):
        build_with(line, BUILDAH, request)
    assert record.read_text() == removed


@pytest.mark.parametrize(
    ("dialect", "word"),
    [(BUILDAH, "--layers=false"), (BUILDKIT, None), (Dialect(("build",)), "--force-rm")],
)
def test_steps_that_are_not_to_be_kept(context: Path, dialect: Dialect, word: str | None) -> None:
    _, kept = _build(context, dialect)
    _, asked = _build(context, dialect, keep_steps=False)
    more = [found for found in asked["words"] if found in ("--layers=false", "--force-rm")]
    assert more == ([word] if word else [])
    assert word not in kept["words"]


def test_what_a_command_started_in_another_session_ends_with_it(tmp_path: Path) -> None:
    found = tmp_path / "pid"
    code = (
        "import subprocess, sys, time\n"
        "p = subprocess.Popen(['sleep', '60'], start_new_session=True)\n"
        f"open({str(found)!r}, 'w').write(str(p.pid))\n"
        "time.sleep(60)\n"
    )
    assert call([sys.executable, "-c", code], timeout=3).timed_out
    stat = Path(f"/proc/{found.read_text()}/stat")
    # Who adopts it may not have asked yet how it ended.
    state = stat.read_text().rpartition(")")[2].split()[0] if stat.exists() else "gone"
    assert state in ("gone", "Z", "X")


# An old docker: the log names the steps, the last of a stage has no name.
OLD_DOCKER = """
import os, pathlib, sys
words = sys.argv[1:]
if words[0] == "version":
    print('{"Version": "20.10.24"}' if "Server" in words[-1] else "28.0.0")
elif words[0] == "buildx":
    sys.exit(1)
elif words[0] == "images":
    print("bbbbbbbbbbbb\\ncccccccccccc")
elif words[0] == "rmi":
    with open(os.environ["RECORD"], "a") as file:
        file.write(words[-1] + "\\n")
else:
    print(" ---> aaaaaaaaaaaa\\n ---> Running in 111111111111\\n ---> bbbbbbbbbbbb")
    iid = [word for word in words if word.startswith("--iidfile=")][0]
    pathlib.Path(iid.partition("=")[2]).write_text("sha256:" + "a" * 64)
"""


@pytest.mark.parametrize(("keep", "removed"), [(True, ""), (False, "bbbbbbbbbbbb\n")])
def test_nameless_images_of_docker_s_old_builder_are_removed_if_they_are_ours(
    context: Path, monkeypatch: pytest.MonkeyPatch, keep: bool, removed: str
) -> None:
    program, record = context.parent / "docker", context.parent / "record"
    program.write_text(f"#!{sys.executable}\n{OLD_DOCKER}")
    program.chmod(0o755)
    record.write_text("")
    monkeypatch.setenv("RECORD", str(record))
    request = BuildRequest(context / "Dockerfile", context, "localhost/x:1", keep_steps=keep)
    result = Docker([str(program)]).build(request)
    assert "docker's old builder" in result.notes[-1]
    assert record.read_text() == removed
