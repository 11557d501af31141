"""bubblewrap from the signed archive, and steps in the sandbox that want more than they may."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.fakes.image import Directory, File, Symlink, make_image
from tests.real.tools import tool

from ironhull.build.elsewhere import StageCommand
from ironhull.cli.machine import silent
from ironhull.engine.interface import HARDENED, BuildRequest, Engine, RunOptions
from ironhull.engine.sandbox import Sandbox
from ironhull.errors import EngineError
from ironhull.migrate.building.engine import BuildingSandbox
from ironhull.sandbox import entering, joining, running
from ironhull.sandbox.bubblewrap import Bubblewrap
from ironhull.sandbox.entering import execute
from ironhull.sandbox.joining import Target, join, start_of
from ironhull.sandbox.model import Bind, Ended, Limits, Network, Root, Tmpfs, Volume, Wish
from ironhull.sandbox.running import run, start
from ironhull.store.choice import choose_manifest
from ironhull.store.layout import ImageLayout
from ironhull.store.rootfs import write_rootfs
from ironhull.workspace.bubblewrap import bubblewrap
from ironhull.workspace.stage_running import SandboxStages

Shell = Callable[..., Ended]
ROOT = Path(__file__).parents[2]
OTHER = 12345
"""A user that no machine has a name for."""


@pytest.fixture(scope="session")
def archives_bubblewrap(tmp_path_factory: pytest.TempPathFactory) -> Bubblewrap:
    """bubblewrap from the archive, in a home that never had it."""
    home = tmp_path_factory.mktemp("home")
    found = bubblewrap(silent(home=home), own=False)
    assert str(home) in found.program[0]
    return found


@pytest.fixture(scope="session")
def root(shell_layout: ImageLayout, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The image `shell:1` unpacked, in a folder that every user reaches."""
    folder = tmp_path_factory.mktemp("root") / "root"
    write_rootfs(shell_layout, choose_manifest(shell_layout, shell_layout.find("shell:1")), folder)
    for name in ("proc", "dev"):
        (folder / name).mkdir()
    return folder


@pytest.fixture
def shell(archives_bubblewrap: Bubblewrap, root: Path) -> Shell:
    """Runs a line of shell in the sandbox, as user 65532 of the image unless told otherwise."""
    plain = Wish(root, (), {"PATH": "/bin"}, uid=65532, gid=65532, limits=Limits(seconds=120))

    def call(line: str, **fields: object) -> Ended:
        return run(
            archives_bubblewrap,
            replace(plain, argv=("sh", "-c", line), **fields),  # type: ignore[arg-type]
        )

    return call


def test_bubblewrap_comes_verified_from_the_archive_and_is_found_again_offline(
    archives_bubblewrap: Bubblewrap,
) -> None:
    home = Path(archives_bubblewrap.program[0]).parents[5]
    assert archives_bubblewrap.origin.startswith("bubblewrap 0.")
    again = bubblewrap(silent(home=home, offline=True), own=False)
    assert again == archives_bubblewrap


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("echo x > /x", "Read-only file system"),
        ("echo x > /bin/sh", "Read-only file system"),
        ("busybox mount -t tmpfs none /tmp", "ermission denied|not permitted"),
        ("busybox unshare -r true", "not permitted"),
        ("echo x > /proc/sys/kernel/panic", "Read-only file system|Permission denied"),
        ("busybox chroot /tmp true", "not permitted"),
        ("busybox kill -0 HOST", "No such process"),
        ("wget -q -O- http://127.0.0.1:1/", "refused"),
        ("wget -q -T 5 -O- http://192.0.2.1/", "unreachable"),
        ("cat /tmp/../../../../../etc/shadow", "No such file"),
        ("busybox mknod /tmp/disk b 8 0", "not permitted"),
        ("busybox date -s 2001-01-01", "not permitted"),
    ],
)
def test_a_step_that_reaches_outside_is_held(shell: Shell, step: str, said: str) -> None:
    step = step.replace("HOST", str(os.getpid()))
    ended = shell(f"({step}) 2>&1; echo over")
    assert re.search(said, ended.stdout.decode()), ended
    assert ended.stdout.endswith(b"over\n"), ended


@pytest.mark.parametrize(
    "step",
    [
        "echo 0 > /proc/sys/vm/drop_caches",
        "echo x > /proc/irq/default_smp_affinity",
    ],
)
def test_user_0_who_may_be_the_host_s_changes_nothing_of_the_kernel_s(
    shell: Shell, step: str
) -> None:
    ended = shell(f"{step}; echo $?", uid=0, gid=0)
    assert re.search("Read-only file system|No such file|Permission denied", ended.stderr.decode())
    assert ended.stdout != b"0\n"


def test_the_host_s_device_nodes_are_not_the_sandbox_s(shell: Shell) -> None:
    host = Path("/dev/null").stat()
    ended = shell("busybox stat -c '%i %d' /dev/null; echo kept > /dev/null; echo $?", uid=0, gid=0)
    number, device, code = map(int, ended.stdout.split())
    assert (number, device) != (host.st_ino, host.st_dev)
    assert code == 0


def test_uid_0_of_the_sandbox_has_no_capability_and_cannot_get_one(shell: Shell) -> None:
    ended = shell("busybox grep -E 'Cap|NoNew' /proc/self/status; id -u", uid=0, gid=0)
    lines = [line.split() for line in ended.stdout.decode().splitlines()]
    assert [line[1] for line in lines[:-1]] == ["0" * 16] * 5 + ["1"]
    assert lines[-1] == ["0"]


def test_memory_of_the_kernel_reads_empty(shell: Shell) -> None:
    assert shell("busybox wc -c < /proc/kcore", uid=0, gid=0).stdout.strip() in (b"0", b"")


def test_more_processes_than_allowed_are_refused_and_gone_afterwards(shell: Shell) -> None:
    line = "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 120 & done; echo all"
    ended = shell(line, limits=Limits(processes=8, seconds=120))
    assert b"fork" in ended.stderr, ended
    assert b"all" not in ended.stdout
    assert ended.exit_code != 0


def test_a_disk_is_not_filled(shell: Shell) -> None:
    line = "busybox dd if=/dev/zero of=/tmp/full bs=1M count=64"
    ended = shell(line, tmpfs=(Tmpfs("/tmp", 4 << 20),))
    assert b"No space left" in ended.stderr
    ended = shell(line, limits=Limits(file_size=1 << 20))
    assert ended.exit_code != 0


@pytest.mark.parametrize(
    ("line", "limits", "said"),
    [
        # Each ends by itself soon after it should have been stopped.
        (
            "i=0; while [ $i -lt 64 ]; do busybox dd if=/dev/zero of=/data/$i bs=1M count=1;"
            " i=$((i+1)); done; sleep 300",
            {"disk": 16 << 20},
            "its files have more than 16 MB",
        ),
        (
            "i=0; while [ $i -lt 2000 ]; do : > /data/$i; i=$((i+1)); done; sleep 300",
            {"files": 1000},
            "it has more than 1000 files",
        ),
        (
            "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 300 & done; wait",
            {"processes": 8},
            "fork",
        ),
    ],
    ids=["bytes", "files", "processes"],
)
def test_a_build_step_fills_neither_the_disk_nor_the_table_of_processes(
    archives_bubblewrap: Bubblewrap,
    root: Path,
    tmp_path: Path,
    line: str,
    limits: dict[str, int],
    said: str,
) -> None:
    own = tmp_path / "root"
    shutil.copytree(root, own, symlinks=True)
    home = Path(archives_bubblewrap.program[0]).parents[5]
    stages = SandboxStages(silent(home=home, offline=True), **limits)
    command = StageCommand(own, ("sh", "-c", line), {"PATH": "/bin"}, "/", 0, 0, ())
    outcome = stages.run(command)
    assert outcome.exit_code, outcome
    assert not outcome.timed_out
    assert said in outcome.filled + outcome.output


def test_more_memory_than_allowed_ends_it(shell: Shell) -> None:
    line = "x=aaaaaaaaaaaaaaaa; while true; do x=$x$x; done"
    ended = shell(line, limits=Limits(memory=64 << 20, seconds=120))
    assert ended.exit_code != 0
    assert not ended.timed_out


def test_what_takes_too_long_is_killed_with_all_that_it_started(shell: Shell) -> None:
    ended = shell("sleep 500 & sleep 500 & echo began; wait", limits=Limits(seconds=1))
    assert (ended.timed_out, ended.exit_code, ended.stdout) == (True, 137, b"began\n")


def test_output_is_cut_and_said(shell: Shell) -> None:
    ended = shell("busybox yes | busybox head -c 100000", limits=Limits(output=10))
    assert (len(ended.stdout), ended.cut, ended.exit_code) == (10, True, 0)


def test_writes_are_discarded_or_kept_as_wished(shell: Shell, root: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir(mode=0o777)
    kept.chmod(0o777)
    bind = Bind(kept, "/out/of/it", writable=True)
    ended = shell("echo 1 > /new && cat /new", writes=Root.DISCARDED, uid=0, gid=0)
    assert ended.stdout == b"1\n", ended
    assert shell("echo 2 > /out/of/it/file", binds=(bind,)).exit_code == 0
    assert (kept / "file").read_text() == "2\n"
    assert not (root / "new").exists()
    assert not (root / "out").exists()


def test_the_network_of_the_host_is_there_when_it_is_wished(shell: Shell) -> None:
    line = "busybox ls /sys/class/net 2>/dev/null; busybox cat /proc/net/dev"
    own = shell(line).stdout.decode().count(":")
    assert own == 1
    assert shell(line, network=Network.HOST).exit_code == 0


@pytest.fixture(scope="session")
def engines(
    archives_bubblewrap: Bubblewrap,
    podman: Engine,
    shell_layout: ImageLayout,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Engine, Engine]]:
    """The sandbox and podman, both with the image `shell:1` as `shell`."""
    sandbox = Sandbox(lambda: archives_bubblewrap, tmp_path_factory.mktemp("kept"))
    manifest = choose_manifest(shell_layout, shell_layout.find("shell:1"))
    name = "localhost/ironhull-conformance:1"
    for one in (sandbox, podman):
        one.load(shell_layout, manifest, [name])
    yield sandbox, podman
    podman.remove(name)


HELD = replace(HARDENED, network="none")
ROWS: dict[str, tuple[str, RunOptions]] = {
    "the image's user": ("id -u; id -g; id -G", HELD),
    "a user by name": ("id", replace(HELD, user="nonroot")),
    "a user and a group": ("id", replace(HELD, user="65532:0")),
    "a number that nobody has": ("id -u; id -g", replace(HELD, user="4321")),
    "root without capabilities": ("id -u; cat /etc/passwd > /etc/x", replace(HELD, user="0")),
    "capabilities": ("busybox grep -E 'Cap(Eff|Prm|Bnd|Inh|Amb)' /proc/self/status", HELD),
    "no new privileges": ("busybox grep NoNewPrivs /proc/self/status", HELD),
    "a filter of calls": ("busybox grep 'Seccomp:' /proc/self/status", HELD),
    "a read-only root": ("echo x > /data/x; echo $?", HELD),
    "a root that takes writes": (
        "echo x > /data/x; cat /data/x",
        RunOptions(network="none", cap_drop=("all",)),
    ),
    "a temporary folder": ("busybox stat -c %a /tmp; echo y > /tmp/y; cat /tmp/y", HELD),
    "another tmpfs": (
        "busybox df -k /data | busybox tail -1 | busybox awk '{print $2}'",
        replace(HELD, tmpfs=("/data:size=4m",)),
    ),
    "devices": (
        "for one in null zero full random urandom tty; do busybox test -c /dev/$one; echo $?; done;"
        " for one in kmsg mem sda; do busybox test -e /dev/$one; echo $?; done",
        HELD,
    ),
    "memory to share": ("busybox stat -c '%a %F' /dev/shm; echo z > /dev/shm/z; echo $?", HELD),
    "processes": ("busybox ls -d /proc/1 /proc/self/fd; busybox wc -c < /proc/keys", HELD),
    "settings of the kernel": (
        "echo x > /proc/sys/vm/drop_caches; echo $?",
        replace(HELD, user="0"),
    ),
    "environment": ("echo $GREETING $PATH $HOME $A", replace(HELD, environment={"A": "b c"})),
    "the working folder": ("busybox pwd", HELD),
    "another working folder": ("busybox pwd", replace(HELD, workdir="/srv")),
    "a network of its own": ("busybox ip -o link | busybox wc -l; wget -q http://192.0.2.1/", HELD),
    "umask": ("umask", HELD),
    "output opened by its name": ("echo a > /dev/stdout; echo $?; echo b > /dev/stderr", HELD),
    "an exit code": ("exit 42", HELD),
    "a signal's exit code": ("sh -c 'busybox kill -9 $$'; exit $?", HELD),
}


@pytest.mark.parametrize("row", ROWS)
def test_the_sandbox_gives_what_podman_gives(engines: tuple[Engine, Engine], row: str) -> None:
    line, options = ROWS[row]
    options = replace(options, entrypoint=("sh", "-c", line))
    name = "localhost/ironhull-conformance:1"
    found, expected = (one.run(name, options, timeout=120) for one in engines)
    assert (found.stdout, found.exit_code) == (expected.stdout, expected.exit_code), (
        found.stderr,
        expected.stderr,
    )


def test_volumes_of_an_image_take_writes_as_with_podman(
    engines: tuple[Engine, Engine], tmp_path: Path
) -> None:
    layout = ImageLayout(tmp_path / "layout", create=True)
    make_image(
        layout,
        [
            {
                "bin/busybox": File(tool("busybox").read_bytes(), mode=0o755),
                "bin/sh": Symlink("busybox"),
                "owned": Directory(0o750, 65532, 7),
                "owned/file": File(b"of the image\n", mode=0o640, uid=65532),
                "link": Symlink("/owned"),
                "run/kept": Directory(0o700, 65532, 65532),
                "run/kept/file": File(b"below a tmpfs\n", uid=65532),
                "etc/passwd": "nonroot:x:65532:65532::/:/bin/sh\n",
            }
        ],
        config={
            "User": "65532:65532",
            "Env": ["PATH=/bin"],
            "Volumes": {"/owned": {}, "/missing/too": {}, "/run/socket": {}, "/run/kept": {}},
        },
        names=["volumes:1"],
    )
    line = (
        "busybox stat -c '%n %u %g %a' /owned /owned/file /missing /missing/too /run/socket;"
        "cat /owned/file /run/kept/file; echo more >> /owned/file; echo $?; echo x > /link/x;"
        "busybox ls /owned;"
        "echo x > /missing/too/x; echo $?; echo x > /missing/x; echo x > /etc/x; echo $?"
    )
    name = "localhost/ironhull-volumes:1"
    said = []
    for one in engines:
        one.load(layout, choose_manifest(layout, layout.find("volumes:1")), [name])
        try:
            # The second time nothing of the first is there.
            for _ in range(2):
                found = one.run(name, replace(HELD, entrypoint=("sh", "-c", line)), timeout=120)
                said.append(found.stdout)
        finally:
            one.remove(name)
    assert len(set(said)) == 1, said
    assert "more" not in said[0]
    assert "/owned 65532 7 750" in said[0]


@pytest.mark.parametrize("program", ["/nowhere", "nowhere", "/etc", "/etc/passwd"])
def test_what_cannot_run_ends_as_with_podman(engines: tuple[Engine, Engine], program: str) -> None:
    options = replace(HELD, entrypoint=(program,))
    found, expected = (
        one.run("localhost/ironhull-conformance:1", options, timeout=120) for one in engines
    )
    assert found.exit_code == expected.exit_code, (found.stderr, expected.stderr)


def test_a_server_answers_is_entered_and_stopped(engines: tuple[Engine, Engine]) -> None:
    sandbox, _ = engines
    options = replace(
        HARDENED,
        entrypoint=("busybox", "httpd", "-f", "-p", "8080", "-h", "/srv"),
        publish=("127.0.0.1::8080",),
    )
    with sandbox.start("localhost/ironhull-conformance:1", options) as container:
        host, port = container.port("8080/tcp")
        end, answer = time.monotonic() + 60, b""
        while not answer and time.monotonic() < end:
            with contextlib.suppress(OSError):
                answer = (
                    urllib.request.build_opener(urllib.request.ProxyHandler({}))
                    .open(f"http://{host}:{port}/", timeout=10)
                    .read()
                )
        assert answer == b"it answers\n"
        inside = container.execute(["sh", "-c", "id -u; wget -q -O- 127.0.0.1:8080; exit 5"])
        assert (inside.exit_code, inside.stdout) == (5, "65532\nit answers\n")
        lines = "busybox grep -E 'Cap|NoNew|Seccomp:' /proc/self/status"
        for user in ("0", "65532"):
            held = container.execute(["sh", "-c", lines], user=user).stdout.split()
            assert held[1::2] == ["0" * 16] * 5 + ["1", "2"], held
        assert container.execute(["sh", "-c", "echo a > /dev/stdout"]).stdout == "a\n"
        assert container.running()
        ended = container.stop(30)
        assert not ended.killed
        assert not container.running()


@pytest.fixture
def others_place(
    archives_bubblewrap: Bubblewrap, shell_layout: ImageLayout
) -> Iterator[tuple[Bubblewrap, Path]]:
    """Program and root where a user without a name reaches them, and owns the root."""
    with tempfile.TemporaryDirectory(prefix="ironhull-other-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        source = Path(archives_bubblewrap.program[-1]).parent
        shutil.copytree(source, folder / "program", symlinks=True)
        write_rootfs(
            shell_layout,
            choose_manifest(shell_layout, shell_layout.find("shell:1")),
            folder / "root",
        )
        for path in (folder / "root/proc", folder / "root/dev"):
            path.mkdir()
        for path in (folder / "root", *(folder / "root").rglob("*")):
            os.chown(path, OTHER, OTHER, follow_symlinks=False)
        program = tuple(
            word.replace(str(source), str(folder / "program"))
            for word in archives_bubblewrap.program
        )
        yield replace(archives_bubblewrap, program=program), folder / "root"


def as_other(work: Callable[[], Ended]) -> str:
    """What the work gives when it is done by a user without any rights, in a child of ours."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setresgid(OTHER, OTHER, OTHER)
            os.setresuid(OTHER, OTHER, OTHER)
            ended = work()
            said = f"{ended.exit_code}\n{(ended.stdout + ended.stderr).decode()}"
        except BaseException as error:
            said = repr(error)
        os.write(writing, said.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as file:
        said = file.read()
    os.waitpid(child, 0)
    return said


@pytest.mark.parametrize(
    ("line", "fields", "said"),
    [
        ("id -u; id -g; id -G", {}, "0\n65532\n65532\n65532\n"),
        ("id -u; echo x > /x", {"uid": 0, "gid": 0}, "Read-only file system"),
        ("echo x > /x; cat /x", {"writes": Root.DISCARDED}, "0\nx\n"),
        ("echo y > /tmp/y; cat /tmp/y", {}, "0\ny\n"),
        ("busybox grep CapEff /proc/self/status", {"uid": 0}, "0\nCapEff:\t0000000000000000\n"),
        ("busybox unshare -r true", {}, "not permitted"),
        ("for i in 1 2 3 4 5 6 7; do sleep 99 & done", {"limits": Limits(processes=4)}, "fork"),
        ("cat /proc/keys; busybox wc -l < /proc/net/dev", {}, "0\n3\n"),
        (
            "echo kept > /data/x; cat /data/x; busybox stat -c %a /data",
            {"volumes": (Volume("/data", mode=0o710),)},
            "kept\n710\n",
        ),
    ],
)
def test_another_user_than_root_needs_nothing_set_up(
    others_place: tuple[Bubblewrap, Path], line: str, fields: dict[str, object], said: str
) -> None:
    program, root = others_place
    plain = Wish(root, ("sh", "-c", line), {"PATH": "/bin"}, uid=65532, gid=65532)
    wish = replace(plain, **fields)  # type: ignore[arg-type]
    found = as_other(lambda: run(program, wish))
    assert said in found
    assert not (root / "x").exists()


def test_user_0_keeps_the_capabilities_of_an_engine_when_it_is_entered(
    engines: tuple[Engine, Engine],
) -> None:
    options = RunOptions(network="none", user="0", entrypoint=("sleep", "1000"))
    line = "touch /data/x && busybox chown 5:6 /data/x && busybox stat -c '%u %g' /data/x"
    with engines[0].start("localhost/ironhull-conformance:1", options) as container:
        done = container.execute(["sh", "-c", line], user="0")
    assert (done.stdout, done.exit_code) == ("5 6\n", 0), done.stderr


@pytest.fixture
def looking(
    archives_bubblewrap: Bubblewrap, shell_layout: ImageLayout, tmp_path: Path
) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts `ironhull debug` with a line of shell, beside a server that `ironhull run` started."""
    home = tmp_path / "home"
    known = Path(archives_bubblewrap.program[0]).parents[5]
    for part in ("store", "cache/sandbox/bubblewrap"):
        source = shell_layout.root if part == "store" else known / part
        shutil.copytree(source, home / part, symlinks=True)
    program, notes = str(ROOT / ".venv/bin/ironhull"), home / "cache/sandbox/running"

    def call(*words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [program, *words], env={**os.environ, "IRONHULL_HOME": str(home)},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def look(line: str) -> subprocess.Popen[str]:
        beside = ("--engine=sandbox", "--toolbox=shell:1", "shell:1")
        return call("debug", *beside, "sh", "-c", line)

    serve = "echo its own > /tmp/file; exec busybox httpd -f -p 8080 -h /srv"
    with call("run", "-q", "shell:1", "sh", "-c", serve) as target:
        try:
            until(lambda: bool(list(notes.glob("*.json"))))
            yield look
            assert target.poll() is None
        finally:
            target.terminate()
        assert target.wait(60) == 143
    assert list(notes.iterdir()) == []


def until(true: Callable[[], bool]) -> None:
    """Waits until it is true."""
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_sandbox_that_runs_is_looked_into_by_another_command_and_not_changed(
    looking: Callable[..., subprocess.Popen[str]],
) -> None:
    line = (
        "until wget -q -O- http://127.0.0.1:8080/; do sleep 0.05; done; busybox ps;"
        " busybox netstat -tln; cat /target/tmp/file; cat /target/proc/2/environ; id -u;"
        " for one in /target/tmp /target/data /target/dev/shm; do echo x > $one/x; done"
    )
    with looking(line) as toolbox:
        out, errors = toolbox.communicate(timeout=120)
    for seen in ("it answers\n", "busybox httpd -f", ":8080 ", "its own\n", "GREETING", "65532\n"):
        assert seen in out, errors
    assert errors.count("Read-only file system") == 3, errors


def test_a_killed_toolbox_takes_its_command_along_and_nothing_else(
    looking: Callable[..., subprocess.Popen[str]],
) -> None:
    word = str(10**9 + os.getpid())

    def runs() -> bool:
        found = False
        for place in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                found = found or place.read_bytes() == f"sleep\0{word}\0".encode()
        return found

    with looking(f"exec sleep {word}") as toolbox:
        until(runs)
        toolbox.kill()
    until(lambda: not runs())


def test_without_other_users_a_sandbox_is_joined_with_its_program_s_rights_and_ends_it(
    archives_bubblewrap: Bubblewrap, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (running, entering, joining):
        monkeypatch.setattr(module, "has_users", lambda: False)
    command = ("sh", "-c", "echo its own > /tmp/file; exec sleep 1000")
    wish = Wish(root, command, {"PATH": "/bin", "A": "word"}, uid=65532, gid=65532)
    with start(archives_bubblewrap, wish) as target:
        other = Target(target.pid, start_of(target.pid) or 0, wish.uid, wish.gid, ())
        with join(archives_bubblewrap, wish, other, "/target", tmp_path) as place:

            def shell(line: str) -> Ended:
                return execute(place, replace(wish, argv=("sh", "-c", line)), 60)

            wait = "until busybox test -s /target/tmp/file; do busybox usleep 20000; done"
            seen = shell(f"{wait}; cat /target/tmp/file /proc/2/environ; echo x > /target/tmp/x")
            assert b"its own\n" in seen.stdout
            assert b"A=word" in seen.stdout
            assert b"Read-only file system" in seen.stderr
            held = shell("id -u; busybox grep -E 'Cap|NoNew|Seccomp:' /proc/self/status").stdout
            assert held.split()[::2] == [b"65532", *[b"0" * 16] * 5, b"1", b"2"]
            assert shell("busybox kill -9 2; sleep 1000").exit_code == 137
            assert place.wait(60) is not None


def test_a_killed_starter_takes_its_sandbox_along(
    archives_bubblewrap: Bubblewrap, root: Path
) -> None:
    code = (
        "import sys, time; from pathlib import Path\n"
        "from ironhull.sandbox.bubblewrap import Bubblewrap\n"
        "from ironhull.sandbox.model import Wish\n"
        "from ironhull.sandbox.running import start\n"
        f"found = Bubblewrap({archives_bubblewrap.program!r}, '', '')\n"
        f"wish = Wish(Path({str(root)!r}), ('/bin/sleep', '1000'), uid=65532, gid=65532)\n"
        "running = start(found, wish); print(running.pid, flush=True); time.sleep(1000)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as starter:
        assert starter.stdout is not None
        number = int(starter.stdout.readline())
        assert Path(f"/proc/{number}").exists()
        starter.kill()
    end = time.monotonic() + 60
    while Path(f"/proc/{number}").exists() and time.monotonic() < end:
        time.sleep(0.02)
    assert not Path(f"/proc/{number}").exists()


BUILT = """\
FROM localhost/base:1 AS build
ARG WORD=built
USER 0
WORKDIR /making
COPY --chown=65532 src/*.txt ./
RUN echo $WORD > made && mkdir -p deep/er && ln -s made deep/link && rm one.txt
RUN ["/bin/busybox", "touch", "-d", "2001-01-01 00:00", "old"]

FROM build AS more
RUN rm -r deep && echo more > more

FROM localhost/base:1
ENV GREETING=good B=${GREETING}-bye
COPY --from=more /making /out/
COPY --from=build /making/deep /deep
COPY . /all
USER 0
RUN rm /srv/index.html && chown 65532:65532 /out/made && chmod 600 /out/made
USER nonroot
EXPOSE 8080
CMD ["/bin/sh", "-c", "echo $B; cat /out/more; id -u"]
"""
LISTING = "busybox find /out /deep /all /srv /making -exec busybox stat -c '%n %F %a %u:%g %N' {} +"


def test_a_dockerfile_becomes_what_podman_makes_of_it(
    archives_bubblewrap: Bubblewrap,
    podman: Engine,
    shell_layout: ImageLayout,
    tmp_path: Path,
) -> None:
    context = tmp_path / "context"
    (context / "src").mkdir(parents=True)
    for name in ("src/one.txt", "src/two.txt", "secret", "Dockerfile"):
        (context / name).write_text(f"{name}\n")
    (context / ".dockerignore").write_text("secret\nDockerfile\n.dockerignore\n")
    (context / "Dockerfile").write_text(BUILT)
    store = ImageLayout(tmp_path / "store", create=True)
    shutil.copytree(shell_layout.root / "blobs", tmp_path / "store/blobs", dirs_exist_ok=True)
    sandbox = BuildingSandbox(
        lambda: archives_bubblewrap, tmp_path / "kept", store, tmp_path / "stages"
    )
    manifest = choose_manifest(shell_layout, shell_layout.find("shell:1"))
    said = []
    for one, layout in ((podman, shell_layout), (sandbox, store)):
        one.load(layout, manifest, ["localhost/base:1"])
        built = one.build(BuildRequest(context / "Dockerfile", context, "localhost/built:1"))
        assert built.image
        config = one.inspect("localhost/built:1")
        listed = RunOptions(user="0", network="none", command=("/bin/sh", "-c", LISTING))
        files = one.run("localhost/built:1", listed)
        ran = one.run("localhost/built:1", RunOptions(network="none"))
        said.append(
            (
                sorted(config["Env"]), config["Cmd"], config["User"], config["WorkingDir"],
                config["ExposedPorts"], sorted(files.stdout.splitlines()), ran.stdout,
            )
        )  # fmt: skip
        one.remove("localhost/built:1")
        one.remove("localhost/base:1")
    theirs, ours = said
    for mine, other in zip(ours, theirs, strict=True):
        assert mine == other
    assert ours[-1] == "hello-bye\nmore\n65532\n"
    assert list((tmp_path / "stages").iterdir()) == []
    assert store.descriptors() == []


def test_a_step_that_fails_says_what_it_said_and_leaves_nothing(
    archives_bubblewrap: Bubblewrap, shell_layout: ImageLayout, tmp_path: Path
) -> None:
    sandbox = BuildingSandbox(
        lambda: archives_bubblewrap, tmp_path / "kept", shell_layout, tmp_path / "stages"
    )
    manifest = choose_manifest(shell_layout, shell_layout.find("shell:1"))
    sandbox.load(shell_layout, manifest, ["base:1"])
    (tmp_path / "Dockerfile").write_text("FROM base:1\nRUN echo no luck; exit 3\n")
    before = shell_layout.descriptors()
    with pytest.raises(EngineError, match=r"RUN echo no luck; exit 3 ended with 3:\nno luck"):
        sandbox.build(BuildRequest(tmp_path / "Dockerfile", tmp_path, "built:1"))
    assert list((tmp_path / "stages").iterdir()) == []
    assert shell_layout.descriptors() == before
    assert not sandbox.exists("built:1")
