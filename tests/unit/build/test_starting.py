from tests.fakes.engine import FakeEngine, said

from ironhull.build.starting import start_once
from ironhull.engine.interface import StopResult
from ironhull.errors import EngineError

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue\n"
WAITING = f"{HEAD}   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000\n"
TALKING = f"{HEAD}   0: 0100007F:1F90 0100007F:9999 01 00000000:00000000\n"


def tables(**found: str):
    def program(command):
        return said(found.get(command[1].rpartition("/")[2], HEAD))

    return program


def ended(container) -> None:
    container.alive = False
    container.log = ("", "getpwnam failed: no user web\n")


def test_a_server_that_waits_on_its_port_has_started_and_is_stopped():
    engine = FakeEngine(tables(tcp6=WAITING))
    outcome = start_once(engine, "web", ["8080/tcp"])
    assert outcome.started
    assert outcome.listening == ("8080/tcp",)
    assert not engine.containers[0].alive
    assert engine.containers[0].removed
    options = engine.ran[0]
    assert (options.read_only, options.network, options.cap_drop) == (True, "none", ("all",))


def test_a_port_on_which_somebody_talks_is_not_one_that_is_waited_on():
    outcome = start_once(FakeEngine(tables(tcp=TALKING)), "web", ["8080/tcp"], patience=0.3)
    assert outcome.reason == ("runs, but does not listen on 8080/tcp (it listens on no port)")


def test_the_port_that_it_listens_on_instead_is_said():
    outcome = start_once(FakeEngine(tables(udp=WAITING.replace("0A", "07"))), "dns", ["53/udp"],
                         patience=0.3)  # fmt: skip
    assert outcome.reason == "runs, but does not listen on 53/udp (it listens on 8080/udp)"


def test_what_ends_at_once_has_not_started_if_it_promised_a_port():
    engine = FakeEngine(prepare=ended)
    outcome = start_once(engine, "web", ["8080/tcp"])
    assert outcome.reason == "ended with exit code 0 instead of listening on 8080/tcp"
    assert outcome.said == "getpwnam failed: no user web"
    assert start_once(engine, "tool", []).started


def test_what_ends_while_it_is_looked_at_has_ended_and_the_engine_has_not_failed():
    engine = FakeEngine()

    def gone(command):
        engine.containers[0].alive = False
        raise EngineError("only running containers")

    engine.program = gone
    reason = start_once(engine, "web", ["80/tcp"]).reason
    assert reason == "ended with exit code 0 instead of listening on 80/tcp"


def test_what_has_to_be_killed_has_not_held_what_was_promised():
    def deaf(container) -> None:
        container.stopped = StopResult(137, 10, killed=True)

    outcome = start_once(FakeEngine(tables(tcp=WAITING), prepare=deaf), "web", ["8080/tcp"])
    assert outcome.reason == "did not end within 10 seconds of its stop signal"
