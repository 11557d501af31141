"""A definition's tests in real engines: the same verdicts from each."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.fakes.image import Directory, File, Symlink, make_image
from tests.real.tools import tool

from ironhull.build.testing import TestReport, run_tests
from ironhull.definition.model import HttpProbe, ImageTest, Place
from ironhull.engine.host import HostSettings, host_settings
from ironhull.engine.interface import Engine
from ironhull.progress import Silent
from ironhull.store.layout import ImageLayout

PLACE = Place("shell.yaml", 1, 1)
SHELL = "/bin/sh"


def _tests(engine: Engine, layout: ImageLayout, *tests: ImageTest, name: str) -> TestReport:
    definition: Any = SimpleNamespace(tests=tests)
    with host_settings({}, Path("/nonexistent")) as host:
        return run_tests(engine, layout, layout.find(name), definition, host, Silent())


def _test(name: str, *scripts: str, **more: Any) -> ImageTest:
    return ImageTest(name, PLACE, tuple((SHELL, "-c", script) for script in scripts), **more)


def test_verdicts_are_right(runner: Engine, shell_layout: ImageLayout) -> None:
    report = _tests(
        runner,
        shell_layout,
        _test("user", "id -u", output="^65532$"),
        _test("read-only", "touch /data/x", exit_code=1, output="Read-only"),
        _test("state is kept", "echo kept > /tmp/x", "cat /tmp/x", output="kept"),
        _test("writable", "touch /data/x", "echo /data/*", writable=True, output="/data/x"),
        _test("root", "id -u; echo $PWD", user="root", directory="/tmp", output="^0\n/tmp\n$"),
        _test("background", "httpd -f -p 8080 -h /srv", "sleep 1", background=True),
        _test("fails", "exit 3"),
        _test("too slow", "sleep 60", timeout=1),
        _test("wrong output", "echo a", output="b"),
        _test("server gone", "exit 1", background=True),
        _test(
            "probe",
            "httpd -f -p 8080 -h /srv",
            http=HttpProbe(8080, "/index.html", body="it answers"),
        ),
        _test("host", "cat /run/ironhull-host/npmrc; env", network=True, output="PIP_CONFIG_FILE"),
        name="shell:1",
    )
    verdicts = {outcome.name: outcome.reason for outcome in report.outcomes}
    failed = {name for name, reason in verdicts.items() if reason}
    assert failed == {"fails", "too slow", "wrong output", "server gone"}, verdicts
    assert "exit code 3, expected 0" in verdicts["fails"]
    assert "not done after 1 seconds" in verdicts["too slow"]
    assert report.engine == runner.name
    assert report.engine_version
    assert runner.line.ask("ps", "-a", "-q") == ""  # type: ignore[attr-defined]
    listed = runner.line.ask("images", "--format", "{{.Repository}}")  # type: ignore[attr-defined]
    assert "ironhull-test" not in listed


@pytest.mark.parametrize("stops", [True, False])
def test_the_image_s_own_server_is_asked_and_stopped(
    runner: Engine, tmp_path: Path, stops: bool
) -> None:
    signal = "trap 'exit 0' TERM" if stops else "trap '' TERM"
    layout = ImageLayout(tmp_path / "layout", create=True)
    make_image(
        layout,
        [
            {
                "bin": Directory(),
                "bin/busybox": File(tool("busybox").read_bytes(), mode=0o755),
                **{f"bin/{name}": Symlink("busybox") for name in ("sh", "httpd", "sleep")},
                "srv/index.html": "hello",
                "etc/passwd": "root:x:0:0::/:/bin/sh\n",
                "etc/group": "root:x:0:\n",
            }
        ],
        config={
            "User": "65532",
            "Env": ["PATH=/bin"],
            "Entrypoint": [SHELL, "-c"],
            "Cmd": [f"{signal}; httpd -f -p 8080 -h /srv & while true; do wait; sleep 0.2; done"],
        },
        names=["web:1"],
    )
    test = ImageTest("web", PLACE, (), http=HttpProbe(8080, "/", body="hello"))
    report = _tests(runner, layout, test, name="web:1")
    assert report.passed is stops
    if not stops:
        assert "did not end within" in report.outcomes[0].reason


def test_a_test_without_network_cannot_reach_the_host(
    runner: Engine, shell_layout: ImageLayout
) -> None:
    definition: Any = SimpleNamespace(tests=(_test("alone", "wget -T 3 -O - http://10.0.0.1/"),))
    report = run_tests(
        runner, shell_layout, shell_layout.find("shell:1"), definition, HostSettings(), Silent()
    )
    assert "unreachable" in report.outcomes[0].commands[0].output.lower()
