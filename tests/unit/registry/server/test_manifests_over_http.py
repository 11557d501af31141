from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.fakes.image import make_image
from tests.unit.registry.server.conftest import Site, manifest

from ironhull.oci.digest import digest_of
from ironhull.oci.document import canonical
from ironhull.oci.media_types import (
    DOCKER_CONFIG,
    DOCKER_INDEX,
    DOCKER_LAYER_GZIP,
    DOCKER_MANIFEST,
    OCI_CONFIG,
    OCI_INDEX,
    OCI_LAYER_TAR,
    OCI_MANIFEST,
)
from ironhull.registry.server.limits import Limits


def index_of(*manifests, **more):
    return canonical(
        {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": list(manifests), **more}
    )


def test_an_image_is_pulled_by_tag_and_by_digest_in_the_bytes_it_was_pushed_in(site, kit):
    site.push_blob("app", b"{}")
    site.push_blob("app", b"layer")
    raw = json.dumps(json.loads(kit.manifest()), indent=7).encode()
    pushed = site.put_manifest("app", "1.0", raw)
    assert pushed.status == 201
    assert pushed.headers["location"] == f"/v2/app/manifests/{digest_of(raw)}"
    for reference in ("1.0", digest_of(raw)):
        answer = site.ask("GET", f"/v2/app/manifests/{reference}")
        assert (answer.status, answer.body) == (200, raw)
        assert answer.headers["content-type"] == OCI_MANIFEST
        assert answer.headers["docker-content-digest"] == digest_of(raw)
        head = site.ask("HEAD", f"/v2/app/manifests/{reference}")
        assert (head.status, head.body) == (200, b"")
        assert head.headers["content-length"] == str(len(raw))


def test_a_tag_is_an_entry_of_index_json(site):
    digest = site.push_image("team/app", "1.0")
    found = site.layout.find("team/app:1.0")
    assert (found.digest, found.media_type) == (digest, OCI_MANIFEST)
    assert site.layout.document(digest).digest == digest


def test_a_tag_that_moves_leaves_the_old_image_to_be_pulled_by_digest(site):
    old = site.push_image("app", "1", b"old")
    new = site.push_image("app", "1", b"new")
    assert site.ask("HEAD", "/v2/app/manifests/1").headers["docker-content-digest"] == new
    assert site.ask("GET", f"/v2/app/manifests/{old}").status == 200


@pytest.mark.parametrize("missing", ["config", "layer"])
def test_a_manifest_that_names_a_missing_blob_is_refused(site, kit, missing):
    site.push_blob("app", b"layer" if missing == "config" else b"{}")
    # In another repository does not count.
    site.push_blob("other", b"{}" if missing == "config" else b"layer")
    answer = site.put_manifest("app", "1", kit.manifest())
    assert (answer.status, answer.code) == (404, "MANIFEST_BLOB_UNKNOWN")
    assert site.ask("GET", "/v2/app/manifests/1").status == 404
    assert site.ask("GET", "/v2/app/tags/list").code == "NAME_UNKNOWN"


def test_an_index_that_names_a_missing_manifest_is_refused(site, kit):
    child = site.push_image("app", "child")
    size = len(site.layout.blobs.read(child))
    there = {"mediaType": OCI_MANIFEST, "digest": child, "size": size}
    absent = {"mediaType": OCI_MANIFEST, "digest": kit.sha(b"absent"), "size": 6}
    refused = site.put_manifest("app", "all", index_of(there, absent), OCI_INDEX)
    assert (refused.status, refused.code) == (404, "MANIFEST_BLOB_UNKNOWN")
    assert site.put_manifest("app", "all", index_of(there), OCI_INDEX).status == 201


def test_a_manifest_that_says_a_wrong_size_is_refused(site, kit):
    site.push_blob("app", b"{}")
    site.push_blob("app", b"layer")
    wrong = {**kit.described(b"layer", OCI_LAYER_TAR), "size": 4}
    answer = site.put_manifest("app", "1", kit.manifest(layers=[wrong]))
    assert (answer.status, answer.code) == (400, "MANIFEST_INVALID")


def test_a_manifest_under_another_digest_is_refused(site, kit):
    site.push_image("app", "1")
    answer = site.put_manifest("app", kit.sha(b"other"), kit.manifest(annotations={"a": "b"}))
    assert (answer.status, answer.code) == (400, "DIGEST_INVALID")


@pytest.mark.parametrize(
    ("raw", "media_type"),
    [
        (b"", OCI_MANIFEST),
        (b"not json", OCI_MANIFEST),
        (b"[]", OCI_MANIFEST),
        (b"{}", OCI_MANIFEST),
        (b'{"schemaVersion":1}', OCI_MANIFEST),
        (b'{"schemaVersion":2}', OCI_MANIFEST),
        (b'{"schemaVersion":2,"config":{},"layers":[]}', OCI_MANIFEST),
        (b'{"schemaVersion":2,"config":7,"layers":{}}', OCI_MANIFEST),
        (b'{"schemaVersion":2,"manifests":[7]}', OCI_INDEX),
        (b'{"schemaVersion":2,"manifests":[],"mediaType":"x/y"}', OCI_INDEX),
        (b'{"schemaVersion":2,"manifests":[],"subject":"x"}', OCI_INDEX),
        (b'{"schemaVersion":2,"manifests":[]}', "text/html"),
        (b'{"schemaVersion":2,"manifests":[]}', "application/vnd.docker.distribution.manifest.v1"),
        (b'{"schemaVersion":2,"manifests":[]}', ""),
        (b"[" * 100_000, OCI_MANIFEST),
        (b'{"a":' * 100_000, OCI_MANIFEST),
        (b"\xff\xfe{}", OCI_MANIFEST),
    ],
)
def test_what_is_no_manifest_is_refused(site, raw, media_type):
    answer = site.put_manifest("app", "1", raw, media_type)
    assert (answer.status, answer.code) == (400, "MANIFEST_INVALID")


@pytest.mark.parametrize("digest", ["sha512:" + "0" * 128, "sha256:../../../etc/passwd", 7, None])
def test_a_descriptor_with_a_hostile_digest_is_refused(site, kit, digest):
    site.push_blob("app", b"{}")
    layer = {"mediaType": OCI_LAYER_TAR, "digest": digest, "size": 1}
    answer = site.put_manifest("app", "1", kit.manifest(layers=[layer]))
    assert (answer.status, answer.code) == (400, "MANIFEST_INVALID")


def test_a_manifest_of_four_mebibytes_is_taken_and_a_larger_one_is_not(site, kit):
    site.push_blob("app", b"{}")
    site.push_blob("app", b"layer")
    empty = len(kit.manifest(annotations={"pad": ""}))
    raw = kit.manifest(annotations={"pad": "x" * (4 * 1024 * 1024 - empty)})
    assert len(raw) == 4 * 1024 * 1024
    assert site.put_manifest("app", "1", raw).status == 201
    assert site.ask("GET", "/v2/app/manifests/1").body == raw
    huge = kit.manifest(annotations={"pad": "x" * (4 * 1024 * 1024 - empty + 1)})
    answer = site.put_manifest("app", "2", huge)
    assert (answer.status, answer.code) == (413, "SIZE_INVALID")
    # Nor when its length was not announced.
    headers = {"content-type": OCI_MANIFEST}
    chunks = [huge[:1000], huge[1000:]]
    answer = site.ask("PUT", "/v2/app/manifests/2", body=chunks, headers=headers)
    assert answer.status == 413


def test_layers_that_live_elsewhere_need_not_be_pushed(site, kit):
    site.push_blob("app", b"{}")
    foreign = {**kit.described(b"foreign", OCI_LAYER_TAR), "urls": ["https://example.com/layer"]}
    assert site.put_manifest("app", "1", kit.manifest(layers=[foreign])).status == 201


def test_docker_manifests_and_lists_are_taken_as_they_are(site, kit):
    site.push_blob("app", b"{}")
    site.push_blob("app", b"layer")
    raw = canonical(
        {
            "schemaVersion": 2,
            "mediaType": DOCKER_MANIFEST,
            "config": kit.described(b"{}", DOCKER_CONFIG),
            "layers": [kit.described(b"layer", DOCKER_LAYER_GZIP)],
        }
    )
    assert site.put_manifest("app", "one", raw, DOCKER_MANIFEST).status == 201
    both = canonical(
        {
            "schemaVersion": 2,
            "mediaType": DOCKER_INDEX,
            "manifests": [kit.described(raw, DOCKER_MANIFEST)],
        }
    )
    assert site.put_manifest("app", "both", both, DOCKER_INDEX).status == 201
    got = site.ask("GET", "/v2/app/manifests/both")
    assert (got.body, got.headers["content-type"]) == (both, DOCKER_INDEX)


def test_an_index_without_a_media_type_of_its_own_is_served_with_the_one_it_came_with(make):
    site = make()
    raw = b'{"schemaVersion":2,"manifests":[]}'
    assert site.put_manifest("app", "1", raw, OCI_INDEX).status == 201
    again = make()
    for reference in ("1", digest_of(raw)):
        answer = again.ask("GET", f"/v2/app/manifests/{reference}")
        assert answer.headers["content-type"] == OCI_INDEX


@pytest.mark.parametrize("tag", [".x", "-x", "a" * 129, "a b", "ä", "a%00", "..", "%2e%2e"])
def test_names_that_are_no_tags_are_refused(site, kit, tag):
    site.push_blob("app", b"{}")
    site.push_blob("app", b"layer")
    before = site.layout.root.joinpath("index.json").read_bytes()
    answer = site.put_manifest("app", tag, kit.manifest())
    assert (answer.status, answer.code) == (400, "TAG_INVALID")
    assert site.ask("GET", f"/v2/app/manifests/{tag}").code == "MANIFEST_UNKNOWN"
    assert site.layout.root.joinpath("index.json").read_bytes() == before


def test_a_tag_of_128_characters_and_a_name_of_255_are_taken(site):
    name = "/".join(["a" * 63] * 4)
    assert len(name) == 255
    site.push_image(name, "t" * 128)
    assert site.ask("GET", f"/v2/{name}/tags/list").json["tags"] == ["t" * 128]


@pytest.mark.parametrize(
    "name",
    [
        "a" * 256,
        "../etc",
        "a/../b",
        "a/./b",
        "a//b",
        "/a",
        "a/",
        "A",
        "a%00b",
        "_blobs",
        "a/_manifests",
        "-a",
        "a..b",
        "a%2f..%2fb",
        "%2e%2e/%2e%2e/etc/passwd",
        "ä",
        "a\\b",
    ],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "manifests/1"),
        ("PUT", "manifests/1"),
        ("POST", "blobs/uploads/"),
        ("GET", "tags/list"),
    ],
)
def test_names_that_are_no_repositories_are_refused_and_nothing_is_written(
    site, name, method, path
):
    before = sorted(site.layout.root.parent.rglob("*"))
    answer = site.ask(method, f"/v2/{name}/{path}")
    assert (answer.status, answer.code) == (400, "NAME_INVALID")
    assert sorted(site.layout.root.parent.rglob("*")) == before


def test_what_was_built_can_be_pulled_at_once(site):
    index = make_image(site.layout, names=["node:20", "node:20-debian"], platforms=["linux/amd64"])
    document = site.layout.document(index.digest)
    child = document.manifests[0]
    manifest = site.layout.document(child.digest)
    assert site.ask("GET", "/v2/node/tags/list").json["tags"] == ["20", "20-debian"]
    assert site.ask("GET", "/v2/node/manifests/20").body == document.raw
    assert site.ask("GET", f"/v2/node/manifests/{child.digest}").body == manifest.raw
    for blob in (manifest.config, *manifest.layers):
        answer = site.ask("GET", f"/v2/node/blobs/{blob.digest}")
        assert len(answer.body) == blob.size
    # And only from there.
    assert site.ask("GET", f"/v2/other/blobs/{manifest.config.digest}").status == 404
    assert site.ask("GET", f"/v2/other/manifests/{child.digest}").status == 404


def test_a_build_while_the_server_runs_is_seen(site):
    make_image(site.layout, names=["node:20"])
    assert site.ask("GET", "/v2/node/tags/list").json["tags"] == ["20"]
    make_image(site.layout, [{"etc/motd": "new"}], names=["node:22"])
    assert site.ask("GET", "/v2/node/tags/list").json["tags"] == ["20", "22"]


def test_a_push_onto_what_was_built_reuses_its_layers(site, kit):
    index = make_image(site.layout, names=["node:20"])
    child = site.layout.document(index.digest).manifests[0]
    raw = site.layout.document(child.digest).raw
    assert site.put_manifest("node", "20-slim", raw).status == 201
    assert site.put_manifest("other", "1", raw).code == "MANIFEST_BLOB_UNKNOWN"


def test_names_in_the_layout_that_are_no_repository_and_tag_are_not_served(site):
    make_image(site.layout, names=["localhost:5000/node:20", "just-a-name", "UPPER:1"])
    assert site.ask("GET", "/v2/_catalog").json == {"repositories": []}


def test_a_manifest_damaged_on_disk_is_not_served(make):
    site = make()
    digest = site.push_image("app", "1")
    site.layout.blobs.path(digest).write_bytes(b"{}")
    again = make()
    assert again.ask("GET", "/v2/app/manifests/1").status >= 500
    assert again.ask("GET", f"/v2/app/manifests/{digest}").status == 404


def test_tags_come_in_order_and_in_pages(site):
    names = ["B", "a", "10", "9", "latest"]
    for name in names:
        site.push_image("app", name)
    assert site.ask("GET", "/v2/app/tags/list").json == {"name": "app", "tags": sorted(names)}
    url, seen = "/v2/app/tags/list?n=2", []
    while url:
        answer = site.ask("GET", url)
        seen.append(answer.json["tags"])
        link = answer.headers.get("link", "")
        assert not link or link.endswith('; rel="next"')
        url = link.partition(">")[0].removeprefix("<")
    assert seen == [["10", "9"], ["B", "a"], ["latest"]]
    assert site.ask("GET", "/v2/app/tags/list?last=a").json["tags"] == ["latest"]
    # `last` need not be a tag.
    assert site.ask("GET", "/v2/app/tags/list?n=1&last=C").json["tags"] == ["a"]
    assert site.ask("GET", "/v2/app/tags/list?n=0").json["tags"] == []


@pytest.mark.parametrize("n", ["-1", "x", "1.5", "9" * 30, "٣"])
def test_a_page_size_that_is_no_number_is_refused(site, n):
    site.push_image("app", "1")
    for path in ("/v2/app/tags/list", "/v2/_catalog"):
        answer = site.ask("GET", f"{path}?n={n}")
        assert (answer.status, answer.code) == (400, "PAGINATION_NUMBER_INVALID")


def test_a_page_is_never_longer_than_the_servers_own_limit(make):
    site = make(limits=Limits(page=2, reserve=0))
    for tag in "abc":
        site.push_image("app", tag)
    for query in ("", "?n=100"):
        answer = site.ask("GET", f"/v2/app/tags/list{query}")
        assert answer.json["tags"] == ["a", "b"]
        assert "last=b" in answer.headers["link"]


def test_the_catalog_lists_what_was_built_and_what_was_pushed(site):
    make_image(site.layout, names=["node:20"])
    site.push_image("team/app", "1")
    site.push_blob("blobs-only", b"x")
    assert site.ask("GET", "/v2/_catalog").json == {"repositories": ["node", "team/app"]}
    page = site.ask("GET", "/v2/_catalog?n=1")
    assert page.json == {"repositories": ["node"]}
    assert page.headers["link"] == '</v2/_catalog?n=1&last=node>; rel="next"'


def test_referrers_are_listed_with_their_type_and_annotations(site):
    subject = site.push_image("app", "1")
    sbom = site.push_referrer("app", subject, "application/spdx+json")
    site.push_referrer("app", subject, "application/vnd.in-toto+json")
    answer = site.ask("GET", f"/v2/app/referrers/{subject}")
    assert answer.headers["content-type"] == OCI_INDEX
    assert "oci-filters-applied" not in answer.headers
    assert len(answer.json["manifests"]) == 2
    answer = site.ask("GET", f"/v2/app/referrers/{subject}?artifactType=application/spdx%2Bjson")
    assert answer.headers["oci-filters-applied"] == "artifactType"
    (found,) = answer.json["manifests"]
    assert found["digest"] == sbom
    assert found["artifactType"] == "application/spdx+json"
    assert found["annotations"] == {"who": "tests"}
    assert found["size"] == len(site.layout.blobs.read(sbom))


def test_a_referrer_without_an_artifact_type_shows_its_configs(site, kit):
    subject = site.push_image("app", "1")
    site.push_image("app", "2", subject=kit.described(b"?", OCI_MANIFEST) | {"digest": subject})
    (found,) = site.ask("GET", f"/v2/app/referrers/{subject}").json["manifests"]
    assert found["artifactType"] == OCI_CONFIG


def test_a_subject_may_come_after_its_referrer(site, kit):
    raw = kit.manifest()
    referrer = site.push_referrer("app", digest_of(raw), "x/y")
    found = site.ask("GET", f"/v2/app/referrers/{digest_of(raw)}").json["manifests"]
    assert [item["digest"] for item in found] == [referrer]
    site.push_image("app", "1")
    found = site.ask("GET", f"/v2/app/referrers/{digest_of(raw)}").json["manifests"]
    assert [item["digest"] for item in found] == [referrer]


def test_no_referrers_is_an_empty_index(site, kit):
    answer = site.ask("GET", f"/v2/app/referrers/{kit.sha(b'nothing')}")
    assert (answer.status, answer.json["manifests"]) == (200, [])
    assert site.ask("GET", "/v2/app/referrers/sha256:x").code == "DIGEST_INVALID"


def test_referrers_of_one_repository_are_not_those_of_another(site):
    subject = site.push_image("app", "1")
    site.push_image("other", "1")
    site.push_referrer("app", subject, "x/y")
    assert site.ask("GET", f"/v2/other/referrers/{subject}").json["manifests"] == []


def test_attestations_that_a_build_left_in_the_layout_are_referrers(site, kit):
    image = make_image(site.layout, names=["node:20"])
    raw = canonical(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "artifactType": "application/vnd.in-toto+json",
            "config": kit.described(b"{}", "application/vnd.oci.empty.v1+json"),
            "layers": [kit.described(b"statement", "application/vnd.in-toto+json")],
            "subject": image.json(),
        }
    )
    for data in (b"{}", b"statement", raw):
        site.layout.blobs.put(data)
    loose = {"mediaType": OCI_MANIFEST, "digest": digest_of(raw), "size": len(raw)}
    site.layout.update(lambda before: [*before, type(image).from_json(loose)])
    (found,) = site.ask("GET", f"/v2/node/referrers/{image.digest}").json["manifests"]
    assert found["digest"] == digest_of(raw)
    assert site.ask("GET", f"/v2/node/manifests/{digest_of(raw)}").body == raw
    assert site.ask("GET", f"/v2/node/blobs/{kit.sha(b'statement')}").body == b"statement"
    assert site.ask("GET", f"/v2/other/referrers/{image.digest}").json["manifests"] == []
    assert site.ask("DELETE", f"/v2/node/manifests/{digest_of(raw)}").status == 405


def test_many_referrers_come_in_pages_no_larger_than_a_manifest(site):
    subject = site.push_image("app", "1")
    site.push_blob("app", b"{}")
    pushed = set()
    for number in range(5):
        raw = canonical(
            {
                "schemaVersion": 2,
                "mediaType": OCI_MANIFEST,
                "artifactType": "x/y",
                "config": {"mediaType": "x/z", "digest": digest_of(b"{}"), "size": 2},
                "layers": [],
                "subject": {"mediaType": OCI_MANIFEST, "digest": subject, "size": 1},
                "annotations": {"pad": str(number) * 1_000_000},
            }
        )
        assert site.put_manifest("app", digest_of(raw), raw).status == 201
        pushed.add(digest_of(raw))
    url, seen, pages = f"/v2/app/referrers/{subject}?artifactType=x/y", [], 0
    while url:
        answer = site.ask("GET", url)
        assert len(answer.body) <= 4 * 1024 * 1024
        seen += [item["digest"] for item in answer.json["manifests"]]
        url = answer.headers.get("link", "").partition(">")[0].removeprefix("<")
        pages += 1
    assert (set(seen), len(seen)) == (pushed, 5)
    assert pages > 1


def test_deleting_a_tag_leaves_the_manifest(site):
    digest = site.push_image("app", "1")
    assert site.ask("DELETE", "/v2/app/manifests/1").status == 202
    assert site.ask("GET", "/v2/app/manifests/1").code == "MANIFEST_UNKNOWN"
    assert site.ask("GET", f"/v2/app/manifests/{digest}").status == 200
    assert site.ask("GET", "/v2/app/tags/list").json["tags"] == []
    assert site.ask("DELETE", "/v2/app/manifests/1").status == 404


def test_deleting_a_built_tag_leaves_the_manifest_too(site):
    image = make_image(site.layout, names=["node:20"])
    assert site.ask("DELETE", "/v2/node/manifests/20").status == 202
    assert site.ask("GET", f"/v2/node/manifests/{image.digest}").status == 200


def test_deleting_a_manifest_takes_its_tags_and_its_place_among_referrers(site):
    subject = site.push_image("app", "1")
    referrer = site.push_referrer("app", subject, "x/y")
    assert site.ask("DELETE", f"/v2/app/manifests/{referrer}").status == 202
    assert site.ask("GET", f"/v2/app/referrers/{subject}").json["manifests"] == []
    site.push_image("app", "2")
    assert site.ask("DELETE", f"/v2/app/manifests/{subject}").status == 202
    for reference in ("1", "2", subject):
        assert site.ask("GET", f"/v2/app/manifests/{reference}").status == 404
    assert site.ask("DELETE", f"/v2/app/manifests/{subject}").code == "MANIFEST_UNKNOWN"


def test_a_manifest_that_an_index_lists_cannot_be_deleted_before_it(site, kit):
    child = site.push_image("app", "child")
    size = len(site.layout.blobs.read(child))
    raw = index_of({"mediaType": OCI_MANIFEST, "digest": child, "size": size})
    site.put_manifest("app", "all", raw, OCI_INDEX)
    assert site.ask("DELETE", f"/v2/app/manifests/{child}").code == "UNSUPPORTED"
    assert site.ask("DELETE", f"/v2/app/manifests/{digest_of(raw)}").status == 202
    assert site.ask("DELETE", f"/v2/app/manifests/{child}").status == 202


def test_an_index_that_lists_itself_deep_is_walked_without_recursion(site):
    raw = index_of()
    site.put_manifest("app", "0", raw, OCI_INDEX)
    for _ in range(1499):
        below = {"mediaType": OCI_INDEX, "digest": digest_of(raw), "size": len(raw)}
        raw = index_of(below)
        site.layout.blobs.put(raw)
    site.layout.tag(
        type(site.layout.descriptors()[0])(OCI_INDEX, digest_of(raw), len(raw)), ["app:deep"]
    )
    members = site.registry.contents.members("app")
    assert len(members.manifests) == 1500


def test_a_tag_is_set_only_as_somebody_knows_it(site: Site) -> None:
    for data in (b"{}", b"layer", b"other"):
        site.push_blob("app", data)
    first, second = manifest(), manifest(layers=(b"other",))

    def put(raw: bytes, **condition: str) -> int:
        headers = {"content-type": OCI_MANIFEST}
        headers |= {name.replace("_", "-"): value for name, value in condition.items()}
        return site.ask("PUT", "/v2/app/manifests/1", body=raw, headers=headers).status

    known, other = (f'"{digest_of(raw)}"' for raw in (first, second))
    assert put(first, if_match="*") == 412
    assert put(first, if_none_match="*") == 201
    assert put(second, if_none_match="*") == 412
    assert put(second, if_match=other) == 412
    assert site.ask("GET", "/v2/app/manifests/1").body == first
    assert put(second, if_match=f"{other}, {known}") == 201
    assert put(second, if_none_match=other) == 412
    assert put(first) == 201


def test_of_two_who_know_the_same_tag_one_sets_it(site: Site) -> None:
    site.push_blob("app", b"{}")
    said = [f"layer {number}".encode() for number in range(8)]
    for data in said:
        site.push_blob("app", data)
    condition = {"content-type": OCI_MANIFEST, "if-none-match": "*"}

    def put(data: bytes) -> int:
        raw = manifest(layers=(data,))
        return site.ask("PUT", "/v2/app/manifests/1", body=raw, headers=condition).status

    with ThreadPoolExecutor(len(said)) as pool:
        assert sorted(pool.map(put, said)) == [201] + [412] * 7
