"""Tags that never move, quotas, and who is told of pushes."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.unit.registry.server.conftest import Site, make_site, manifest

from ironhull.errors import InputError
from ironhull.oci.digest import Digest
from ironhull.oci.media_types import OCI_MANIFEST
from ironhull.registry.server.app import application
from ironhull.registry.server.publishing import put_manifest
from ironhull.registry.server.refusal import Refusal
from ironhull.registry.server.rules import Push, Quota, Rules, read_rules_file
from ironhull.settings import Settings
from ironhull.workspace import push_telling
from ironhull.workspace.machine import Machine


@pytest.fixture
def held(tmp_path: Path) -> Site:
    site = make_site(tmp_path / "store")
    site.registry.contents.rules = Rules(("node:v*",), (Quota(("small/*",), 20),))
    return site


def test_an_immutable_tag_is_set_once_and_stays(held: Site) -> None:
    first = held.push_image("node", "v1", b"one")
    assert held.put_manifest("node", "v1", manifest(layers=(b"one",))).status == 201
    held.push_blob("node", b"two")
    other = manifest(layers=(b"two",))
    answer = held.put_manifest("node", "v1", other)
    assert (answer.status, answer.code) == (403, "DENIED")
    assert "node:v1 is immutable" in answer.body.decode()
    assert held.ask("GET", "/v2/node/manifests/v1").headers["docker-content-digest"] == first
    assert held.put_manifest("node", "latest", other).status == 201


@pytest.mark.parametrize("by", ["tag", "digest"])
def test_an_immutable_tag_is_not_deleted_in_any_way(held: Site, by: str) -> None:
    digest = held.push_image("node", "v1")
    reference = "v1" if by == "tag" else digest
    assert held.ask("DELETE", f"/v2/node/manifests/{reference}").code == "DENIED"
    assert held.ask("GET", "/v2/node/manifests/v1").status == 200


def test_a_repository_holds_no_more_than_its_quota(held: Site) -> None:
    held.push_image("small/app", "1", b"0123456789")
    held.push_image("small/app", "2", b"0123456789")
    held.push_blob("small/app", b"abcdefghij")
    answer = held.put_manifest("small/app", "3", manifest(layers=(b"abcdefghij",)))
    assert answer.code == "DENIED"
    assert "its quota is 20" in answer.body.decode()
    assert held.ask("GET", "/v2/small/app/manifests/3").status == 404
    held.push_image("other", "1", b"x" * 100)


def test_of_two_manifests_that_together_pass_the_quota_one_is_refused(
    held: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents, layers = held.registry.contents, (b"a" * 12, b"b" * 12)
    for layer in (b"{}", *layers):
        held.push_blob("small/app", layer)
    both, check = threading.Barrier(2), contents.check_room

    def checked(repository: str, parts: Iterable[Digest]) -> None:
        check(repository, parts)
        # Whoever was let through waits for the other, that may not come.
        with suppress(threading.BrokenBarrierError):
            both.wait(0.1)

    monkeypatch.setattr(contents, "check_room", checked)

    def put(layer: bytes) -> str:
        try:
            put_manifest(
                contents, "small/app", layer.hex(), manifest(layers=(layer,)), OCI_MANIFEST
            )
        except Refusal as refusal:
            return refusal.code
        return "taken"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(put, layers)) == ["DENIED", "taken"]


def test_blobs_that_come_at_once_keep_to_the_quota_together(held: Site) -> None:
    contents = held.registry.contents
    with contents.room_for("small/app", 15):
        with pytest.raises(Refusal, match="its quota is 20"), contents.room_for("small/app", 10):
            pass
        with contents.room_for("small/app", 5), contents.room_for("other", 100):
            pass
    with contents.room_for("small/app", 20):
        pass


def test_each_pushed_tag_is_told_and_nothing_else(tmp_path: Path) -> None:
    told: list[Push] = []
    site = make_site(tmp_path / "store")
    registry = replace(site.registry, pushed=told.append)
    site = Site(registry, application(registry), site.stream)
    digest = site.push_image("node", "1")
    site.put_manifest("node", digest, manifest(layers=(b"layer",)))
    site.put_manifest("node", "2", manifest(layers=(b"absent",)))
    assert told == [Push("node", "1", digest, "")]


def test_the_file_says_patterns_quotas_and_channels(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(
        'immutable = ["*:v*"]\n[[quota]]\nrepositories = ["team/*"]\nsize = "50G"\n'
        '[[quota]]\nrepositories = ["team/a"]\nsize = "1k"\n[[notify]]\nwebhook = "https://x/"\n'
    )
    rules, tables = read_rules_file(path)
    assert rules.never_moves("any/thing", "v1")
    assert not rules.never_moves("any/thing", "1")
    assert (rules.room("team/b"), rules.room("team/a"), rules.room("x")) == (50 * 10**9, 1000, None)
    assert tables == [{"webhook": "https://x/"}]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("imutable = []", "unknown.*imutable"),
        ('immutable = ["v*"]', "REPOSITORY:TAG"),
        ("immutable = 3", "list"),
        ('[[quota]]\nrepositories = ["a"]', "repositories and size"),
        ('[[quota]]\nrepositories = ["a"]\nsize = "lots"', "50G"),
        ("immutable = [", "rules.toml"),
    ],
)
def test_what_is_wrong_in_it_is_said_with_the_file(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=said) as caught:
        read_rules_file(path)
    assert str(path) in str(caught.value)


class Told:
    """What is told; nothing before `go`. `fails`: why the channels cannot be opened."""

    def __init__(self, home: Path, fails: Exception | None = None) -> None:
        self.sent: queue.Queue[Any] = queue.Queue()
        self.go, self.begun = threading.Event(), threading.Event()
        self.noted: list[str] = []
        self.fails = fails
        self.machine = Machine(Settings(home=home, catalog=home), self)

    def start(self, step: str, total: int | None, unit: str) -> Any:
        raise AssertionError

    def note(self, text: str) -> None:
        self.noted.append(text)

    def tell(self, message: Any) -> list[str]:
        self.begun.set()
        assert self.go.wait(60)
        self.sent.put(message)
        return []

    @contextmanager
    def opened(self, machine: Machine, choices: Any) -> Iterator[Any]:
        if self.fails is not None:
            raise self.fails
        yield self


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Told:
    made = Told(tmp_path)
    monkeypatch.setattr(push_telling, "notifier", made.opened)
    return made


def test_a_push_is_told_as_a_signed_message(told: Told) -> None:
    told.go.set()
    when = datetime(2026, 11, 29, tzinfo=UTC)
    telling = push_telling.PushTelling(told.machine, (), lambda: when)
    telling(Push("node", "1", "sha256:ab", "alice"))
    message = told.sent.get(timeout=60)
    assert message.json() == {
        "type": "image.published",
        "timestamp": "2026-11-29T00:00:00Z",
        "data": {
            "subject": "node:1",
            "text": "node:1 was pushed by alice: sha256:ab",
            "repository": "node",
            "tag": "1",
            "digest": "sha256:ab",
        },
    }


def test_of_a_flood_of_pushes_each_tag_is_told_once_and_what_does_not_fit_is_counted(
    told: Told,
) -> None:
    telling = push_telling.PushTelling(told.machine, (), most=4)
    telling(Push("first", "1", "sha256:0", ""))
    assert told.begun.wait(60)  # it is being told, and waits no more
    for digest in range(100):
        for name in ("a", "b", "c", "d", "e", "f"):
            telling(Push(name, "1", f"sha256:{digest}", ""))
    told.go.set()
    found = [told.sent.get(timeout=60).json()["data"] for _ in range(5)]
    names = [(each["repository"], each["digest"]) for each in found]
    assert names == [("first", "sha256:0"), *((name, "sha256:99") for name in "abcd")]
    telling(Push("g", "1", "sha256:1", ""))
    assert told.sent.get(timeout=60).json()["data"]["repository"] == "g"
    assert told.noted == [
        "note: 4 pushes wait; nobody is told of e:1",
        "note: nobody was told of 200 pushes, too many waited",
    ]


@pytest.mark.parametrize(
    ("fails", "said"),
    [
        (InputError("the secret is none"), "the secret is none"),
        (ValueError("nobody thought of it"), "ValueError('nobody thought of it')"),
    ],
)
def test_channels_that_cannot_be_opened_are_noted_and_stop_no_push(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: Exception, said: str
) -> None:
    told = Told(tmp_path, fails)
    monkeypatch.setattr(push_telling, "notifier", told.opened)
    telling = push_telling.PushTelling(told.machine, ())
    telling(Push("node", "1", "sha256:ab", ""))
    end = time.monotonic() + 60
    while not told.noted and time.monotonic() < end:
        time.sleep(0.01)
    assert told.noted == [f"note: nobody is told of 1 pushes: {said}"]
    # When they can be opened again, the next push is told.
    told.fails = None
    told.go.set()
    telling(Push("node", "2", "sha256:cd", ""))
    assert told.sent.get(timeout=60).json()["data"]["tag"] == "2"
