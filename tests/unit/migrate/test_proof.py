"""Both images built, run and judged, with an engine of this process; nothing is left behind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.fakes.image import make_image
from tests.fakes.node_app import NO_IMAGE, AppEngine, answering

from ironhull.build.check_result import CheckResult
from ironhull.compare.compare import compare
from ironhull.compare.model import MeasuredImage, Unknown
from ironhull.engine.host import HostSettings
from ironhull.engine.interface import RunResult, StopResult
from ironhull.errors import EngineError, InputError
from ironhull.inventory.model import Distribution, ImageConfig, ImageIdentity, Inventory
from ironhull.migrate.proof import judge, trial
from ironhull.migrate.proof.bases_named import bases_named, stand_in
from ironhull.migrate.proof.document import document
from ironhull.migrate.proof.model import Answer, Ended, Request, Service, Verdict, worst
from ironhull.migrate.proof.prove import Questions, Version, Workplace, prove
from ironhull.migrate.proof.requests import parse_request, requests_for
from ironhull.migrate.proof.table import lines
from ironhull.progress import Silent
from ironhull.store.choice import machine_platform
from ironhull.store.layout import ImageLayout

BEFORE = Version("before", b"FROM node:20\nEXPOSE 80\n", None, ("node:20",))
AFTER = Version("after", b"FROM localhost/node:20\nEXPOSE 8080\n", None, ("localhost/node:20",))
OLD = ImageConfig(ports=("80/tcp",), cmd=("npm", "start"))
NEW = ImageConfig(user="1000:1000", ports=("8080/tcp",), cmd=("node", "server.js"))
NOTHING = Unknown("not measured")


def inventory(image: str, config: ImageConfig) -> Inventory:
    identity = ImageIdentity(image, "engine")
    return Inventory(identity, Distribution("debian", "13", "trixie"), config=config)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Workplace]:
    store = ImageLayout(tmp_path / "store", create=True)
    make_image(store, platforms=[str(machine_platform())], names=["node:20", "node:20-dev"])
    with answering() as address:
        yield Workplace(
            engine=AppEngine(ports={"80/tcp": address, "8080/tcp": address}),
            store=store,
            context=tmp_path,
            host=HostSettings(),
            inventory=lambda image: inventory(image, OLD if ":before" in image else NEW),
            closure=lambda found, shell: (CheckResult("libraries", "linux/amd64", 7, ()),),
            missing=lambda reference: "is far away",
            stand_in=lambda name: "node:20" if "localhost" in name else "node:20-dev",
            progress=Silent(),
            compared=lambda found: compare(
                [MeasuredImage(one, NOTHING, NOTHING, NOTHING) for one in found],
                datetime(2026, 1, 1, tzinfo=UTC),
            ),
            suffix="s",
        )


def engine_of(place: Workplace) -> AppEngine:
    assert isinstance(place.engine, AppEngine)
    return place.engine


def nothing_is_left(place: Workplace) -> bool:
    engine = engine_of(place)
    return not engine.images and all(container.removed for container in engine.containers)


def test_the_new_image_is_run_read_only_and_asked_the_same(place):
    found = prove(place, BEFORE, AFTER, Questions())
    assert found.verdict is Verdict.EXPECTED
    answers = [aspect for aspect in found.aspects if aspect.id == "answer"]
    assert [(one.title, one.verdict) for one in answers] == [("GET :80/", Verdict.SAME)]
    old, new = engine_of(place).ran
    assert (old.read_only, old.publish) == (False, ("127.0.0.1::80",))
    assert (new.read_only, new.cap_drop, new.publish) == (True, ("all",), ("127.0.0.1::8080",))
    assert nothing_is_left(place)


def test_the_report_has_bases_aspects_figures_and_the_verdict(place):
    found = prove(place, BEFORE, AFTER, Questions(requests=(Request("GET", "/x"),)))
    text = "\n".join(lines(found))
    assert "FROM node:20 is Ironhull’s node:20-dev (is far away)" in text
    assert "GET :80/x" in text
    assert "expected differences: what differs was meant to" in text
    value = document(found)
    assert value["verdict"] == "expected differences"
    assert value["images"][0]["bases"][0]["stored"] == "node:20-dev"
    assert value["comparison"]["schema"] == "ironhull-compare-1"


def test_an_old_image_that_does_not_start_proves_nothing(place, monkeypatch):
    monkeypatch.setattr(trial, "READY", 0.2)
    found = prove(replace(place, engine=AppEngine(ports={})), BEFORE, AFTER, Questions())
    assert found.verdict is Verdict.NOT_TESTED
    assert "before: " in found.aspects[-1].reason


def test_a_new_image_that_does_not_start_is_unexpected(place, monkeypatch):
    monkeypatch.setattr(trial, "READY", 0.2)
    engine = engine_of(place)
    engine.ports = {"80/tcp": engine.ports["80/tcp"]}
    found = prove(place, BEFORE, AFTER, Questions())
    assert (found.aspects[-1].id, found.aspects[-1].verdict) == ("start", Verdict.UNEXPECTED)
    assert nothing_is_left(place)


def test_a_new_dockerfile_that_does_not_build_is_unexpected_and_an_old_one_an_error(place):
    engine = engine_of(place)

    def broken(name: str) -> None:
        build = AppEngine.build

        def failing(request):
            if f":{name}-" in request.tag:
                raise EngineError("RUN failed")
            return build(engine, request)

        engine.build = failing

    broken("after")
    found = prove(place, BEFORE, AFTER, Questions())
    assert found.verdict is Verdict.UNEXPECTED
    assert found.aspects[0].reason == "RUN failed"
    broken("before")
    with pytest.raises(EngineError, match="RUN failed"):
        prove(place, BEFORE, AFTER, Questions())
    assert nothing_is_left(place)


def test_an_interrupt_leaves_nothing(place):
    def interrupted(image: str) -> Inventory:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prove(replace(place, inventory=interrupted), BEFORE, AFTER, Questions())
    assert nothing_is_left(place)


def test_a_base_that_nobody_has_is_named(place):
    with pytest.raises(InputError, match="far away, and no image of Ironhull's"):
        prove(replace(place, stand_in=lambda name: ""), BEFORE, AFTER, Questions())


def test_without_a_port_the_images_own_commands_are_compared(place):
    plain = replace(
        place, inventory=lambda image: inventory(image, ImageConfig(cmd=("x",), user="1"))
    )
    ends = iter([RunResult(0, "7\n", "", 1), RunResult(1, "", "no\n", 1)])
    engine_of(place).run = lambda image, options, *, timeout=60: next(ends)
    found = prove(plain, BEFORE, AFTER, Questions())
    last = found.aspects[-1]
    assert (last.id, last.before, last.after) == ("command", "exit code 0: 7", "exit code 1: no")
    assert found.verdict is Verdict.UNEXPECTED


@pytest.mark.parametrize("requests", [("/x",), (":80/", "/x")])
def test_a_request_without_any_port_is_refused_before_anything_is_built(place, requests):
    asked = Questions(requests=tuple(map(parse_request, requests)))
    versions = [replace(one, dockerfile=b"FROM node:20\n") for one in (BEFORE, AFTER)]
    with pytest.raises(InputError, match=r"/x: nothing exposes a port.* --request 'GET :8080/x'"):
        prove(place, *versions, asked)
    assert not engine_of(place).builds
    assert nothing_is_left(place)


@pytest.mark.parametrize(
    ("dockerfile", "base"),
    [
        ("FROM node:20\nexpose $PORT\n", {}),
        ("FROM node:$VERSION\n", {}),
        ("FROM node:20\n", {"OnBuild": ["EXPOSE 80"]}),
        ("FROM node:20\n", {"ExposedPorts": {"80/udp": {}}}),
    ],
)
def test_requests_without_any_port_are_not_tested(place, dockerfile, base):
    plain = replace(place, inventory=lambda image: inventory(image, ImageConfig(user="1")))
    engine_of(place).inspect = lambda image: base
    before = replace(BEFORE, dockerfile=dockerfile.encode())
    after = replace(AFTER, dockerfile=b"FROM localhost/node:20\n")
    found = prove(plain, before, after, Questions(requests=(Request("GET", "/"),)))
    assert found.verdict is Verdict.NOT_TESTED
    assert "name it" in found.aspects[-1].reason


def test_labels_and_environment_of_the_bases_do_not_count(place):
    config = ImageConfig(
        labels={"base": "1", "own": "2"}, env=("BASE=1", "OWN=2"), ports=("80/tcp",)
    )
    old = replace(place, inventory=lambda image: inventory(image, config if ":b" in image else NEW))
    engine_of(place).inspect = lambda image: {"Labels": {"base": "1"}, "Env": ["BASE=1"]}
    found = {aspect.title: aspect for aspect in prove(old, BEFORE, AFTER, Questions()).aspects}
    assert (found["labels"].before, found["labels"].verdict) == ("own", Verdict.UNEXPECTED)
    assert found["environment"].before == "OWN=2"


# -- judging -------------------------------------------------------------------------------------


STOPPED = StopResult(0, 0.1, killed=False)


def service(*bodies: str, stopped: StopResult = STOPPED) -> Service:
    answers = tuple(Answer(200, "text/plain", body) for body in bodies)
    return Service((), answers, None, stopped.seconds, stopped.exit_code, stopped.killed)


def judged(before: Service, after: Service, again: Service | None = None) -> list[Verdict]:
    request = Request("GET", "/", port=80)
    found = judge.services([request] * len(before.answers), before, after, again)
    return [aspect.verdict for aspect in found]


def test_an_answer_that_the_old_image_does_not_repeat_either_is_no_surprise():
    assert judged(service("1"), service("2"), service("1"))[0] is Verdict.UNEXPECTED
    assert judged(service("1"), service("2"), service("3"))[0] is Verdict.EXPECTED
    error = replace(service("x"), answers=(Answer(500, "text/plain", "x"),))
    assert judged(service("1"), error, service("3"))[0] is Verdict.UNEXPECTED


def test_an_image_that_has_to_be_killed_is_worse_than_one_that_stops():
    killed = StopResult(137, 10, killed=True)
    assert judged(service(), service(stopped=killed)) == [Verdict.UNEXPECTED]
    assert judged(service(stopped=killed), service()) == [Verdict.EXPECTED]
    assert judged(service(stopped=killed), service(stopped=killed)) == [Verdict.SAME]
    assert judged(service(), service(stopped=StopResult(143, 0.1, killed=False))) == [
        Verdict.EXPECTED
    ]
    assert judged(service(), service(stopped=StopResult(1, 0.1, killed=False))) == [
        Verdict.UNEXPECTED
    ]


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        (0, 0, Verdict.SAME),
        (1, 0, Verdict.EXPECTED),
        (0, 1, Verdict.UNEXPECTED),
        (1, 1, Verdict.SAME),
        (0, None, Verdict.EXPECTED),
    ],
)
def test_the_health_checks_of_both_are_called(before, after, verdict):
    def with_health(code: int | None) -> Service:
        health = None if code is None else Ended(("x",), code, "", "")
        return replace(service(), health=health)

    found = list(judge.services([], with_health(before), with_health(after), None))
    assert (found[0].id, found[0].verdict) == ("health", verdict)


def test_what_a_migration_is_for_is_expected_and_what_it_loses_is_not():
    old = replace(OLD, volumes=("/data/",), stop_signal="SIGQUIT", labels={"a": "1"})
    new = replace(NEW, volumes=("/data",), stop_signal="SIGQUIT", labels={"a": "2"})
    good = {one.title: one.verdict for one in judge.configurations(old, new, {80: 8080})}
    assert set(good.values()) == {Verdict.EXPECTED}
    bad = judge.configurations(old, ImageConfig(user="0:0"), {})
    assert {one.title for one in bad if one.verdict is Verdict.UNEXPECTED} == {
        "user", "command", "ports", "volumes", "stop signal", "labels",
    }  # fmt: skip


def test_the_worst_aspect_decides_and_none_proves_nothing():
    assert worst([]) is Verdict.NOT_TESTED
    assert worst([Verdict.SAME, Verdict.EXPECTED]) is Verdict.EXPECTED
    assert worst([Verdict.NOT_TESTED, Verdict.UNEXPECTED]) is Verdict.UNEXPECTED


# -- what to ask, and on what to build -----------------------------------------------------------


def test_requests_are_written_as_people_say_them():
    assert parse_request("/health") == Request("GET", "/health")
    assert parse_request("get :8080/") == Request("GET", "/", port=8080)
    assert parse_request('POST /a?b {"c": 1}') == Request("POST", "/a?b", '{"c": 1}')


@pytest.mark.parametrize("text", ["", "health", "SMILE /", ":99999/", "GET http://x/"])
def test_what_is_no_request_is_refused(text):
    with pytest.raises(InputError, match="--request"):
        parse_request(text)


def test_without_requests_ports_and_the_health_check_say_what_to_ask():
    config = ImageConfig(
        ports=("80/tcp", "53/udp"),
        healthcheck=("CMD-SHELL", "curl -f http://localhost/health && curl http://localhost:9/x"),
    )
    assert requests_for((), config) == (
        Request("GET", "/", port=80), Request("GET", "/health", port=80),
    )  # fmt: skip
    given = (Request("GET", "/a"),)
    assert requests_for(given, config) == given


def test_all_images_that_a_dockerfile_names_are_found():
    text = b"""ARG VERSION=20
ARG NONE
FROM node:${VERSION}-alpine AS build
FROM build AS more
COPY --from=busybox:1 /a /b
COPY --from=build /a /b
COPY --from=0 /a /b
RUN --mount=type=bind,from=golang:1.24,target=/go true
FROM scratch
FROM $NONE
"""
    assert bases_named(text) == ("node:20-alpine", "busybox:1", "golang:1.24")


def test_a_conventional_image_is_stood_in_for_by_one_of_the_catalog():
    tags = {
        "node": ["18", "18-dev", "20", "20-dev", "20-standard"],
        "python": ["3.11-dev", "3.13", "3.13-dev"],
        "openjdk": ["21", "21-dev"],
        "debian-base": ["13", "13-dev"],
    }
    found = {
        name: stand_in(name, tags)
        for name in (
            "node:20-alpine", "node:18", "docker.io/library/python:3.11.4-slim", "python",
            "maven:3.9-eclipse-temurin-21", "debian:trixie-slim", "localhost/node:20-dev",
            "dhi.io/node:20", "registry.example/own:1", "ruby:3",
        )
    }  # fmt: skip
    assert found == {
        "node:20-alpine": "node:20-standard",
        "node:18": "node:18-dev",
        "docker.io/library/python:3.11.4-slim": "python:3.11-dev",
        "python": "python:3.13-dev",
        "maven:3.9-eclipse-temurin-21": "openjdk:21-dev",
        "debian:trixie-slim": "debian-base:13-dev",
        "localhost/node:20-dev": "node:20-dev",
        "dhi.io/node:20": "node:20",
        "registry.example/own:1": "",
        "ruby:3": "",
    }


def test_a_base_that_the_engine_has_is_taken_and_stays(place):
    engine_of(place).images["docker.io/library/node:20"] = NO_IMAGE
    found = prove(place, BEFORE, AFTER, Questions())
    assert found.sides[0].bases[0].origin == "engine"
    assert "docker.io/library/node:20" in engine_of(place).images
