"""Nobody reads through a repository of theirs what is another's: each way in, by name."""

from __future__ import annotations

import json

import pytest
from tests.fakes.image import make_image

from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import digest_of
from ironhull.oci.document import canonical
from ironhull.oci.media_types import (
    OCI_CONFIG,
    OCI_EMPTY,
    OCI_INDEX,
    OCI_LAYER_TAR,
    OCI_MANIFEST,
)
from ironhull.registry.server import records as records_module
from ironhull.registry.server.earlier import bring_up_to_date
from ironhull.registry.server.sweep import sweep

SECRET = b"what only the other team may read"
ELSEWHERE = {"urls": ["https://example.com/layer"]}


@pytest.fixture
def secret(site):
    """The other team's image: its manifest's digest."""
    return site.push_image("secret/app", "1", SECRET)


def unreadable(site, repository, *digests):
    """Nothing of the digests can be had, counted or mounted through the repository."""
    for digest in digests:
        for kind in ("blobs", "manifests"):
            for method in ("GET", "HEAD"):
                answer = site.ask(method, f"/v2/{repository}/{kind}/{digest}")
                assert answer.status == 404, (kind, method, answer.body)
        url = f"/v2/third/blobs/uploads/?mount={digest}&from={repository}"
        assert site.ask("POST", url).status == 202
        assert site.ask("DELETE", f"/v2/{repository}/blobs/{digest}").status == 404
    return True


def attested(layout, subject, statement=b"statement"):
    """An attestation beside the subject in index.json, as a build leaves it: its digest."""
    config = {"mediaType": OCI_EMPTY, "digest": digest_of(b"{}"), "size": 2}
    layer = {"mediaType": "x/y", "digest": digest_of(statement), "size": len(statement)}
    raw = canonical(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": config,
            "layers": [layer],
            "subject": subject.json(),
        }
    )
    for data in (b"{}", statement, raw):
        layout.blobs.put(data)
    loose = Descriptor(OCI_MANIFEST, digest_of(raw), len(raw))
    layout.update(lambda before: [*before, loose])
    return loose.digest


def push_copy(site, layout_digest, source, repository, tag):
    """Push what `source` holds under the digest to another repository, part by part."""
    document = site.layout.document(layout_digest)
    parts = document.manifests if document.is_index else (document.config, *document.layers)
    for part in parts:
        if document.is_index:
            push_copy(site, part.digest, source, repository, part.digest)
        else:
            site.push_blob(repository, site.layout.blobs.read(part.digest))
    answer = site.put_manifest(repository, tag, document.raw, document.media_type)
    assert answer.status == 201, answer.body


@pytest.mark.parametrize("place", ["layer", "config"])
@pytest.mark.parametrize("what", ["blob", "manifest"])
@pytest.mark.parametrize("wrong_size", [False, True])
def test_a_part_with_addresses_of_its_own_makes_no_blob_ones_own(
    site, kit, secret, place, what, wrong_size
):
    wanted = digest_of(SECRET) if what == "blob" else secret
    size = 7 if wrong_size else len(site.layout.blobs.read(wanted))
    part = {"mediaType": OCI_LAYER_TAR, "digest": wanted, "size": size, **ELSEWHERE}
    site.push_blob("evil", b"{}")
    value = json.loads(kit.manifest(layers=[part] if place == "layer" else []))
    if place == "config":
        value["config"] = part
    # Neither its being there nor its size is told: any digest is taken.
    assert site.put_manifest("evil", "1", canonical(value)).status == 201
    assert unreadable(site, "evil", wanted)


def test_a_part_with_addresses_of_its_own_that_was_pushed_too_is_kept_and_served(make, kit):
    site = make()
    for data in (b"{}", b"foreign"):
        site.push_blob("app", data)
    part = {**kit.described(b"foreign", OCI_LAYER_TAR), **ELSEWHERE}
    assert site.put_manifest("app", "1", kit.manifest(layers=[part])).status == 201
    wrong = {**part, "size": 3}
    refused = site.put_manifest("app", "2", kit.manifest(layers=[wrong]))
    assert (refused.status, refused.code) == (400, "MANIFEST_INVALID")
    site.age()
    swept = sweep(site.registry.contents, site.registry.uploads)
    # The manifest that was refused was not stored; the layer is in use.
    assert (swept.records, swept.blobs) == (0, 0)
    digest = digest_of(b"foreign")
    assert make().ask("GET", f"/v2/app/blobs/{digest}").body == b"foreign"
    assert site.ask("DELETE", f"/v2/app/blobs/{digest}").status == 405


def test_an_index_cannot_take_children_of_another_repository(site, secret):
    size = len(site.layout.blobs.read(secret))
    for more in ({}, ELSEWHERE, {"data": "e30="}):
        child = {"mediaType": OCI_MANIFEST, "digest": secret, "size": size, **more}
        raw = canonical({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [child]})
        answer = site.put_manifest("evil", "1", raw, OCI_INDEX)
        assert (answer.status, answer.code) == (404, "MANIFEST_BLOB_UNKNOWN")
    assert unreadable(site, "evil", secret, digest_of(SECRET))


@pytest.mark.parametrize("media_type", [OCI_MANIFEST, OCI_INDEX])
def test_a_document_that_could_be_read_as_image_or_index_is_refused(make, secret, kit, media_type):
    site = make()
    site.push_blob("evil", b"{}")
    size = len(site.layout.blobs.read(secret))
    value = {
        "schemaVersion": 2,
        "config": kit.described(b"{}", OCI_CONFIG),
        "layers": [],
        "manifests": [{"mediaType": OCI_MANIFEST, "digest": secret, "size": size}],
    }
    answer = site.put_manifest("evil", "1", canonical(value), media_type)
    assert (answer.status, answer.code) == (400, "MANIFEST_INVALID")
    # One that an earlier version took is no way in either, whoever looks at it first.
    raw = canonical(value)
    site.layout.blobs.put(raw)
    site.registry.contents.records.add_manifest("evil", digest_of(raw), media_type)
    site.layout.tag(Descriptor(media_type, digest_of(raw), len(raw)), ["evil:1"])
    later = make()
    sweep(later.registry.contents, later.registry.uploads)
    assert unreadable(later, "evil", secret, digest_of(SECRET))


def test_a_subject_is_only_named(site, secret):
    site.push_referrer("evil", secret, "x/y", size=3)
    assert unreadable(site, "evil", secret, digest_of(SECRET))
    assert site.ask("GET", f"/v2/secret/app/referrers/{secret}").json["manifests"] == []


def test_attestations_of_a_build_are_not_shown_where_somebody_else_pushed_its_image(make):
    site = make()
    image = make_image(site.layout, names=["secret/node:20"])
    attestation = attested(site.layout, image)
    push_copy(site, image.digest, "secret/node", "evil", "1")
    assert site.ask("GET", f"/v2/evil/manifests/{image.digest}").status == 200
    assert site.ask("GET", f"/v2/evil/referrers/{image.digest}").json["manifests"] == []
    assert unreadable(site, "evil", attestation, digest_of(b"statement"))


@pytest.mark.parametrize("moved_by", ["build", "push", "delete", "push of the same"])
def test_attestations_of_a_build_stay_with_its_image_when_the_tag_moves_on(make, kit, moved_by):
    site = make()
    image = make_image(site.layout, names=["node:20"])
    attestation = attested(site.layout, image)
    if moved_by == "push":
        site.push_image("node", "20")
    elif moved_by == "delete":
        assert site.ask("DELETE", "/v2/node/manifests/20").status == 202
    else:
        push_copy(site, image.digest, "node", "node", "21")
        if moved_by == "build":
            make_image(site.layout, [{"a": "b"}], names=["node:20", "node:21"])
    for running in (site, make()):
        found = running.ask("GET", f"/v2/node/referrers/{image.digest}").json["manifests"]
        assert [item["digest"] for item in found] == [attestation]
        assert running.ask("GET", f"/v2/node/blobs/{digest_of(b'statement')}").status == 200


def test_deleted_and_pushed_anew_an_image_is_no_longer_the_builds_own(site):
    image = make_image(site.layout, names=["node:20"])
    attestation = attested(site.layout, image)
    assert site.ask("DELETE", "/v2/node/manifests/20").status == 202
    assert site.ask("DELETE", f"/v2/node/manifests/{image.digest}").status == 202
    push_copy(site, image.digest, "node", "node", "20")
    assert site.ask("GET", f"/v2/node/referrers/{image.digest}").json["manifests"] == []
    assert unreadable(site, "node", attestation)


def test_a_store_of_an_earlier_version_keeps_what_its_repositories_had(make):
    site = make()
    old = make_image(site.layout, names=["node:20"])
    attestation = attested(site.layout, old)
    # The tag moved under format 1: the image was recorded, and not that a build had put it there.
    records = site.registry.contents.records
    records.add_manifest("node", old.digest, old.media_type)
    make_image(site.layout, [{"a": "b"}], names=["node:20"])
    push_copy(site, old.digest, "node", "evil", "1")
    later = make()
    bring_up_to_date(later.registry.contents)
    found = later.ask("GET", f"/v2/node/referrers/{old.digest}").json["manifests"]
    assert [item["digest"] for item in found] == [attestation]
    assert later.ask("GET", f"/v2/evil/referrers/{old.digest}").json["manifests"] == []
    assert (records.root / "format").read_text() == "2\n"


def test_what_an_earlier_version_let_in_is_out_now(make, kit):
    site = make()
    site.push_image("secret/app", "1", SECRET)
    part = {**kit.described(SECRET, OCI_LAYER_TAR), **ELSEWHERE}
    site.push_blob("evil", b"{}")
    raw = kit.manifest(layers=[part])
    assert site.put_manifest("evil", "1", raw).status == 201
    (site.registry.contents.records.root / "format").unlink(missing_ok=True)
    later = make()
    bring_up_to_date(later.registry.contents)
    assert unreadable(later, "evil", digest_of(SECRET))


def test_a_store_of_a_later_version_is_left_alone(site):
    path = site.registry.contents.records.root / "format"
    path.parent.mkdir(parents=True)
    path.write_text("99\n")
    with pytest.raises(Exception, match="format 99, this version knows 2"):
        bring_up_to_date(site.registry.contents)


def test_a_push_takes_the_same_steps_on_disk_whoever_has_the_bytes_already(
    site, kit, secret, monkeypatch
):
    """The time of a push would tell what other repositories hold."""
    steps = []
    real = records_module.replace_file
    monkeypatch.setattr(
        records_module,
        "replace_file",
        lambda path, data, durable=True: steps.append(f"w{durable}") or real(path, data),
    )
    monkeypatch.setattr(records_module, "sync_folder", lambda path: steps.append("s"))
    counts = []
    for data in (SECRET, b"nobody has this"):
        steps.clear()
        site.push_blob("evil", data)
        counts.append(list(steps))
    assert counts[0] == counts[1]
    for data in (b"{}", b"layer"):
        site.push_blob("evil", data)
        site.push_blob("secret/app", data)
    known = kit.manifest(annotations={"who": "secret"})
    assert site.put_manifest("secret/app", "2", known).status == 201
    counts = []
    for raw in (known, kit.manifest(annotations={"who": "nobody"})):
        steps.clear()
        assert site.put_manifest("evil", digest_of(raw), raw).status == 201
        counts.append(list(steps))
    assert counts[0] == counts[1]


def test_the_media_type_of_a_document_that_names_none_is_what_each_repository_was_told(make):
    raw = b'{"schemaVersion":2,"manifests":[]}'
    docker = "application/vnd.docker.distribution.manifest.list.v2+json"
    for site in (make(), make()):
        assert site.put_manifest("a", "1", raw, OCI_INDEX).status == 201
        assert site.put_manifest("b", "1", raw, docker).status == 201
        for name, expected in (("a", OCI_INDEX), ("b", docker)):
            answer = site.ask("GET", f"/v2/{name}/manifests/{digest_of(raw)}")
            assert answer.headers["content-type"] == expected


def test_what_a_build_puts_where_only_pushes_were_is_the_stores_own(site):
    pushed = site.push_image("app", "1")
    contents = site.registry.contents
    assert pushed not in contents.built("app")
    index = make_image(site.layout, names=["app:2"])
    child = site.layout.document(index.digest).manifests[0]
    assert child.digest in contents.built("app")
    assert pushed not in contents.built("app")
    # Also when it is pushed there, and its tag moves on to a push.
    raw = site.layout.document(child.digest).raw
    assert site.put_manifest("app", child.digest, raw).status == 201
    assert child.digest in contents.built("app")
    site.push_image("app", "2", b"another")
    assert child.digest in contents.built("app")


def test_a_push_looks_at_no_record_of_the_other_tags_again(site, monkeypatch):
    for number in range(20):
        newest = site.push_image("app", str(number), b"%d" % number)
    looked = []
    real = records_module.Records.media_type
    monkeypatch.setattr(
        records_module.Records,
        "media_type",
        lambda records, *given: looked.append(given[1]) or real(records, *given),
    )
    one, other = (site.push_image("app", f"again-{number}", b"more") for number in range(2))
    assert one == other
    # The newest of them came after the last look.
    assert set(looked) <= {newest, one}
