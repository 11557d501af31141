"""Many small parts of a push in one request, and several tags for a manifest at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from tests.fakes.asgi import Answer
from tests.unit.registry.server.conftest import Site, make_site, manifest

from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import digest_of
from ironhull.oci.document import canonical
from ironhull.oci.media_types import OCI_MANIFEST
from ironhull.registry.server.limits import Limits
from ironhull.registry.server.rules import Push, Quota, Rules
from ironhull.registry.together import HEADER, MAX_BYTES, MAX_PARTS, Part, packed, unpacked
from ironhull.store.layout import ImageLayout


def send(site: Site, body: bytes, repository: str = "app") -> Answer:
    return site.ask("POST", f"/v2/{repository}/_ironhull/together", body=body)


def part(data: bytes, media_type: str = "") -> Part:
    return Part(digest_of(data), data, media_type)


def statement(subject: bytes) -> bytes:
    about = {"mediaType": OCI_MANIFEST, "digest": digest_of(subject), "size": len(subject)}
    return manifest(layers=(b"said",), subject=about)


IMAGE = manifest()


def test_an_image_with_a_statement_is_there_after_one_request(site: Site) -> None:
    said = statement(IMAGE)
    parts = [part(b"{}"), part(b"layer"), part(b"said")]
    parts += [part(IMAGE, OCI_MANIFEST), part(said, OCI_MANIFEST)]
    answer = send(site, packed(parts))
    assert (answer.status, answer.headers[HEADER]) == (201, "1")
    assert site.ask("GET", f"/v2/app/manifests/{digest_of(IMAGE)}").body == IMAGE
    assert site.ask("GET", f"/v2/app/blobs/{digest_of(b'said')}").body == b"said"
    (listed,) = site.ask("GET", f"/v2/app/referrers/{digest_of(IMAGE)}").json["manifests"]
    assert listed["digest"] == digest_of(said)
    assert site.ask("GET", "/v2/app/tags/list").json["tags"] == []


def test_a_manifest_whose_blob_neither_came_nor_was_there_is_refused_and_those_before_it_stay(
    site: Site,
) -> None:
    lost = manifest(layers=(b"never sent",))
    parts = [part(lost, OCI_MANIFEST), part(b"{}"), part(b"layer")]
    answer = send(site, packed([part(IMAGE, OCI_MANIFEST), *parts]))
    assert (answer.status, answer.code) == (404, "MANIFEST_BLOB_UNKNOWN")
    assert site.ask("GET", f"/v2/app/manifests/{digest_of(IMAGE)}").status == 200
    assert site.ask("GET", f"/v2/app/manifests/{digest_of(lost)}").status == 404


def test_blobs_of_another_repository_are_not_this_ones_by_being_named(site: Site) -> None:
    for data in (b"{}", b"layer"):
        site.push_blob("private", data)
    answer = send(site, packed([part(IMAGE, OCI_MANIFEST)]))
    assert answer.code == "MANIFEST_BLOB_UNKNOWN"


def _line(*parts: Any) -> bytes:
    return canonical({"parts": list(parts)}) + b"\n"


HI = {"digest": digest_of(b"hi"), "size": 2}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no line of JSON",
        b"[]\n",
        _line("hi") + b"hi",
        _line({"size": 2}) + b"hi",
        _line({"digest": "sha512:" + "0" * 128, "size": 2}) + b"hi",
        _line({"digest": "../../etc/passwd", "size": 2}) + b"hi",
        _line(HI) + b"ho",
        _line(HI) + b"h",
        _line(HI) + b"hi there",
        _line({**HI, "size": -1}) + b"hi",
        _line({**HI, "size": True}) + b"hi",
        _line({**HI, "size": 10**30}) + b"hi",
        _line({**HI, "mediaType": 3}) + b"hi",
        _line({**HI, "tags": "1"}) + b"hi",
        _line({**HI, "match": 1}) + b"hi",
        packed([part(b"")] * (MAX_PARTS + 1)),
    ],
)
def test_what_is_not_what_its_first_line_says_is_refused_and_nothing_of_it_kept(
    site: Site, body: bytes
) -> None:
    answer = send(site, body)
    assert (answer.status, answer.code) == (400, "REQUEST_INVALID")
    assert list(site.layout.blobs) == []


def test_a_manifest_that_is_none_keeps_the_blobs_beside_it_out_too(site: Site) -> None:
    answer = send(site, packed([part(b"{}"), part(b"{}", OCI_MANIFEST)]))
    assert (answer.status, answer.code) == (400, "MANIFEST_INVALID")
    assert list(site.layout.blobs) == []


def test_more_than_a_manifest_may_have_is_refused(site: Site) -> None:
    assert send(site, packed([part(b"x" * MAX_BYTES)])).status == 413


def test_limits_of_blobs_hold_for_parts_too(make: Any) -> None:
    site = make(limits=Limits(blob=10, reserve=0))
    assert send(site, packed([part(b"x" * 11)])).status == 413
    assert send(site, packed([part(b"x" * 10)])).status == 201


def test_a_quota_holds_for_what_comes_together(site: Site) -> None:
    site.registry.contents.rules = Rules((), (Quota(("app",), 3),))
    parts = [part(b"{}"), part(b"layer"), part(IMAGE, OCI_MANIFEST)]
    answer = send(site, packed(parts))
    assert (answer.status, answer.code) == (403, "DENIED")
    assert site.ask("GET", f"/v2/app/manifests/{digest_of(IMAGE)}").status == 404


def test_a_registry_that_is_read_only_takes_nothing_together(make: Any) -> None:
    make()
    assert send(make(read_only=True), packed([part(b"x")])).code == "UNSUPPORTED"


def test_parts_come_out_of_a_body_as_they_went_in() -> None:
    parts = [part(b"{}"), part(b"\n\n"), part(b""), tagged(IMAGE, "1", "1.2")]
    parts += [replace(tagged(IMAGE, "3"), match="")]
    assert unpacked(packed(parts)) == parts


# Tags of what comes together.


def tagged(raw: bytes, *tags: str) -> Part:
    return Part(digest_of(raw), raw, OCI_MANIFEST, tags)


def test_a_manifest_that_comes_with_its_parts_gets_its_tags_last(tmp_path: Any) -> None:
    site, told = make_site(tmp_path / "store"), list[Push]()
    object.__setattr__(site.registry, "pushed", told.append)
    old = site.push_image("app", "1", b"old")
    said = statement(IMAGE)
    parts = [part(b"{}"), part(b"layer"), part(b"said"), tagged(IMAGE, "1", "1.2")]
    answer = send(site, packed([*parts, part(said, OCI_MANIFEST)]))
    assert (answer.status, answer.headers["oci-tag"]) == (201, "1,1.2")
    for tag in ("1", "1.2"):
        assert site.ask("GET", f"/v2/app/manifests/{tag}").body == IMAGE
    assert site.ask("GET", f"/v2/app/manifests/{old}").status == 200
    assert [(each.tag, each.digest) for each in told[1:]] == [
        ("1", digest_of(IMAGE)),
        ("1.2", digest_of(IMAGE)),
    ]


def test_a_tag_that_has_to_be_as_somebody_knows_it_moves_only_then(site: Site) -> None:
    old = site.push_image("app", "1", b"old")
    blobs = [part(b"{}"), part(b"layer")]

    def given(tag: str, match: str) -> str:
        named = replace(tagged(IMAGE, tag), match=match)
        answer = send(site, packed([*blobs, named]))
        assert answer.status == 201
        return str(answer.headers.get("oci-tag", ""))

    assert [given("1", ""), given("1", digest_of(IMAGE)), given("2", old)] == ["", "", ""]
    assert site.ask("GET", "/v2/app/manifests/1").headers["docker-content-digest"] == old
    assert site.ask("GET", "/v2/app/tags/list").json["tags"] == ["1"]
    assert [given("1", old), given("2", "")] == ["1", "2"]
    assert [given("1", old), given("1", digest_of(IMAGE))] == ["", "1"]


def test_tags_of_several_parts_are_in_one_write_and_one_that_is_not_as_wanted_keeps_no_other(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, other = site.push_image("app", "1", b"old"), manifest(annotations={"a": "b"})
    blobs, written = [part(b"{}"), part(b"layer")], list[set[str]]()
    point = ImageLayout.point

    def seen(layout: ImageLayout, names: Mapping[str, Descriptor]) -> None:
        written.append(set(names))
        point(layout, names)

    monkeypatch.setattr(ImageLayout, "point", seen)

    for match in (old, ""):
        named = replace(tagged(other, "record"), match=match)
        more = replace(tagged(other, "2"), match="")
        parts = [*blobs, tagged(IMAGE, "1", "1.2"), named, more]
        assert send(site, packed(parts)).status == 201
    assert written == [{"app:1", "app:1.2", "app:2"}, {"app:1", "app:1.2", "app:record"}]
    assert site.ask("GET", "/v2/app/tags/list").json["tags"] == ["1", "1.2", "2", "record"]


def test_no_tag_moves_when_a_part_behind_it_is_refused(site: Site) -> None:
    old = site.push_image("app", "1", b"old")
    lost = manifest(layers=(b"never sent",))
    parts = [part(b"{}"), part(b"layer"), tagged(IMAGE, "1"), part(lost, OCI_MANIFEST)]
    assert send(site, packed(parts)).code == "MANIFEST_BLOB_UNKNOWN"
    assert site.ask("GET", "/v2/app/manifests/1").headers["docker-content-digest"] == old


def test_of_tags_that_come_together_none_is_moved_if_one_never_moves(site: Site) -> None:
    site.registry.contents.rules = Rules(("app:v*",), ())
    old = site.push_image("app", "v1", b"old")
    site.put_manifest("app", "latest", site.ask("GET", "/v2/app/manifests/v1").body)
    parts = [part(b"{}"), part(b"layer"), tagged(IMAGE, "latest", "v1")]
    assert send(site, packed(parts)).code == "DENIED"
    for tag in ("latest", "v1"):
        assert site.ask("GET", f"/v2/app/manifests/{tag}").headers["docker-content-digest"] == old


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        (Part(digest_of(b"x"), b"x", "", ("1",)), 400),
        (tagged(IMAGE, "a/b"), 400),
        (replace(tagged(IMAGE, "1", "2"), match=""), 400),
        (replace(part(IMAGE, OCI_MANIFEST), match=""), 400),
        (tagged(IMAGE, *map(str, range(101))), 414),
    ],
)
def test_tags_that_are_none_or_many_or_of_a_blob_keep_all_out(
    site: Site, wrong: Part, status: int
) -> None:
    answer = send(site, packed([part(b"{}"), part(b"layer"), wrong]))
    assert (answer.status, answer.code) == (status, "TAG_INVALID")
    assert list(site.layout.blobs) == []


@pytest.mark.parametrize(
    ("ours", "theirs", "status"),
    [(["1"], ["1"], 400), (list(map(str, range(60))), list(map(str, range(60, 120))), 414)],
)
def test_a_tag_that_is_given_twice_or_many_of_all_parts_keep_all_out(
    site: Site, ours: list[str], theirs: list[str], status: int
) -> None:
    parts = [tagged(IMAGE, *ours), tagged(manifest(annotations={"a": "b"}), *theirs)]
    answer = send(site, packed([part(b"{}"), part(b"layer"), *parts]))
    assert (answer.status, answer.code) == (status, "TAG_INVALID")
    assert list(site.layout.blobs) == []


# Several tags at once (distribution-spec, end-7b).


def put(site: Site, raw: bytes, tags: str) -> Answer:
    return site.put_manifest("app", f"{digest_of(raw)}?{tags}", raw)


def test_a_manifest_gets_several_tags_by_its_digest(tmp_path: Any) -> None:
    site, told = make_site(tmp_path / "store"), list[Push]()
    object.__setattr__(site.registry, "pushed", told.append)
    digest = site.push_image("app", "old")
    answer = put(site, IMAGE, "tag=1&tag=1.2&tag=1")
    assert (answer.status, answer.headers["oci-tag"]) == (201, "1.2")
    assert site.ask("GET", "/v2/app/tags/list").json["tags"] == ["1", "1.2", "old"]
    assert [each.tag for each in told] == ["old", "1", "1.2"]
    assert {each.digest for each in told} == {digest}


def test_without_a_tag_none_is_said_to_be_given(site: Site) -> None:
    site.push_image("app", "1")
    assert "oci-tag" not in put(site, IMAGE, "").headers
    assert site.ask("GET", "/v2/app/tags/list").json["tags"] == ["1"]


def test_of_tags_of_which_one_never_moves_none_is_moved(site: Site) -> None:
    site.registry.contents.rules = Rules(("app:v*",), ())
    old = site.push_image("app", "v1")
    site.put_manifest("app", "latest", IMAGE)
    raw = manifest(annotations={"a": "b"})
    answer = put(site, raw, "tag=latest&tag=v1&tag=v2")
    assert (answer.status, answer.code) == (403, "DENIED")
    for tag in ("latest", "v1"):
        assert site.ask("GET", f"/v2/app/manifests/{tag}").headers["docker-content-digest"] == old
    assert site.ask("GET", "/v2/app/manifests/v2").status == 404


def test_the_images_that_several_tags_left_are_pulled_by_digest(site: Site) -> None:
    first, second = (site.push_image("app", tag, tag.encode()) for tag in ("1", "2"))
    site.push_blob("app", b"layer")
    assert put(site, IMAGE, "tag=1&tag=2").status == 201
    for digest in (first, second):
        assert site.ask("GET", f"/v2/app/manifests/{digest}").status == 200


@pytest.mark.parametrize("tags", ["tag=", "tag=a/b", "tag=" + "x" * 129, "tag=1&tag=.."])
def test_names_that_are_no_tags_move_none(site: Site, tags: str) -> None:
    site.push_image("app", "old")
    answer = put(site, IMAGE, tags)
    assert (answer.status, answer.code) == (400, "TAG_INVALID")
    assert site.ask("GET", "/v2/app/tags/list").json["tags"] == ["old"]


def test_more_than_a_hundred_tags_at_once_are_refused(site: Site) -> None:
    site.push_image("app", "old")
    answer = put(site, IMAGE, "&".join(f"tag={number}" for number in range(101)))
    assert (answer.status, answer.code) == (414, "TAG_INVALID")


def test_what_comes_together_needs_the_right_to_push(tmp_path: Any) -> None:
    users = tmp_path / "users.toml"
    users.write_text('[anonymous]\nrole = "pull"\n')
    site = make_site(tmp_path / "store", auth=users)
    answer = send(site, packed([part(b"x")]))
    assert (answer.status, answer.code) == (401, "UNAUTHORIZED")
    assert 'scope="repository:app:pull,push"' in answer.headers["www-authenticate"]
