"""In which order things reach the disk, and what a reader sees after any step of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ironhull.oci.digest import digest_of
from ironhull.oci.media_types import OCI_MANIFEST
from ironhull.registry.together import Part, packed


class Killed(BaseException):
    """What stands for SIGKILL: no `except Exception` sees it."""


def watch(monkeypatch, before):
    """Call `before(step, path)` ahead of each step that changes what is lasting."""

    def wrap(owner, name):
        real = getattr(owner, name)

        def step(first, *rest, **more):
            path = Path(f"/proc/self/fd/{first}").readlink() if isinstance(first, int) else first
            before(name, Path(path))
            return real(first, *rest, **more)

        monkeypatch.setattr(owner, name, step)

    opened = os.open

    def create(path, flags, *rest, **more):
        if flags & os.O_CREAT:
            before("create", Path(path))
        return opened(path, flags, *rest, **more)

    monkeypatch.setattr(os, "open", create)
    wrap(os, "fsync")
    wrap(os, "fdatasync")
    wrap(os, "replace")


def test_a_blob_is_synced_before_it_is_named_and_named_before_it_is_acknowledged(site, monkeypatch):
    steps = []
    watch(monkeypatch, lambda step, path: steps.append((step, path.parent.name, path.name)))
    digest = site.push_blob("app", b"hello")
    hexdigits = digest.removeprefix("sha256:")
    names = [step for step, _, _ in steps]
    data = names.index("fdatasync")
    rename = next(
        n for n, s in enumerate(steps) if s[0] == "replace" and s[1] == "uploads" and n > data
    )
    record = steps.index(("create", "_blobs", hexdigits))
    synced = {name: n for n, (step, _, name) in enumerate(steps) if step == "fsync"}
    assert data < rename < record < min(synced["sha256"], synced["_blobs"])


def test_everything_of_a_manifest_is_synced_before_its_tag_is_named(site, kit, monkeypatch):
    subject = site.push_image("app", "1", b"subject")
    site.push_blob("app", b"new")
    raw = kit.manifest(
        layers=(b"new",), subject={"mediaType": OCI_MANIFEST, "digest": subject, "size": 1}
    )
    steps = []
    watch(monkeypatch, lambda step, path: steps.append((step, path.name)))
    assert site.put_manifest("app", "2", raw).status == 201
    tag = next(n for n, (step, name) in enumerate(steps) if step == "replace" and "index" in name)
    hexdigits = digest_of(raw).removeprefix("sha256:")
    before = [name for step, name in steps[:tag] if step == "fsync"]
    # The blob and its record have the same name.
    assert before.count(hexdigits) == 2
    assert {"sha256", "_manifests", subject.removeprefix("sha256:")} <= set(before)
    assert "fsync" in [step for step, _ in steps[tag:]]


def test_of_what_comes_together_the_blobs_are_lasting_before_the_first_manifest(
    site, kit, monkeypatch
):
    raw, steps = kit.manifest(), []
    parts = [Part(digest_of(raw), raw, OCI_MANIFEST)]
    parts += [Part(digest_of(data), data) for data in (b"{}", b"layer")]
    watch(monkeypatch, lambda step, path: steps.append((step, path.name)))
    answer = site.ask("POST", "/v2/app/_ironhull/together", body=packed(parts))
    assert answer.status == 201
    manifest = parts[0].digest.removeprefix("sha256:")
    first = next(n for n, (_, name) in enumerate(steps) if manifest in name)
    written = [name for step, name in steps[:first] if step == "replace"]
    for blob in written[:2]:
        assert steps.index(("fsync", blob)) < steps.index(("replace", blob))
    for folder in ("_blobs", "sha256"):
        assert steps.index(("replace", written[1])) < steps.index(("fsync", folder)) < first
    assert {("fsync", manifest), ("fsync", "_manifests")} <= set(steps[first:])


def test_an_empty_record_of_a_manifest_is_none(site, kit):
    """What a power cut may leave of a push that was not acknowledged."""
    digest = site.push_image("app", "1", b"data")
    records = site.registry.contents.records
    path = records.folder("app", "_manifests") / digest.removeprefix("sha256:")
    assert records.media_type("app", digest)
    path.write_bytes(b"")
    assert records.media_type("app", digest) is None


@pytest.mark.parametrize("move", [False, True])
def test_killed_before_any_step_of_a_push_the_tag_is_the_old_image_or_the_new(
    make, kit, monkeypatch, move
):
    old = make().push_image("app", "1", b"old") if move else None
    for data in (b"{}", b"new"):
        make().push_blob("app", data)
    raw = kit.manifest(layers=(b"new",))
    seen, number = set(), 0
    while True:
        site = make()
        left = number

        def before(step, path):
            nonlocal left
            if left == 0:
                raise Killed
            left -= 1

        with monkeypatch.context() as patched:
            watch(patched, before)
            try:
                acknowledged = site.put_manifest("app", "1", raw).status == 201
            except Killed:
                acknowledged = False
        after = make()
        answer = after.ask("GET", "/v2/app/manifests/1")
        now = answer.headers["docker-content-digest"] if answer.status == 200 else None
        assert now in (old, digest_of(raw))
        assert now == digest_of(raw) or not acknowledged
        seen.add(now)
        if now is not None:
            for data in (b"{}", b"new" if now == digest_of(raw) else b"old"):
                assert after.ask("GET", f"/v2/app/blobs/{kit.sha(data)}").body == data
        if acknowledged:
            break
        number += 1
    assert number > 5
    assert seen == {old, digest_of(raw)}


def test_killed_before_any_step_of_an_upload_the_blob_is_whole_or_absent(make, kit, monkeypatch):
    number = 0
    while True:
        site = make()
        left = number

        def before(step, path):
            nonlocal left
            if left == 0:
                raise Killed
            left -= 1

        with monkeypatch.context() as patched:
            watch(patched, before)
            try:
                acknowledged = bool(site.push_blob("app", b"hello"))
            except Killed:
                acknowledged = False
        after = make()
        answer = after.ask("GET", f"/v2/app/blobs/{kit.sha(b'hello')}")
        assert answer.status == 200 or not acknowledged
        if answer.status == 200:
            assert answer.body == b"hello"
        if acknowledged:
            break
        number += 1
    assert number > 4
    make().age()
    site = make()
    from ironhull.registry.server.sweep import sweep

    sweep(site.registry.contents, site.registry.uploads)
    assert len(site.registry.uploads) == 0
