from __future__ import annotations

import time

import pytest
from tests.fakes.image import make_image

from ironhull.oci.digest import digest_of
from ironhull.oci.media_types import OCI_MANIFEST
from ironhull.registry.server import records
from ironhull.registry.server.sweep import sweep
from ironhull.registry.together import Part, packed

NOTHING = {"uploads": 0, "records": 0, "blobs": 0, "leftovers": 0, "bytes": 0}


def swept(site):
    return sweep(site.registry.contents, site.registry.uploads)


def test_a_young_store_is_left_alone(site):
    site.push_image("app", "1")
    site.push_blob("app", b"loose")
    site.ask("POST", "/v2/app/blobs/uploads/")
    before = sorted(site.layout.root.rglob("*"))
    assert swept(site).json() == NOTHING
    assert sorted(site.layout.root.rglob("*")) == before


def test_what_nothing_refers_to_goes_and_the_images_stay(make):
    site = make()
    digest = site.push_image("app", "1")
    subject = site.push_referrer("app", digest, "x/y")
    loose = site.push_blob("app", b"loose")
    site.age()
    assert swept(site).json() == NOTHING | {"records": 1, "blobs": 1, "bytes": 5}
    assert site.ask("HEAD", f"/v2/app/blobs/{loose}").status == 404
    assert not site.layout.blobs.has(loose)
    again = make()
    for reference in ("1", digest, subject):
        assert again.ask("GET", f"/v2/app/manifests/{reference}").status == 200
    for data in (b"{}", b"layer"):
        assert site.push_blob("x", data)


def test_a_deleted_image_gives_its_room_back_but_not_what_others_share(site, kit):
    digest = site.push_image("app", "1", b"own")
    site.push_image("other", "1", b"shared")
    site.push_image("app", "2", b"shared")
    site.ask("DELETE", f"/v2/app/manifests/{digest}")
    site.age()
    result = swept(site)
    assert result.blobs == 2
    assert not site.layout.blobs.has(kit.sha(b"own"))
    assert not site.layout.blobs.has(digest)
    assert site.layout.blobs.has(kit.sha(b"shared"))
    assert site.ask("GET", "/v2/app/manifests/2").status == 200


def test_what_was_in_the_layout_before_is_never_removed(site):
    cached = site.layout.blobs.put(b"a layer that a build made")
    make_image(site.layout, names=["node:20"])
    site.push_blob("app", b"a layer that a build made")
    site.age()
    assert swept(site).blobs == 0
    assert site.layout.blobs.has(cached)
    assert site.ask("GET", "/v2/node/manifests/20").status == 200


def test_a_pushed_layer_that_a_build_uses_meanwhile_stays(site):
    site.push_blob("app", b"layer")
    image = make_image(site.layout, [{"a": "b"}], names=[])
    child = site.layout.document(image.digest).manifests[0]
    layer = site.layout.document(child.digest).layers[0]
    site.push_blob("app", site.layout.blobs.read(layer.digest))
    site.registry.contents.records.add_received(layer.digest, new=True)
    site.layout.tag(image, ["node:20"])
    site.age()
    assert swept(site).blobs == 1
    assert site.layout.blobs.has(layer.digest)


def test_a_blob_that_a_push_was_told_is_there_survives_the_sweep(site, kit):
    for data in (b"{}", b"layer"):
        site.push_blob("app", data)
    site.age()
    for data in (b"{}", b"layer"):
        assert site.ask("HEAD", f"/v2/app/blobs/{kit.sha(data)}").status == 200
    assert swept(site).blobs == 0
    assert site.put_manifest("app", "1", kit.manifest()).status == 201


def test_a_mounted_blob_survives_the_sweep(site, kit):
    for data in (b"{}", b"layer"):
        site.push_blob("old", data)
    site.age()
    for data in (b"{}", b"layer"):
        url = f"/v2/app/blobs/uploads/?mount={kit.sha(data)}&from=old"
        assert site.ask("POST", url).status == 201
    swept(site)
    assert site.put_manifest("app", "1", kit.manifest()).status == 201


def test_a_blob_pushed_again_is_young_again(site, kit):
    site.push_blob("app", b"layer")
    site.age()
    site.push_blob("app", b"layer")
    assert swept(site).blobs == 0


@pytest.mark.parametrize("restart", [False, True])
def test_uploads_that_nobody_continues_are_collected(make, restart):
    site = make()
    old = site.ask("POST", "/v2/app/blobs/uploads/").headers["location"]
    site.ask("PATCH", old, body=b"abc")
    site.age()
    young = site.ask("POST", "/v2/app/blobs/uploads/").headers["location"]
    if restart:
        site = make()
    assert swept(site).uploads == 1
    assert site.ask("GET", old).code == "BLOB_UPLOAD_UNKNOWN"
    assert site.ask("GET", young).status == 204
    assert len(site.registry.uploads) == 1


def test_an_upload_that_is_being_written_is_not_collected(site):
    location = site.ask("POST", "/v2/app/blobs/uploads/").headers["location"]
    upload = site.registry.uploads.take("app", location.rpartition("/")[2])
    site.age()
    assert swept(site).uploads == 0
    upload.append([b"x"])
    site.registry.uploads.release(upload)


def test_a_second_sweep_finds_nothing_more(site):
    site.push_blob("app", b"loose")
    site.age()
    assert swept(site).blobs == 1
    assert swept(site).json() == NOTHING


def test_what_a_killed_process_left_half_written_goes_when_it_is_old(site):
    root = site.layout.root
    site.push_image("app", "1")
    (root / "tmp").mkdir(exist_ok=True)
    left = [
        root / "tmp" / "123-0123456789abcdef",
        root / ".index.json.123-01234567",
        root / "registry/repositories/app/_manifests" / f".{'a' * 64}.123-01234567",
        root / "registry/uploads" / f".{'a' * 32}.repository.123-01234567",
    ]
    for path in left:
        path.write_bytes(b"half")
    assert swept(site).json() == NOTHING
    kept = [root / "tmp" / "mine", root / ".mine"]
    for path in kept:
        path.write_bytes(b"other")
    site.age()
    assert swept(site).json() == NOTHING | {"leftovers": 4, "bytes": 16}
    assert [path.exists() for path in left + kept] == [False] * 4 + [True] * 2
    assert site.ask("GET", "/v2/app/manifests/1").status == 200


def test_what_came_together_goes_when_nothing_refers_to_it_and_is_forgotten_by_its_list(site, kit):
    cached = site.layout.blobs.put(b"of a build")
    manifest = kit.manifest(layers=(b"layer",))
    blobs = [Part(digest_of(data), data) for data in (b"{}", b"layer", b"of a build", b"loose")]
    parts = [*blobs, Part(digest_of(manifest), manifest, OCI_MANIFEST)]
    body = packed(parts)
    assert site.ask("POST", "/v2/app/_ironhull/together", body=body).status == 201
    (noted,) = site.layout.root.glob("registry/received/*.list")
    site.age()
    assert swept(site).blobs == 1
    assert not site.layout.blobs.has(blobs[3].digest)
    assert {digest for digest, _ in site.registry.contents.records.received()} == {
        part.digest for part in parts if part.digest not in (cached, blobs[3].digest)
    }
    assert swept(site).json() == NOTHING
    assert site.ask("DELETE", f"/v2/app/manifests/{digest_of(manifest)}").status == 202
    site.age()
    assert swept(site).blobs == 3
    assert list(site.layout.blobs) == [cached]
    assert not noted.exists()


def test_a_list_of_what_came_that_was_cut_off_or_spoilt_keeps_what_it_does_not_name(site, kit):
    layer, loose = (site.push_blob("app", data) for data in (b"layer", b"loose"))
    folder = site.layout.root / "registry/received"
    for path in folder.iterdir():
        path.unlink()
    (folder / "1.list").write_bytes(f"{layer[7:]}\n{loose[7:40]}".encode() + b"\xff\n../../x\n")
    site.age()
    assert swept(site).blobs == 1
    assert site.layout.blobs.has(loose)
    assert not site.layout.blobs.has(layer)


def test_a_manifest_that_was_lost_and_comes_again_stays_with_its_layers(site, kit):
    site.push_image("app", "1")
    raw = kit.manifest(layers=(b"mine",), annotations={"a": "b"})
    site.push_blob("app", b"mine")
    digest = site.put_manifest("app", digest_of(raw), raw).headers["docker-content-digest"]
    site.age()
    site.layout.blobs.remove(digest)
    site.registry.contents.entries.forget(digest)
    assert digest not in site.registry.contents.members("app").manifests
    assert site.put_manifest("app", digest_of(raw), raw).status == 201
    sweep(site.registry.contents, site.registry.uploads, time.time() + 10**6)
    assert site.ask("GET", f"/v2/app/manifests/{digest}").status == 200
    assert site.ask("GET", f"/v2/app/blobs/{digest_of(b'mine')}").status == 200


def test_what_comes_in_the_same_moment_is_not_missed(site, kit, monkeypatch):
    changed = records._changed
    moment = 4_000_000
    monkeypatch.setattr(records, "_changed", lambda folder: changed(folder) // moment * moment)
    site.push_image("app", "1")
    for number in range(20):
        raw = kit.manifest(annotations={"number": str(number)})
        digest = site.put_manifest("app", digest_of(raw), raw).headers["docker-content-digest"]
        assert digest in site.registry.contents.members("app").manifests
