"""Tags that never move, quotas, and who is told of pushes."""

from __future__ import annotations

import queue
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.unit.registry.server.conftest import Site, make_site, manifest

from ironhull.errors import InputError
from ironhull.registry.server.app import application
from ironhull.registry.server.rules import Push, Quota, Rules, read_rules_file


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


def test_a_push_is_told_as_a_signed_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from contextlib import contextmanager

    from ironhull.settings import Settings
    from ironhull.workspace import push_telling
    from ironhull.workspace.machine import Machine

    sent: queue.Queue[Any] = queue.Queue()

    class Opened:
        def tell(self, message: Any) -> list[str]:
            sent.put(message)
            return []

    @contextmanager
    def opened(machine: Machine, choices: Any) -> Any:
        yield Opened()

    monkeypatch.setattr(push_telling, "notifier", opened)
    machine = Machine(Settings(home=tmp_path, catalog=tmp_path))
    when = datetime(2026, 11, 29, tzinfo=UTC)
    telling = push_telling.PushTelling(machine, (), lambda: when)
    telling(Push("node", "1", "sha256:ab", "alice"))
    message = sent.get(timeout=60)
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
