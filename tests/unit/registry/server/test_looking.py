"""What the event loop answers by itself is what a thread would, and only while that is quick."""

from __future__ import annotations

import asyncio
import threading

import pytest

from ironhull.oci.digest import digest_of
from ironhull.registry.server.looking import Looks, known_blob, known_bytes, known_manifest
from ironhull.registry.server.refusal import Refusal


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def where(found):
    return lambda: (found, threading.current_thread() is threading.main_thread())


def test_a_quick_look_needs_no_thread_and_what_it_cannot_tell_a_thread_does():
    looks = Looks(Clock())
    assert asyncio.run(looks.at(where("quick"), where("thorough"))) == ("quick", True)
    assert asyncio.run(looks.at(lambda: None, where("thorough"))) == ("thorough", False)


def test_while_the_disk_is_slow_no_look_holds_up_the_event_loop():
    clock = Clock()
    looks = Looks(clock)

    def slow():
        clock.now += 0.5
        return "slow", True

    assert asyncio.run(looks.at(slow, where("thorough"))) == ("slow", True)
    assert asyncio.run(looks.at(where("quick"), where("thorough"))) == ("thorough", False)
    clock.now += 3
    assert asyncio.run(looks.at(where("quick"), where("thorough"))) == ("quick", True)


def test_one_look_that_had_to_wait_for_a_processor_is_no_slow_disk():
    clock = Clock()
    looks = Looks(clock)

    def look(seconds):
        def wait():
            clock.now += seconds
            return "waited", True

        return asyncio.run(looks.at(wait, where("thorough")))

    assert [look(seconds) for seconds in (0.05, 0.0, 0.0)] == [("waited", True)] * 3
    assert look(0.06) == look(0.05) == ("waited", True)
    assert look(0.0) == ("thorough", False)


def test_a_quick_look_finds_what_a_thorough_one_finds(site):
    contents, digest = site.registry.contents, site.push_image("app", "1", b"layer")
    layer = digest_of(b"layer")
    assert known_blob(contents, "app", layer) == contents.find_blob("app", layer)
    contents.tags.listing()
    for reference in ("1", digest):
        assert known_manifest(contents, "app", reference) == contents.find_manifest(
            "app", reference
        )
        assert known_bytes(contents, "app", reference) == contents.read_manifest("app", reference)


def test_a_quick_look_says_nothing_of_what_another_repository_has(site):
    contents, digest = site.registry.contents, site.push_image("private", "1", b"layer")
    contents.tags.listing()
    assert known_blob(contents, "app", digest_of(b"layer")) is None
    assert known_manifest(contents, "app", digest) is None
    assert known_manifest(contents, "app", "1") is None
    assert known_manifest(contents, "app", "sha256:..") is None
    with pytest.raises(Refusal):
        contents.find_blob("app", digest_of(b"layer"))


def test_a_blob_whose_age_has_to_be_renewed_is_no_quick_look(site):
    contents, layer = site.registry.contents, site.push_blob("app", b"layer")
    site.age()
    assert known_blob(contents, "app", layer) is None
    assert site.ask("HEAD", f"/v2/app/blobs/{layer}").status == 200
    assert known_blob(contents, "app", layer) is not None


def test_a_tag_that_somebody_else_moved_is_no_quick_look(site, make):
    site.push_image("app", "1", b"old")
    contents = site.registry.contents
    contents.tags.listing()
    assert known_manifest(contents, "app", "1") is not None
    new = make().push_image("app", "1", b"new")
    assert known_manifest(contents, "app", "1") is None
    answer = site.ask("HEAD", "/v2/app/manifests/1")
    assert answer.headers["docker-content-digest"] == new
