"""podman, docker and buildah, for real: the same questions, the same answers."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.fakes.claims import free_port
from tests.fakes.image import make_image

from ironhull.engine.flags import FlagsCache
from ironhull.engine.interface import HARDENED, Builder, BuildRequest, Engine, Mount, RunOptions
from ironhull.engine.podman import Podman
from ironhull.engine.probe import pause_program
from ironhull.engine.registries import podman_config
from ironhull.errors import EngineError, NotFoundError
from ironhull.store.choice import choose_manifest
from ironhull.store.layout import ImageLayout

SHELL = "localhost/shell:1"


def _load(engine: Builder, layout: ImageLayout, name: str = SHELL) -> str:
    return engine.load(layout, choose_manifest(layout, layout.find("shell:1")), [name])


@pytest.fixture
def loaded(runner: Engine, shell_layout: ImageLayout) -> Engine:
    if not runner.exists(SHELL):
        _load(runner, shell_layout)
    return runner


# -- images --------------------------------------------------------------------------------------


def test_an_image_is_loaded_under_every_name_and_keeps_its_config(
    any_builder: Builder, shell_layout: ImageLayout
) -> None:
    manifest = choose_manifest(shell_layout, shell_layout.find("shell:1"))
    names = ["dhi.io/shell:1", "docker.io/library/shell:1"]
    found = any_builder.load(shell_layout, manifest, names)
    assert found == shell_layout.document(manifest.digest).config.digest
    for name in names:
        assert any_builder.exists(name)
        config = any_builder.inspect(name)
        assert config["User"] == "65532:65532"
        assert "GREETING=hello" in config["Env"]
        assert config["WorkingDir"] == "/data"
    assert any_builder.size(names[0]) > 500_000
    any_builder.remove(names[0])
    assert not any_builder.exists(names[0])
    assert any_builder.exists(names[1])
    any_builder.remove(names[1])


def test_an_image_that_is_not_there_is_told(any_builder: Builder) -> None:
    assert not any_builder.exists("localhost/nothing:1")
    any_builder.remove("localhost/nothing:1")
    with pytest.raises(NotFoundError, match="has no image localhost/nothing:1"):
        any_builder.inspect("localhost/nothing:1")


def test_an_image_that_is_damaged_is_refused_by_us_before_the_engine(
    runner: Engine, tmp_path: Path
) -> None:
    layout = ImageLayout(tmp_path / "layout", create=True)
    image = make_image(layout, [{"a": "1" * 5000}])
    layer = layout.document(choose_manifest(layout, image).digest).layers[0]
    path = layout.blobs.path(layer.digest)
    path.write_bytes(path.read_bytes()[:-4] + b"????")
    with pytest.raises(Exception, match=r"damaged|config says"):
        runner.load(layout, choose_manifest(layout, image), ["localhost/broken:1"])
    assert not runner.exists("localhost/broken:1")


# -- running -------------------------------------------------------------------------------------


def test_the_image_s_command_runs_as_its_user(loaded: Engine) -> None:
    result = loaded.run(SHELL, RunOptions(network="none"))
    assert (result.exit_code, result.stdout, result.stderr) == (0, "hello\n65532\n", "")


def test_a_hardened_run_writes_to_tmp_and_nowhere_else(loaded: Engine) -> None:
    script = "touch /tmp/ok && echo tmp; touch /data/no || echo read-only; cat /proc/self/status"
    options = replace(HARDENED, network="none", entrypoint=("/bin/sh", "-c", script))
    result = loaded.run(SHELL, options)
    assert result.stdout.startswith("tmp\nread-only\n")
    assert "CapEff:\t0000000000000000" in result.stdout
    assert "NoNewPrivs:\t1" in result.stdout


def test_options_reach_the_program(loaded: Engine, tmp_path: Path) -> None:
    (tmp_path / "seen").write_text("mounted")
    options = RunOptions(
        entrypoint=("/bin/sh",),
        command=("-c", "id -u; echo $A; cat /mnt/seen; echo; echo $PWD; exit 7"),
        user="123",
        workdir="/tmp",
        environment={"A": "b c"},
        mounts=(Mount(tmp_path / "seen", "/mnt/seen"),),
        network="none",
        memory="64m",
    )
    result = loaded.run(SHELL, options)
    assert result.stdout.splitlines() == ["123", "b c", "mounted", "/tmp"]
    assert result.exit_code == 7


def test_a_program_that_takes_too_long_is_ended_and_removed(loaded: Engine) -> None:
    result = loaded.run(SHELL, RunOptions(network="none", command=("sleep", "300")), timeout=1.5)
    assert result.timed_out
    assert _containers(loaded) == ""


def test_endless_output_is_cut(loaded: Engine) -> None:
    script = "i=0; while [ $i -lt 12 ]; do cat /bin/busybox; i=$((i+1)); done"
    result = loaded.run(SHELL, RunOptions(network="none", command=("sh", "-c", script)))
    assert result.stdout.endswith("[output cut here]\n")


def test_a_missing_image_is_the_engine_s_error_in_its_own_words(loaded: Engine) -> None:
    with pytest.raises(EngineError, match="localhost/missing:1"):
        loaded.run("localhost/missing:1", RunOptions(network="none"))


def test_a_missing_program_is_exit_code_127_with_the_reason(loaded: Engine) -> None:
    result = loaded.run(SHELL, RunOptions(network="none", entrypoint=("/no/such",)))
    assert result.exit_code == 127
    assert "/no/such" in result.stderr


def test_a_server_answers_on_its_published_port_and_stops_when_told(loaded: Engine) -> None:
    script = 'trap "exit 0" TERM; httpd -f -p 8080 -h /srv & wait'
    options = replace(HARDENED, publish=("127.0.0.1::8080",), entrypoint=("/bin/sh", "-c", script))
    with loaded.start(SHELL, options) as container:
        host, port = container.port("8080/tcp")
        assert _get(f"http://{host}:{port}/") == "it answers\n"
        assert container.running()
        result = container.stop(10)
    assert result.exit_code == 0
    assert result.seconds < 3
    assert not result.killed
    assert _containers(loaded) == ""


def test_a_program_that_ignores_the_signal_is_killed_after_the_grace(loaded: Engine) -> None:
    options = RunOptions(network="none", entrypoint=("/bin/sh", "-c", "trap '' TERM; sleep 60"))
    with loaded.start(SHELL, options) as container:
        result = container.stop(1)
    assert result.killed
    assert result.exit_code == 137


def test_programs_run_in_a_container_without_a_shell_of_its_own(
    loaded: Engine, tmp_path: Path
) -> None:
    pause = tmp_path / "pause"
    pause.write_bytes(pause_program())
    pause.chmod(0o755)
    options = replace(
        HARDENED,
        network="none",
        entrypoint=("/dev/ironhull-pause",),
        mounts=(Mount(pause, "/dev/ironhull-pause"),),
    )
    with loaded.start(SHELL, options) as container:
        assert container.execute(["touch", "/tmp/kept"]).exit_code == 0
        again = container.execute(["/bin/sh", "-c", "echo /tmp/*; exit 3"])
        assert (again.stdout, again.exit_code) == ("/tmp/kept\n", 3)
        assert container.execute(["/no/such"]).exit_code in (126, 127)
        late = container.execute(["sleep", "100"], timeout=1)
        assert late.timed_out
        assert container.running()


def test_logs_and_exit_code_of_a_program_that_ended(loaded: Engine) -> None:
    options = RunOptions(network="none", command=("sh", "-c", "echo out; echo err >&2; exit 5"))
    with loaded.start(SHELL, options) as container:
        assert container.wait(20) == 5
        assert container.logs() == ("out\n", "err\n")


def test_what_was_started_is_gone_after_an_interrupt(
    loaded: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    timer = threading.Timer(1.5, _interrupt)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        loaded.run(SHELL, RunOptions(network="none", command=("sleep", "300")))
    timer.join()
    assert _containers(loaded) == ""


def test_flags_are_found_once_and_remembered(
    podman: Engine, shell_layout: ImageLayout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(podman, Podman)
    cache = tmp_path / "flags.json"
    first = Podman(podman.line.program, FlagsCache(cache))
    flags = first.run_flags()
    assert cache.is_file()
    second = Podman(podman.line.program, FlagsCache(cache))
    with monkeypatch.context() as patched:
        patched.setattr("ironhull.engine.podman.find_flags", pytest.fail)
        assert second.run_flags() == flags
    _load(first, shell_layout)
    assert second.run(SHELL, RunOptions(network="none")).exit_code == 0


# -- building ------------------------------------------------------------------------------------


def _build(builder: Builder, folder: Path, dockerfile: str, **more: object) -> str:
    (folder / "Dockerfile").write_text(dockerfile)
    request = BuildRequest(folder / "Dockerfile", folder, "localhost/built:1", network="host")
    result = builder.build(replace(request, **more))  # type: ignore[arg-type]
    assert result.image.startswith("sha256:")
    return "\n".join(result.notes)


def test_a_dockerfile_is_built_on_another_base_than_it_names(
    any_builder: Builder, shell_layout: ImageLayout, tmp_path: Path
) -> None:
    _load(any_builder, shell_layout)
    (tmp_path / "app.txt").write_text("app")
    notes = _build(
        any_builder,
        tmp_path,
        "# syntax=docker/dockerfile:1\n"
        "ARG V=20\n"
        "FROM node:${V}-alpine AS build\n"
        "USER 0\n"
        "COPY app.txt /\n"
        "RUN echo built >> /app.txt\n"
        "FROM dhi.io/node:20\n"
        "COPY --from=build /app.txt /app.txt\n"
        'CMD ["cat", "/app.txt"]\n',
        bases={"node:20-alpine": SHELL, "dhi.io/node:20": SHELL},
    )
    assert f"FROM node:20-alpine is {SHELL}" in notes
    assert any_builder.inspect("localhost/built:1")["Cmd"] == ["cat", "/app.txt"]


def test_heredocs_and_link_build_on_builders_that_do_not_know_them(
    runner: Engine, shell_layout: ImageLayout, tmp_path: Path
) -> None:
    _load(runner, shell_layout)
    _build(
        runner,
        tmp_path,
        f"FROM {SHELL}\n"
        "USER 0\n"
        "RUN <<EOF\n"
        "set -e\n"
        "echo \"one 'two'\" > /out\n"
        "echo three >> /out\n"
        "EOF\n"
        "RUN cat <<'A' >> /out\n"
        "$HOME\n"
        "A\n"
        "RUN --network=none echo four >> /out\n"
        "COPY --link Dockerfile /d\n"
        'CMD ["cat", "/out"]\n',
    )
    result = runner.run("localhost/built:1", RunOptions(network="none"))
    assert result.stdout == "one 'two'\nthree\n$HOME\nfour\n"


def test_a_heredoc_is_copied_as_a_file(
    podman: Engine, shell_layout: ImageLayout, tmp_path: Path
) -> None:
    _load(podman, shell_layout)
    _build(
        podman,
        tmp_path,
        f"FROM {SHELL}\nCOPY <<one.txt <<two.txt /d/\n1\none.txt\n2\ntwo.txt\n"
        'CMD ["/bin/sh", "-c", "cat /d/one.txt /d/two.txt"]\n',
    )
    assert podman.run("localhost/built:1", RunOptions(network="none")).stdout == "1\n2\n"


def test_host_settings_are_seen_by_run_and_stay_out_of_the_image(
    runner: Engine, shell_layout: ImageLayout, tmp_path: Path
) -> None:
    _load(runner, shell_layout)
    settings = tmp_path / "settings"
    settings.mkdir()
    (settings / "secret.conf").write_text("sesame")
    context = tmp_path / "context"
    context.mkdir()
    _build(
        runner,
        context,
        f"FROM {SHELL}\nUSER 0\nRUN cat $CONF > /seen; [ -s $CONF ]\n"
        'CMD ["/bin/sh", "-c", "cat /seen; echo; cat /run/host/secret.conf; env"]\n',
        files=(Mount(settings, "/run/host"),),
        environment={"CONF": "/run/host/secret.conf"},
    )
    result = runner.run("localhost/built:1", RunOptions(network="none"))
    assert result.stdout.startswith("sesame\n")
    assert "sesame" not in result.stdout.removeprefix("sesame\n")
    assert "CONF=" not in result.stdout


def test_a_step_that_fails_ends_with_the_builder_s_words(
    any_builder: Builder, shell_layout: ImageLayout, tmp_path: Path
) -> None:
    _load(any_builder, shell_layout)
    with pytest.raises(EngineError, match="cannot do it"):
        _build(any_builder, tmp_path, f"FROM {SHELL}\nRUN echo cannot do it >&2; exit 9\n")


# -- registries ----------------------------------------------------------------------------------


@pytest.fixture
def served(shell_layout: ImageLayout, tmp_path: Path) -> Iterator[str]:
    """`ironhull serve` with the image `shell:1` under its own name."""
    home = tmp_path / "home"
    shutil.copytree(shell_layout.root, home / "store")
    address = f"127.0.0.1:{free_port()}"
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "ironhull.cli", "serve", "--listen", address],
            env={**os.environ, "IRONHULL_HOME": str(home)},
            stdout=log,
            stderr=log,
        )
        try:
            for _ in range(200):
                with socket.socket() as client:
                    if client.connect_ex(("127.0.0.1", int(address.split(":")[1]))) == 0:
                        break
                assert server.poll() is None, (tmp_path / "log").read_text()
                time.sleep(0.1)
            yield address
        finally:
            server.terminate()
            server.wait(20)


def test_every_engine_pulls_from_our_registry(any_builder: Builder, served: str) -> None:
    name = f"{served}/shell:1"
    found = any_builder.pull(name, insecure=True)
    assert found.startswith("sha256:")
    assert any_builder.inspect(name)["User"] == "65532:65532"
    any_builder.remove(name)


def test_the_printed_mapping_lets_podman_find_our_image_by_another_name(
    podman: Engine, served: str, tmp_path: Path
) -> None:
    config = tmp_path / "registries.conf"
    config.write_text(podman_config(served, {"dhi.io": ""}, insecure=True))
    assert isinstance(podman, Podman)
    done = podman.line.call(
        "pull", "-q", "dhi.io/shell:1", environment={"CONTAINERS_REGISTRIES_CONF": str(config)}
    )
    assert done.code == 0, done.stderr
    result = podman.run("dhi.io/shell:1", RunOptions(network="none"))
    assert result.stdout == "hello\n65532\n"
    podman.remove("dhi.io/shell:1")


# -- the command line ----------------------------------------------------------------------------


def test_an_interrupted_command_leaves_no_container_and_no_image(
    podman: Engine, shell_layout: ImageLayout, tmp_path: Path
) -> None:
    assert isinstance(podman, Podman)
    home = tmp_path / "home"
    shutil.copytree(shell_layout.root, home / "store")
    folder = tmp_path / "images/shell/debian-13"
    folder.mkdir(parents=True)
    (folder / "1.yaml").write_text(SLOW_DEFINITION)
    process = subprocess.Popen(
        [sys.executable, "-m", "ironhull.cli", "test", "shell:1", "--engine", "podman"],
        env={
            **os.environ,
            "IRONHULL_HOME": str(home),
            "IRONHULL_CATALOG": str(tmp_path / "images"),
            "IRONHULL_PODMAN_ARGS": " ".join(podman.line.program[1:]),
        },
        stderr=subprocess.PIPE,
        text=True,
    )
    end = time.monotonic() + 60
    while "ironhull-" not in podman.line.ask("ps", "--format", "{{.Names}}"):
        assert time.monotonic() < end
        assert process.poll() is None
        time.sleep(0.2)
    process.terminate()
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130, errors
    assert _containers(podman) == ""
    assert "ironhull-test" not in podman.line.ask("images", "--format", "{{.Repository}}")


SLOW_DEFINITION = """
name: Shell
image: shell
tags: ["1"]
platforms: [linux/amd64]
contents: {packages: [libc6]}
accounts: {run-as: root, root: true}
os-release:
  {name: Debian, id: debian, version-id: "13", version-codename: trixie, pretty-name: Debian}
tests:
  - name: it never ends
    timeout: 300
    commands: [[sleep, "300"]]
"""


def _containers(engine: Engine) -> str:
    return engine.line.ask("ps", "-a", "-q")  # type: ignore[attr-defined]


def _get(url: str) -> str:
    for _ in range(50):
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return str(answer.read().decode())
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"{url} does not answer")


def _interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)
