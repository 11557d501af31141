"""A definition's tests: what runs how, and what is judged."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.fakes.engine import FakeContainer, FakeEngine, said
from tests.fakes.image import make_image

from ironhull.build.testing import TestReport, run_tests, test_options
from ironhull.definition.model import HttpProbe, ImageTest, Place
from ironhull.engine.host import HostSettings
from ironhull.engine.interface import Mount, RunResult, StopResult
from ironhull.errors import EngineError
from ironhull.progress import Silent
from ironhull.store.choice import machine_platform
from ironhull.store.layout import ImageLayout

PLACE = Place("web.yaml", 7, 3)
HOST = HostSettings((Mount(Path("/host"), "/run/host"),), {"http_proxy": "http://proxy"})


def _test(*commands: tuple[str, ...], **more: Any) -> ImageTest:
    return ImageTest("works", PLACE, commands, **more)


@pytest.fixture
def layout(tmp_path: Path) -> ImageLayout:
    return ImageLayout(tmp_path / "layout", create=True)


def _run(layout: ImageLayout, engine: FakeEngine, *tests: ImageTest) -> TestReport:
    image = make_image(layout, platforms=[str(machine_platform())])
    definition: Any = SimpleNamespace(tests=tests)
    return run_tests(engine, layout, image, definition, HOST, Silent())


def _reason(layout: ImageLayout, engine: FakeEngine, test: ImageTest) -> str:
    (outcome,) = _run(layout, engine, test).outcomes
    return outcome.reason


def test_one_command_runs_in_a_container_that_may_do_nothing(layout: ImageLayout) -> None:
    engine = FakeEngine(lambda command: said("v20.1\n"))
    report = _run(layout, engine, _test(("node", "--version"), output=r"^v20\."))
    assert report.passed
    (options,) = engine.ran
    assert options.entrypoint == ("node", "--version")
    assert (options.read_only, options.tmpfs, options.network) == (True, ("/tmp",), "none")
    assert (options.cap_drop, options.security_opt) == (("all",), ("no-new-privileges",))
    assert not options.mounts
    assert not options.environment


def test_the_image_is_loaded_for_the_tests_and_gone_afterwards(layout: ImageLayout) -> None:
    engine = FakeEngine()
    _run(layout, engine, _test(("a",)))
    assert engine.images == {}

    def fail(command: tuple[str, ...]) -> RunResult:
        assert len(engine.images) == 1
        raise EngineError("broken")

    engine.program = fail
    with pytest.raises(EngineError):
        _run(layout, engine, _test(("a",)))
    assert engine.images == {}


def test_several_commands_share_a_container_kept_open(layout: ImageLayout) -> None:
    engine = FakeEngine()
    assert _run(layout, engine, _test(("a",), ("b", "c"))).passed
    assert engine.executed == [("a",), ("b", "c")]
    (options,) = engine.ran
    assert options.entrypoint is not None
    (mount,) = options.mounts
    assert mount.target == options.entrypoint[0]
    assert engine.containers[0].removed


def test_the_first_command_that_fails_ends_the_test(layout: ImageLayout) -> None:
    engine = FakeEngine(lambda command: said("", 3, "bad\n") if command == ("b",) else said())
    reason = _reason(layout, engine, _test(("a",), ("b",), ("c",)))
    assert reason == "b: exit code 3, expected 0\n    bad"
    assert engine.executed == [("a",), ("b",)]
    assert engine.containers[0].removed


def test_an_expected_exit_code_passes_and_zero_then_fails(layout: ImageLayout) -> None:
    test = _test(("a",), exit_code=2)
    assert _reason(layout, FakeEngine(lambda command: said("", 2)), test) == ""
    assert "exit code 0, expected 2" in _reason(layout, FakeEngine(), test)


def test_output_is_looked_for_in_the_last_command_only(layout: ImageLayout) -> None:
    engine = FakeEngine(lambda command: said(command[0]))
    assert _reason(layout, engine, _test(("yes",), ("no",), output="no")) == ""
    assert "expected output like 'yes'" in _reason(
        layout, engine, _test(("yes",), ("no",), output="yes")
    )


def test_output_on_standard_error_counts(layout: ImageLayout) -> None:
    engine = FakeEngine(lambda command: said("", 0, "warned"))
    assert _reason(layout, engine, _test(("a",), output="warned")) == ""


def test_a_command_that_takes_too_long_fails(layout: ImageLayout) -> None:
    engine = FakeEngine(lambda command: RunResult(-9, "half", "", 5, timed_out=True))
    assert "not done after 5 seconds" in _reason(layout, engine, _test(("a",), timeout=5))


def test_a_background_command_is_the_server_and_the_others_run_beside_it(
    layout: ImageLayout,
) -> None:
    engine = FakeEngine()
    assert _run(layout, engine, _test(("server",), ("ask",), background=True)).passed
    assert engine.ran[0].entrypoint == ("server",)
    assert engine.executed == [("ask",)]


def test_what_is_asked_first_is_asked_again_while_the_server_starts(layout: ImageLayout) -> None:
    answers = iter([1, 1, 0, 0])

    def program(command: tuple[str, ...]) -> RunResult:
        return said(exit_code=next(answers))

    engine = FakeEngine(program)
    test = _test(("server",), ("set",), ("get",), background=True)
    assert _run(layout, engine, test).passed
    assert engine.executed == [("set",)] * 3 + [("get",)]


def test_what_is_asked_later_is_asked_once(layout: ImageLayout) -> None:
    engine = FakeEngine(lambda command: said(exit_code=int(command == ("get",))))
    test = _test(("server",), ("set",), ("get",), background=True)
    assert _reason(layout, engine, test).startswith("get: exit code 1")
    assert engine.executed == [("set",), ("get",)]


def test_a_server_that_ends_fails_with_its_last_words(layout: ImageLayout) -> None:
    def prepare(container: FakeContainer) -> None:
        container.alive, container.log = False, ("", "port in use\n")

    engine = FakeEngine(prepare=prepare)
    reason = _reason(layout, engine, _test(("server",), background=True))
    assert reason == "the server has ended\n    port in use"


def test_network_brings_the_host_s_settings_and_nothing_else_does(layout: ImageLayout) -> None:
    with_network = test_options(_test(("a",), network=True), HOST)
    assert with_network.network == "host"
    assert with_network.mounts == HOST.mounts
    assert with_network.environment == HOST.environment
    assert with_network.read_only
    for test in (_test(("a",)), _test(("a",), writable=True), _test(http=HttpProbe(80))):
        options = test_options(test, HOST)
        assert options.network != "host"
        assert not options.mounts
        assert not options.environment


def test_writable_keeps_the_engine_s_capabilities() -> None:
    options = test_options(_test(("a",), writable=True, user="root", directory="/srv"), HOST)
    assert not options.read_only
    assert options.cap_drop == ()
    assert (options.user, options.workdir, options.network) == ("root", "/srv", "none")


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response({"/moved": 302, "/": 200}.get(self.path, 404))
        self.send_header("location", "/")
        self.end_headers()
        self.wfile.write(b"welcome")

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def _served(port: int) -> FakeEngine:
    return FakeEngine(ports={"8080/tcp": ("127.0.0.1", port)})


def test_a_probe_asks_the_published_port_of_the_image_s_own_server(
    layout: ImageLayout, port: int
) -> None:
    engine = _served(port)
    test = _test(http=HttpProbe(8080, body="wel.ome"))
    assert _reason(layout, engine, test) == ""
    assert engine.ran[0].entrypoint is None
    assert engine.ran[0].publish == ("127.0.0.1::8080",)


@pytest.mark.parametrize(
    ("probe", "reason"),
    [
        (HttpProbe(8080, path="/none"), "status 404, expected 200"),
        (HttpProbe(8080, body="goodbye"), "expected a body like 'goodbye', got 'welcome'"),
        (HttpProbe(8080, path="/moved"), "status 302, expected 200"),
    ],
)
def test_a_wrong_answer_fails_when_time_is_up(
    layout: ImageLayout, port: int, probe: HttpProbe, reason: str
) -> None:
    found = _reason(layout, _served(port), _test(http=probe, timeout=1))
    assert f"port 8080, {probe.path}: {reason}" in found


def test_no_answer_fails(layout: ImageLayout) -> None:
    engine = FakeEngine(ports={"8080/tcp": ("127.0.0.1", 1)})
    assert "no answer" in _reason(layout, engine, _test(http=HttpProbe(8080), timeout=1))


def test_a_server_that_does_not_stop_when_told_fails(layout: ImageLayout, port: int) -> None:
    def prepare(container: FakeContainer) -> None:
        container.stopped = StopResult(137, 10.2, killed=True)

    engine = replace(_served(port), prepare=prepare)
    reason = _reason(layout, engine, _test(http=HttpProbe(8080)))
    assert reason == "did not end within 10 seconds of its stop signal"


def test_a_failure_keeps_the_other_tests_running(layout: ImageLayout) -> None:
    engine = FakeEngine(lambda command: said("", 1 if command == ("bad",) else 0))
    report = _run(layout, engine, _test(("bad",)), _test(("good",)))
    assert [outcome.passed for outcome in report.outcomes] == [False, True]
    assert not report.passed
    assert report.engine == "fake"


def test_long_output_is_kept_at_its_end(layout: ImageLayout) -> None:
    engine = FakeEngine(lambda command: said("x" * 100_000 + "end"))
    (outcome,) = _run(layout, engine, _test(("a",))).outcomes
    assert len(outcome.commands[0].output) < 5000
    assert outcome.commands[0].output.endswith("end")
