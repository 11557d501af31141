"""Command lines, flags, programs of a few bytes, host settings: all that needs no engine."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ironhull.debian.java_store import java_store
from ironhull.engine.commandline import CommandLine, Running, run_arguments
from ironhull.engine.find import EngineSettings, builder, engine, list_engines
from ironhull.engine.flags import (
    BUILD_REMEDIES,
    PODMAN_REMEDIES,
    Flags,
    FlagsCache,
    at_least,
    find_flags,
)
from ironhull.engine.host import TARGET, AptRepository, host_settings
from ironhull.engine.interface import HARDENED, Mount, RunOptions
from ironhull.engine.probe import exit_program, pause_program, probe_image
from ironhull.engine.process import MAX_OUTPUT, Finished, call
from ironhull.engine.registries import DEFAULT_MAPPINGS, docker_config, podman_config
from ironhull.errors import EngineError, InputError
from ironhull.store.export import write_docker_archive
from ironhull.store.layout import ImageLayout

PYTHON = sys.executable


# -- processes -----------------------------------------------------------------------------------


def test_output_exit_code_and_time_are_told() -> None:
    done = call([PYTHON, "-c", "import sys; print('o'); print('e', file=sys.stderr); sys.exit(3)"])
    assert (done.code, done.stdout, done.stderr, done.timed_out) == (3, "o\n", "e\n", False)
    assert done.seconds > 0


def test_output_without_end_is_cut_and_the_writer_goes_on() -> None:
    script = f"import sys; sys.stdout.write('x' * {3 * MAX_OUTPUT}); sys.exit(0)"
    done = call([PYTHON, "-c", script])
    assert done.code == 0
    assert MAX_OUTPUT <= len(done.stdout) < MAX_OUTPUT + 100_000
    assert done.stdout.endswith("[output cut here]\n")


def test_a_time_out_ends_the_command_and_its_children(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    script = f"sleep 300 & echo $! > {pid}; wait"
    done = call(["/bin/sh", "-c", script], timeout=2)
    assert done.timed_out
    child = int(pid.read_text())
    for _ in range(50):
        if not Path(f"/proc/{child}").exists() or "Z" in _state(child):
            return
        time.sleep(0.05)
    raise AssertionError("the child lives")


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


def test_standard_input_is_fed_and_an_early_end_is_no_error() -> None:
    done = call(["cat"], feed=lambda pipe: pipe.write(b"fed") and None)
    assert done.stdout == "fed"
    early = call(["/bin/sh", "-c", "exit 4"], feed=lambda pipe: pipe.write(bytes(1 << 22)) and None)
    assert early.code == 4


def test_a_program_that_is_not_there_is_an_engine_error() -> None:
    with pytest.raises(EngineError, match="cannot run /no/such: No such file"):
        call(["/no/such"])


def test_an_error_while_feeding_ends_the_command() -> None:
    def fail(pipe: object) -> None:
        raise InputError("damaged")

    with pytest.raises(InputError, match="damaged"):
        call(["sleep", "300"], feed=fail)


# -- command lines -------------------------------------------------------------------------------


def test_options_are_written_as_podman_and_docker_read_them() -> None:
    options = RunOptions(
        entrypoint=("node", "-e"),
        command=("1",),
        user="65532",
        environment={"A": "b=c"},
        publish=("127.0.0.1::80",),
        mounts=(Mount(Path("/a"), "/b"), Mount(Path("/c"), "/d", writable=True)),
        init=True,
        **{name: getattr(HARDENED, name) for name in ("read_only", "tmpfs", "cap_drop")},
    )
    assert run_arguments(options, "image:1") == [
        "--user=65532",
        "--env=A=b=c",
        "--tmpfs=/tmp",
        "--cap-drop=all",
        "--publish=127.0.0.1::80",
        "--volume=/a:/b:ro",
        "--volume=/c:/d:rw",
        "--read-only",
        "--init",
        "--entrypoint=node",
        "image:1",
        "-e",
        "1",
    ]


def test_without_options_there_is_only_the_image() -> None:
    assert run_arguments(RunOptions(), "image:1") == ["image:1"]
    assert run_arguments(RunOptions(entrypoint=()), "i") == ["--entrypoint=", "i"]


# -- flags ---------------------------------------------------------------------------------------


def _engine_that_wants(*wants: tuple[str, str]) -> Callable[[Flags], Finished]:
    """Complains in order until each word is among the flags."""

    def attempt(flags: Flags) -> Finished:
        words = " ".join((*flags.program, *flags.run, *flags.build))
        for complaint, word in wants:
            if word not in words:
                return Finished(126, "", f"Error: {complaint}", 0.1)
        return Finished(0, "", "", 0.1)

    return attempt


def test_a_machine_that_needs_nothing_gets_no_flags() -> None:
    assert find_flags(_engine_that_wants(), PODMAN_REMEDIES, "podman run") == Flags()


def test_each_complaint_is_answered_with_its_remedy() -> None:
    attempt = _engine_that_wants(
        ("crun: setrlimit `RLIMIT_NOFILE`: Operation not permitted", "nofile="),
        ("runc: error setting rlimit type 6: operation not permitted", "nproc="),
        ("no cgroup mounted", "--cgroups=disabled"),
    )
    found = find_flags(attempt, PODMAN_REMEDIES, "podman run")
    assert [word.split("=")[0] for word in found.run] == [
        "--ulimit",
        "nofile",
        "--ulimit",
        "nproc",
        "--cgroups",
    ]


def test_a_limit_is_never_raised_above_ours() -> None:
    import resource

    attempt = _engine_that_wants(("RLIMIT_NOFILE", "nofile="))
    found = find_flags(attempt, PODMAN_REMEDIES, "podman run")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    number = int(found.run[1].rpartition(":")[2])
    assert number <= (hard if hard > 0 else 1 << 20)


def test_a_build_falls_back_to_chroot() -> None:
    attempt = _engine_that_wants(("cannot set up cgroup", "--isolation=chroot"))
    assert find_flags(attempt, BUILD_REMEDIES, "build").build == ("--isolation=chroot",)


def test_what_no_remedy_helps_is_told_in_the_engine_s_words() -> None:
    attempt = _engine_that_wants(("RLIMIT_NOFILE", "nofile="), ("the moon is full", "never"))
    with pytest.raises(EngineError, match=r"podman run does not work .*nofile=.*the moon is full"):
        find_flags(attempt, PODMAN_REMEDIES, "podman run")


def test_flags_are_kept_in_a_file_and_damage_is_no_error(tmp_path: Path) -> None:
    path = tmp_path / "cache" / "flags.json"
    flags = Flags(("--runtime", "runc"), ("--ulimit", "x"), ())
    FlagsCache(path).put("key", flags)
    assert FlagsCache(path).get("key") == flags
    assert FlagsCache(path).get("other") is None
    for damage in (b"{", b"[]", b'{"key": 1}', b'{"key": {"run": 5}}'):
        path.write_bytes(damage)
        assert FlagsCache(path).get("key") is None
    assert FlagsCache(None).get("key") is None


def test_a_full_cache_forgets_the_oldest(tmp_path: Path) -> None:
    cache = FlagsCache(tmp_path / "flags.json")
    for number in range(12):
        cache.put(str(number), Flags())
    assert cache.get("0") is None
    assert cache.get("11") == Flags()


@pytest.mark.parametrize(
    ("version", "wanted", "result"),
    [
        ("4.9.3", (4, 9), True),
        ("4.10", (4, 9), True),
        ("4.3.1", (4, 9), False),
        ("20.10.24+dfsg1", (23,), False),
        ("28.2.2", (23,), True),
        ("dev", (1,), False),
    ],
)
def test_versions_are_compared_as_numbers(
    version: str, wanted: tuple[int, ...], result: bool
) -> None:
    assert at_least(version, wanted) is result


# -- programs ------------------------------------------------------------------------------------


def test_the_smallest_program_ends_well_and_the_other_waits(tmp_path: Path) -> None:
    for name, content in (("exit", exit_program()), ("pause", pause_program())):
        path = tmp_path / name
        path.write_bytes(content)
        path.chmod(0o755)
        assert len(content) < 200
    assert subprocess.run([tmp_path / "exit"], check=False).returncode == 0
    with pytest.raises(subprocess.TimeoutExpired):
        subprocess.run([tmp_path / "pause"], timeout=0.3, check=False)


def test_the_probe_is_a_valid_image(tmp_path: Path) -> None:
    layout = ImageLayout(tmp_path / "layout", create=True)
    with (tmp_path / "x.tar").open("wb") as file:
        write_docker_archive(layout, probe_image(layout), ["p:1"], file)
    assert (tmp_path / "x.tar").stat().st_size > 1000


# -- finding -------------------------------------------------------------------------------------


def test_a_machine_without_engines_is_told_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineError, match=r"podman is not installed; docker is not installed"):
        engine(None, EngineSettings())
    assert [one.problem for one in list_engines(EngineSettings())] == [
        f"{name} is not installed" for name in ("podman", "docker", "buildah")
    ]


def test_buildah_is_not_asked_to_run() -> None:
    with pytest.raises(InputError, match="does not run them"):
        engine("buildah", EngineSettings())
    with pytest.raises(InputError, match=r"'lxc' \(those that run: podman, docker, sandbox\)"):
        engine("lxc", EngineSettings())
    with pytest.raises(InputError, match="no engine is called 'lxc'"):
        builder("lxc", EngineSettings())


def test_the_first_engine_that_answers_is_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _program(tmp_path / "podman", "echo broken storage >&2; exit 125")
    _program(tmp_path / "docker", """echo '{"Version": "28.1"}'""")
    monkeypatch.setenv("PATH", str(tmp_path))
    found = engine(None, EngineSettings())
    assert (found.name, found.version()) == ("docker", "28.1")
    with pytest.raises(EngineError, match="broken storage"):
        engine("podman", EngineSettings())


def test_a_docker_without_a_daemon_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _program(tmp_path / "docker", "echo null")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineError, match="is dockerd running"):
        engine("docker", EngineSettings())


def _program(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_a_container_that_is_being_removed_is_waited_for(tmp_path: Path) -> None:
    count = tmp_path / "count"
    _program(
        tmp_path / "docker",
        f"[ $1 = kill ] && exit 1; echo x >> {count}; [ $(wc -l < {count}) -ge 3 ] && "
        "{ echo 'Error: No such container: c' >&2; exit 1; }; "
        "echo 'Error response from daemon: removal of container c is already in progress' >&2; "
        "exit 1",
    )
    Running(CommandLine("docker", [str(tmp_path / "docker")]), "c").remove()
    assert len(count.read_text().splitlines()) == 3


def test_a_container_that_cannot_be_removed_is_told(tmp_path: Path) -> None:
    _program(tmp_path / "docker", "echo 'Error: disk is gone' >&2; exit 1")
    with pytest.raises(EngineError, match="docker rm c: Error: disk is gone"):
        Running(CommandLine("docker", [str(tmp_path / "docker")]), "c").remove()


# -- host settings -------------------------------------------------------------------------------


def test_the_host_s_settings_are_files_in_one_mount_and_no_tokens(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / ".npmrc").write_text(
        "registry=https://npm.example/\n//npm.example/:_authToken=SECRET\n"
        "@own:registry = https://own.example/\n@bad:registry=https://u:SECRET@x.example/\n"
    )
    (home / ".pip").mkdir()
    (home / ".pip/pip.conf").write_text("[global]\nindex-url = https://u:SECRET@pip.example/\n")
    (tmp_path / "ca.pem").write_text("CERTIFICATES")
    environment = {
        "SSL_CERT_FILE": str(tmp_path / "ca.pem"),
        "https_proxy": "http://proxy.example:3128",
        "PIP_INDEX_URL": "https://pip.example/simple",
        "AWS_SECRET": "SECRET",
    }
    repositories = [
        AptRepository("http://deb.example/debian", ("trixie", "trixie-updates"), ("main",))
    ]
    with host_settings(environment, home, repositories) as found:
        (mount,) = found.mounts
        folder = mount.source
        assert (mount.target, mount.writable) == (TARGET, False)
        assert (folder / "ca.crt").read_text() == "CERTIFICATES"
        npmrc = (folder / "npmrc").read_text()
        assert "registry=https://npm.example/\n" in npmrc
        assert "@own:registry=https://own.example/\n" in npmrc
        assert f"cafile={TARGET}/ca.crt\n" in npmrc
        assert "index-url = https://pip.example/simple" in (folder / "pip.conf").read_text()
        assert "Suites: trixie trixie-updates\n" in (folder / "apt.sources").read_text()
        assert f'Dir::Etc::SourceParts "{TARGET}";' in (folder / "apt.conf").read_text()
        assert found.environment["https_proxy"] == "http://proxy.example:3128"
        assert found.environment["NODE_EXTRA_CA_CERTS"] == f"{TARGET}/ca.crt"
        assert found.environment["APT_CONFIG"] == f"{TARGET}/apt.conf"
        everything = "".join(path.read_text("latin-1") for path in folder.iterdir())
        assert "SECRET" not in everything + str(found.environment)
        assert all(path.stat().st_mode & 0o777 == 0o644 for path in folder.iterdir())
        assert folder.stat().st_mode & 0o777 == 0o755
    assert not folder.exists()


def test_what_the_host_sets_and_is_no_address_is_left_out(tmp_path: Path) -> None:
    environment = {
        "https_proxy": "http://proxy.example:none",
        "http_proxy": "http://[",
        "PIP_INDEX_URL": "https://[/simple",
    }
    with host_settings(environment, tmp_path) as found:
        assert "proxyHost" not in found.environment.get("JAVA_TOOL_OPTIONS", "")
        assert "simple" not in (found.mounts[0].source / "pip.conf").read_text()


def test_java_and_go_get_the_host_s_settings_in_their_own_words(tmp_path: Path) -> None:
    (tmp_path / ".config/go").mkdir(parents=True)
    (tmp_path / ".config/go/env").write_text(
        "GOPROXY=https://go.example,direct\nGOSUMDB=https://u:SECRET@sums.example\nGOBIN=/b\n"
    )
    (tmp_path / "ca.pem").write_bytes(pem(b"one") + b"words\n" + pem(b"two"))
    environment = {
        "SSL_CERT_FILE": str(tmp_path / "ca.pem"),
        "https_proxy": "http://proxy.example:3128",
        "HTTP_PROXY": "http://u:SECRET@proxy.example:3128",
        "PIP_INDEX_URL": "https://pip.example/simple",
        "GONOSUMDB": "example.test",
    }
    with host_settings(environment, tmp_path) as found:
        store = (found.mounts[0].source / "cacerts").read_bytes()
        assert store == java_store({"host:0": b"one", "host:1": b"two"})
    variables = found.environment
    assert variables["JAVA_TOOL_OPTIONS"] == (
        f"-Djavax.net.ssl.trustStore={TARGET}/cacerts "
        "-Dhttps.proxyHost=proxy.example -Dhttps.proxyPort=3128"
    )
    assert variables["GOPROXY"] == "https://go.example,direct"
    assert variables["GONOSUMDB"] == "example.test"
    assert variables["UV_DEFAULT_INDEX"] == "https://pip.example/simple"
    assert not {"GOSUMDB", "GOBIN"} & set(variables)


def pem(data: bytes) -> bytes:
    body = base64.encodebytes(data)
    return b"-----BEGIN CERTIFICATE-----\n" + body + b"-----END CERTIFICATE-----\n"


def test_without_repositories_apt_is_left_alone(tmp_path: Path) -> None:
    with host_settings({}, tmp_path) as found:
        assert "APT_CONFIG" not in found.environment
        assert not (found.mounts[0].source / "apt.conf").exists()


# -- registries ----------------------------------------------------------------------------------


def test_podman_s_mapping_is_valid_toml() -> None:
    import tomllib

    text = podman_config("127.0.0.1:5000", DEFAULT_MAPPINGS, insecure=True)
    value = tomllib.loads(text)["registry"]
    assert {"prefix": "dhi.io", "location": "127.0.0.1:5000", "insecure": True} in value
    assert value[1]["location"] == "127.0.0.1:5000/node"
    assert "insecure" not in podman_config("r.example", DEFAULT_MAPPINGS, insecure=False)


def test_docker_s_keys_are_valid_json() -> None:
    value = json.loads(docker_config("127.0.0.1:5000", insecure=True))
    assert value["registry-mirrors"] == ["http://127.0.0.1:5000"]
    assert json.loads(docker_config("r.example", insecure=False)) == {
        "registry-mirrors": ["https://r.example"]
    }


@pytest.mark.parametrize("registry", ["", "a b", "http://x", "x/y", 'x"', "plain"])
def test_what_is_no_registry_is_refused(registry: str) -> None:
    with pytest.raises(InputError):
        docker_config(registry, insecure=False)


@pytest.mark.parametrize("prefix", ["", 'a"b', "a\nb"])
def test_a_prefix_that_would_break_the_file_is_refused(prefix: str) -> None:
    with pytest.raises(InputError, match="is not the prefix"):
        podman_config("r.example", {prefix: "x"}, insecure=False)


def test_no_module_of_the_engine_room_reads_the_environment_by_itself() -> None:
    import ironhull.engine as room

    allowed = {"process.py", "find.py"}
    for path in Path(room.__file__ or "").parent.glob("*.py"):
        if path.name not in allowed:
            assert "os.environ" not in path.read_text(), path.name
    assert os.environ
