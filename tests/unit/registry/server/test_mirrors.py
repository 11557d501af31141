"""Mirrored repositories: upstream slow, away, lying; whose blobs are whose; who is told a login."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import bcrypt
import pytest
from tests.fakes.asgi import Answer, request
from tests.fakes.registry import FakeRegistry, cut, says
from tests.unit.registry.server.conftest import Site, described, make_site, manifest

from ironhull.errors import InputError
from ironhull.oci.digest import digest_of
from ironhull.oci.document import canonical
from ironhull.oci.media_types import OCI_EMPTY, OCI_INDEX, OCI_MANIFEST
from ironhull.registry.client.access import Registries
from ironhull.registry.client.credentials import Credentials
from ironhull.registry.server.app import application
from ironhull.registry.server.limits import Limits
from ironhull.registry.server.mirrors import Mirror
from ironhull.registry.server.pull_through import PullThrough
from ironhull.registry.server.rules import Quota, Rules, read_rules_file
from ironhull.registry.server.sweep import sweep
from ironhull.registry.server.upstream import RegistryUpstream
from ironhull.settings import Settings
from ironhull.transport.patience import Patience
from ironhull.workspace.machine import Machine
from ironhull.workspace.registries import mirrored_registries

HURRY = Patience(
    attempts=2, all_attempts=4, unreachable=1, first_wait=0.01, longest_wait=0.1, connect=2, idle=5
)
LARGE = os.urandom(5 << 20)


class Mirrored(Site):
    """A registry with a mirror `hub/` of a fake one."""

    through: PullThrough

    def get(self, path: str, **more: Any) -> Answer:
        return self.ask("GET", f"/v2/hub/{path}", **more)

    def later(self, seconds: float = 3600) -> None:
        """As if nothing had been asked upstream for some time."""
        for path in self.layout.root.rglob("registry/repositories/**/_mirror/**/*"):
            if path.is_file():
                os.utime(path, (0, path.stat().st_mtime - seconds))


def mirrored(
    root: Path,
    host: str,
    *,
    credentials: Credentials | None = None,
    rules: Rules | None = None,
    auth: Path | None = None,
    registries: Registries | None = None,
) -> Mirrored:
    site = make_site(root, limits=Limits(reserve=0), auth=auth)
    contents = site.registry.contents
    contents.rules = rules or Rules(mirrors=(Mirror("hub", host),))
    if registries is None:
        registries = Registries(credentials=credentials, patience=HURRY, for_others=True)
    upstream = RegistryUpstream(contents, site.registry.uploads, registries)
    through = PullThrough(contents, upstream, site.registry.log.note)
    registry = replace(site.registry, mirrors=through)
    made = Mirrored(registry, application(registry), site.stream)
    made.through = through
    return made


@pytest.fixture
def upstream() -> Iterator[FakeRegistry]:
    with FakeRegistry() as registry:
        yield registry


@pytest.fixture
def site(tmp_path: Path, upstream: FakeRegistry) -> Iterator[Mirrored]:
    made = mirrored(tmp_path / "store", upstream.host)
    yield made
    made.through.close()


def fill(upstream: FakeRegistry, name: str = "app", layer: bytes = b"layer") -> str:
    """An image `1` upstream; its digest."""
    upstream.put_blob(name, b"{}")
    upstream.put_blob(name, layer)
    return upstream.put_manifest(name, "1", OCI_MANIFEST, manifest(layers=(layer,)))


def refer(upstream: FakeRegistry, subject: str, name: str = "app") -> str:
    upstream.put_blob(name, b"{}")
    value = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": "x/sbom",
        "config": described(b"{}", OCI_EMPTY),
        "layers": [],
        "subject": {"mediaType": OCI_MANIFEST, "digest": subject, "size": 1},
    }
    raw = canonical(value)
    return upstream.put_manifest(name, digest_of(raw), OCI_MANIFEST, raw)


def test_an_image_is_brought_when_it_is_asked_for_and_stays_when_upstream_is_gone(
    tmp_path: Path,
) -> None:
    with FakeRegistry() as upstream:
        digest = fill(upstream, layer=LARGE)
        site = mirrored(tmp_path / "store", upstream.host)
        answer = site.get("app/manifests/1")
        assert (answer.status, answer.headers["docker-content-digest"]) == (200, digest)
        assert site.get(f"app/blobs/{digest_of(b'{}')}").body == b"{}"
        assert site.get(f"app/blobs/{digest_of(LARGE)}").body == LARGE
        assert site.get("app/tags/list").json["tags"] == ["1"]
    site.later()
    for path in ("manifests/1", f"manifests/{digest}", f"blobs/{digest_of(LARGE)}", "tags/list"):
        assert site.get(f"app/{path}").status == 200
    assert "hub/app:1 as it was before" in site.stream.getvalue()
    answer = site.get("app/manifests/2")
    assert (answer.status, answer.code) == (503, "UPSTREAM_UNAVAILABLE")
    assert "nobody listens" in answer.body.decode() or "refused" in answer.body.decode()
    site.through.close()


def test_upstream_is_asked_again_when_the_time_is_over_and_not_before(
    site: Mirrored, upstream: FakeRegistry
) -> None:
    first = fill(upstream)
    site.get("app/manifests/1")
    asked = len(upstream.requests("GET", "manifests/1")), len(upstream.requests("HEAD", "/1"))
    site.get("app/manifests/1")
    assert (len(upstream.requests("GET", "/1")), len(upstream.requests("HEAD", "/1"))) == asked
    site.later()
    assert site.get("app/manifests/1").headers["docker-content-digest"] == first
    # What did not change is not sent again.
    assert len(upstream.requests("GET", "manifests/1")) == asked[0]
    site.later()
    second = fill(upstream, layer=b"moved")
    assert site.get("app/manifests/1").headers["docker-content-digest"] == second
    assert site.get(f"app/manifests/{first}").status == 200


def test_a_tag_that_is_gone_upstream_is_gone(site: Mirrored, upstream: FakeRegistry) -> None:
    fill(upstream)
    site.get("app/manifests/1")
    upstream.manifests.clear()
    site.later()
    for _ in range(2):
        answer = site.get("app/manifests/1")
        assert (answer.status, answer.code) == (404, "MANIFEST_UNKNOWN")


def test_who_is_refused_upstream_is_refused_here_also_what_was_had(
    site: Mirrored, upstream: FakeRegistry
) -> None:
    fill(upstream)
    site.get("app/manifests/1")
    site.later()
    upstream.fail("HEAD", "manifests", says(403))
    answer = site.get("app/manifests/1")
    assert (answer.status, answer.code) == (403, "DENIED")


@pytest.mark.parametrize("layer", [b"small", LARGE])
def test_bytes_of_another_digest_never_go_out_whole_and_are_not_kept(
    site: Mirrored, upstream: FakeRegistry, layer: bytes
) -> None:
    fill(upstream, layer=layer)
    digest = digest_of(layer)
    upstream.blobs["app", digest] = layer[:-1] + bytes([layer[-1] ^ 1])
    answer = site.get(f"app/blobs/{digest}")
    if len(layer) < 1000:
        assert (answer.status, answer.code) == (502, "UPSTREAM_INVALID")
    else:
        assert len(answer.body) < int(answer.headers["content-length"])
    assert not site.layout.blobs.has(digest)
    assert digest in site.stream.getvalue()
    upstream.blobs["app", digest] = layer
    assert site.get(f"app/blobs/{digest}").body == layer


def test_a_manifest_of_another_digest_is_an_error(site: Mirrored, upstream: FakeRegistry) -> None:
    digest = fill(upstream)
    upstream.manifests["app", digest] = (OCI_MANIFEST, manifest(layers=(b"other",)))
    answer = site.get(f"app/manifests/{digest}")
    assert (answer.status, answer.code) == (502, "UPSTREAM_INVALID")
    assert f"should be {digest}" in answer.body.decode()


def test_a_connection_that_breaks_is_gone_on_with(site: Mirrored, upstream: FakeRegistry) -> None:
    fill(upstream, layer=LARGE)
    upstream.fail("GET", "blobs", cut(1 << 20))
    assert site.get(f"app/blobs/{digest_of(LARGE)}").body == LARGE


def test_clients_that_come_at_once_make_upstream_send_once(
    site: Mirrored, upstream: FakeRegistry
) -> None:
    fill(upstream, layer=LARGE)

    async def all_at_once() -> list[Answer]:
        path = f"/v2/hub/app/blobs/{digest_of(LARGE)}"
        tag = [request(site.app, "GET", "/v2/hub/app/manifests/1") for _ in range(10)]
        return await asyncio.gather(*tag, *(request(site.app, "GET", path) for _ in range(10)))

    answers = asyncio.run(all_at_once())
    assert all(answer.body == LARGE for answer in answers[10:])
    assert len(upstream.requests("GET", "blobs")) == 1
    assert len(upstream.requests("GET", "manifests/1")) == 1


def test_a_range_and_a_head_of_what_is_not_here_yet(site: Mirrored, upstream: FakeRegistry) -> None:
    fill(upstream, layer=LARGE)
    path = f"app/blobs/{digest_of(LARGE)}"
    head = site.ask("HEAD", f"/v2/hub/{path}")
    assert (head.status, head.headers["content-length"]) == (200, str(len(LARGE)))
    assert not upstream.requests("GET", "blobs")
    answer = site.get(path, headers={"range": "bytes=10-19"})
    assert (answer.status, answer.body) == (206, LARGE[10:20])


def test_a_login_goes_upstream_alone_and_a_clients_own_nowhere(tmp_path: Path) -> None:
    users, logins = tmp_path / "users.toml", tmp_path / "auth.json"
    hashed = bcrypt.hashpw(b"of-the-client", bcrypt.gensalt(4)).decode()
    users.write_text(f'[users.alice]\npassword = "{hashed}"\nrole = "pull"\n')
    own = {"authorization": "Basic " + base64.b64encode(b"alice:of-the-client").decode()}
    with (
        FakeRegistry(login=("me", "secret"), auth="basic") as upstream,
        FakeRegistry() as elsewhere,
    ):
        entry = {"username": "me", "password": "secret"}
        logins.write_text(json.dumps({"auths": {upstream.host: entry}}))
        fill(upstream)
        fill(elsewhere)
        digest = digest_of(b"layer")
        to = f"{elsewhere.url}/v2/app/blobs/{digest}"
        upstream.fail("GET", digest, says(307, location=to))
        credentials = Credentials((logins,))
        site = mirrored(tmp_path / "store", upstream.host, credentials=credentials, auth=users)
        assert site.get("app/manifests/1").status == 401
        assert not upstream.seen
        assert site.get("app/manifests/1", headers=own).status == 200
        assert site.get(f"app/blobs/{digest}", headers=own).body == b"layer"
        sent = {value for seen in upstream.seen for value in seen.headers.values()}
        assert "Basic " + base64.b64encode(b"me:secret").decode() in sent
        assert own["authorization"] not in sent
        (followed,) = elsewhere.seen
        assert not {key for key in followed.headers if key.lower() == "authorization"}
        site.through.close()


def test_a_redirect_to_an_address_with_a_login_in_it_is_not_followed(
    site: Mirrored, upstream: FakeRegistry
) -> None:
    fill(upstream)
    digest = digest_of(b"layer")
    with FakeRegistry() as elsewhere:
        to = f"http://user:word@{elsewhere.host}/x"
        upstream.fail("GET", digest, says(307, location=to), times=9)
        answer = site.get(f"app/blobs/{digest}")
        assert answer.status == 503
        assert "an address with a login in it" in answer.body.decode()
        assert not elsewhere.seen


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("kind", ["manifests", "blobs"])
def test_upstream_sends_the_mirror_to_nobody_who_is_nearer_than_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str, kind: str
) -> None:
    # What only this machine reaches is nobody's who asks the mirror: not even how long it is.
    monkeypatch.setattr("ironhull.registry.client.access._speaks_tls", lambda host, port: False)
    with FakeRegistry() as upstream, FakeRegistry() as inner:
        names = {"manifests": fill(inner, layer=LARGE), "blobs": digest_of(LARGE)}
        inside = f"/v2/app/{kind}/{names[kind]}"
        for each in ("GET", "HEAD"):
            upstream.fail(each, f"/{kind}/", says(307, location=inner.url + inside), times=99)
        place = tmp_path / "home"
        # To what is far away through a proxy, which is upstream itself.
        settings = Settings(
            home=place,
            catalog=place,
            plain_http=True,
            environment={"http_proxy": upstream.url, "HOME": str(tmp_path)},
        )
        registries = mirrored_registries(Machine(settings))
        site = mirrored(tmp_path / "store", "far.example", registries=registries)
        answer = site.ask(method, f"/v2/hub/app/{kind}/{names[kind]}")
        site.through.close()
        assert upstream.seen
        assert not inner.seen
    assert (answer.status, b"inner" in answer.body) == (503, False)
    assert "nearer to us than it is itself" in site.stream.getvalue()


def test_what_upstream_says_is_for_the_log_and_not_for_clients(tmp_path: Path) -> None:
    # It may have sent us to an address that only this machine reaches; and where our login is
    # concerns nobody.
    logins = tmp_path / "auth.json"
    with FakeRegistry(login=("me", "secret"), auth="token") as upstream, FakeRegistry() as inner:
        entry = {"username": "me", "password": "other"}
        logins.write_text(json.dumps({"auths": {upstream.host: entry}}))
        site = mirrored(tmp_path / "a", upstream.host, credentials=Credentials((logins,)))
        answer = site.get("app/manifests/1")
        assert (answer.status, answer.code) == (403, "DENIED")
        assert b"auth.json" not in answer.body
        assert "auth.json" in site.stream.getvalue()
        site.through.close()
        logins.write_text("{")
        site = mirrored(tmp_path / "b", upstream.host, credentials=Credentials((logins,)))
        assert b"auth.json" not in site.get("app/manifests/1").body
        assert "auth.json" in site.stream.getvalue()
        site.through.close()
        site = mirrored(tmp_path / "c", inner.host)
        inner.fail("GET", "manifests/1", says(307, location=f"{inner.url}/private"))
        inner.fail("GET", "private", says(403, b"the password", content_type="text/plain"))
        answer = site.get("app/manifests/1")
        assert (answer.status, b"password" in answer.body) == (403, False)
        assert "the password" in site.stream.getvalue()
        site.through.close()


def test_nothing_is_pushed_to_a_mirror(site: Mirrored, upstream: FakeRegistry) -> None:
    answer = site.ask("POST", "/v2/hub/app/blobs/uploads/")
    assert (answer.status, answer.code) == (403, "DENIED")
    assert f"hub/app is a mirror of {upstream.host}: push there" in answer.body.decode()


def test_a_manifest_from_elsewhere_makes_nothing_of_this_registry_belong_to_the_mirror(
    site: Mirrored, upstream: FakeRegistry
) -> None:
    private = site.push_image("private", "1", b"secret layer")
    upstream.put_blob("app", b"{}")
    raw = manifest(layers=(b"secret layer",))
    upstream.put_manifest("app", "1", OCI_MANIFEST, raw)
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [described(raw, OCI_INDEX)]}
    upstream.put_manifest("other", "1", OCI_INDEX, canonical(index))
    assert digest_of(raw) == private
    assert site.get("app/manifests/1").status == 200
    assert site.get("other/manifests/1").status == 200
    blob = f"blobs/{digest_of(b'secret layer')}"
    for path in (f"app/{blob}", f"other/{blob}", f"other/manifests/{private}"):
        assert site.get(path).status == 404
    assert site.ask("HEAD", f"/v2/hub/app/{blob}").status == 404
    mount = f"/v2/mine/blobs/uploads/?mount={digest_of(b'secret layer')}&from=hub/app"
    assert site.ask("POST", mount).status == 202
    # Neither when the rule is taken away later.
    site.registry.contents.rules = Rules()
    assert site.get(f"app/{blob}").status == 404
    assert site.get(f"other/manifests/{private}").status == 404


def test_what_refers_to_an_image_comes_with_it(tmp_path: Path) -> None:
    with FakeRegistry() as upstream:
        image = fill(upstream)
        sbom = refer(upstream, image)
        site = mirrored(tmp_path / "store", upstream.host)
        assert site.get("app/manifests/1").status == 200
        found = site.get(f"app/referrers/{image}").json["manifests"]
        assert [(item["digest"], item["artifactType"]) for item in found] == [(sbom, "x/sbom")]
    site.later()
    again = site.get(f"app/referrers/{image}")
    assert again.json["manifests"] == found
    assert site.get(f"app/manifests/{sbom}").status == 200
    assert site.get(f"app/referrers/sha256:{'0' * 64}").status == 503
    site.through.close()


def test_what_is_listed_as_a_referrer_and_does_not_say_so_is_left_out(
    site: Mirrored, upstream: FakeRegistry
) -> None:
    image = fill(upstream)
    other = refer(upstream, f"sha256:{'0' * 64}")
    listed = {"mediaType": OCI_MANIFEST, "digest": other, "size": 5, "artifactType": "x/sbom"}
    body = canonical({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [listed]})
    upstream.fail("GET", "referrers", says(200, body, content_type=OCI_INDEX))
    assert site.get(f"app/referrers/{image}").json["manifests"] == []


def test_questions_about_what_is_not_here_leave_nothing_behind(
    site: Mirrored, upstream: FakeRegistry
) -> None:
    image = fill(upstream)
    assert site.get("app/manifests/1").status == 200
    assert site.get(f"app/referrers/{image}").status == 200
    root = site.layout.root / "registry"
    before = sorted(root.rglob("*"))
    for number in range(3):
        asked = digest_of(str(number).encode())
        for name in ("app", f"other{number}"):
            answer = site.get(f"{name}/referrers/{asked}")
            assert (answer.status, answer.json["manifests"]) == (200, [])
            assert site.get(f"{name}/manifests/{asked}").status == 404
            assert site.get(f"{name}/blobs/{asked}").status == 404
    assert sorted(root.rglob("*")) == before


def test_a_registry_that_does_not_answer_holds_up_no_other(
    tmp_path: Path, upstream: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ironhull.registry.server.pull_through._MAX_WAITING", 2)
    digest, free = fill(upstream), threading.Event()

    def late(handler: object) -> bool:
        free.wait(60)
        return False

    with FakeRegistry() as slow:
        fill(slow)
        slow.fail("GET", "manifests/2", late)
        slow.fail("GET", "manifests/3", late)
        rules = Rules(mirrors=(Mirror("hub", upstream.host), Mirror("slow", slow.host)))
        site = mirrored(tmp_path / "store", "", rules=rules)

        async def meanwhile() -> tuple[Answer, Answer, Answer]:
            waiting = [
                asyncio.create_task(request(site.app, "GET", f"/v2/slow/app/manifests/{tag}"))
                for tag in (2, 3)
            ]
            while len(slow.seen) < 2:
                await asyncio.sleep(0.01)
            one_more = await request(site.app, "GET", "/v2/slow/app/manifests/1")
            other = await request(site.app, "GET", "/v2/hub/app/manifests/1")
            free.set()
            await asyncio.gather(*waiting)
            return one_more, other, await request(site.app, "GET", "/v2/slow/app/manifests/1")

        try:
            refused, other, later = asyncio.run(meanwhile())
        finally:
            free.set()
            site.through.close()
    assert (refused.status, refused.code) == (429, "TOOMANYREQUESTS")
    assert (other.status, other.headers["docker-content-digest"]) == (200, digest)
    assert later.status == 200


def test_the_tags_of_a_mirror_come_in_pages(site: Mirrored, upstream: FakeRegistry) -> None:
    for tag in ("a", "b", "c"):
        upstream.put_manifest("app", tag, OCI_MANIFEST, b"{}")
    first = site.get("app/tags/list?n=2")
    assert first.json["tags"] == ["a", "b"]
    assert first.headers["link"] == '</v2/hub/app/tags/list?n=2&last=b>; rel="next"'
    assert site.get("app/tags/list?n=2&last=b").json["tags"] == ["c"]
    upstream.fail("GET", "nothing/tags", says(404))
    answer = site.get("nothing/tags/list")
    assert (answer.status, answer.code) == (404, "NAME_UNKNOWN")


def test_a_sweep_leaves_what_mirrored_images_consist_of(
    site: Mirrored, upstream: FakeRegistry
) -> None:
    fill(upstream)
    site.get("app/manifests/1")
    site.get(f"app/blobs/{digest_of(b'layer')}")
    site.age()
    sweep(site.registry.contents, site.registry.uploads)
    assert site.layout.blobs.has(digest_of(b"layer"))
    upstream.blobs.clear()
    assert site.get(f"app/blobs/{digest_of(b'layer')}").body == b"layer"


def test_what_is_deleted_is_brought_again(site: Mirrored, upstream: FakeRegistry) -> None:
    digest = fill(upstream)
    site.get("app/manifests/1")
    assert site.ask("DELETE", "/v2/hub/app/manifests/1").status == 202
    assert site.ask("DELETE", f"/v2/hub/app/manifests/{digest}").status == 202
    assert site.ask("DELETE", "/v2/hub/app/manifests/1").code == "MANIFEST_UNKNOWN"
    assert site.get("app/manifests/1").headers["docker-content-digest"] == digest


def test_a_mirror_keeps_to_its_quota(tmp_path: Path, upstream: FakeRegistry) -> None:
    rules = Rules(quotas=(Quota(("hub/*",), 10),), mirrors=(Mirror("hub", upstream.host),))
    site = mirrored(tmp_path / "store", upstream.host, rules=rules)
    fill(upstream, layer=b"0123456789a")
    answer = site.get(f"app/blobs/{digest_of(b'0123456789a')}")
    assert answer.code == "DENIED"
    assert "its quota is 10" in answer.body.decode()
    site.through.close()


def test_only_what_the_rule_names_is_mirrored(tmp_path: Path, upstream: FakeRegistry) -> None:
    rules = Rules(mirrors=(Mirror("hub", f"{upstream.host}/team", ("web/*",)),))
    site = mirrored(tmp_path / "store", upstream.host, rules=rules)
    fill(upstream, "team/web/app")
    assert site.get("web/app/manifests/1").status == 200
    assert site.get("app/manifests/1").status == 404
    assert site.ask("POST", "/v2/hub/app/blobs/uploads/").status == 202
    site.through.close()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('upstream = "registry.example"', "expected prefix and upstream"),
        ('prefix = "Hub"\nupstream = "registry.example"', "not the start of a repository's name"),
        ('prefix = "hub"\nupstream = "https://registry.example"', "expected HOST[:PORT][/PATH]"),
        ('prefix = "hub"\nupstream = "me:word@registry.example"', "expected HOST[:PORT][/PATH]"),
        ('prefix = "hub"\nupstream = "registry"', "expected HOST[:PORT][/PATH]"),
        ('prefix = "hub"\nupstream = "registry.example/a:b"', "expected HOST[:PORT][/PATH]"),
        ('prefix = "hub"\nupstream = "registry.example/"', "expected HOST[:PORT][/PATH]"),
        ('prefix = "hub"\nupstream = "a.b"\nrevalidate = 5', "expected a text such as 90s"),
        ('prefix = "hub"\nupstream = "a.b"\nrepositories = "x"', "a list of at most"),
        (
            'prefix = "hub"\nupstream = "a.b"\n[[mirror]]\nprefix = "hub/x"\nupstream = "c.d"',
            "overlap",
        ),
    ],
)
def test_a_wrong_mirror_is_an_error_that_says_where(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(f"[[mirror]]\n{text}\n")
    with pytest.raises(InputError) as caught:
        read_rules_file(path)
    assert said in str(caught.value)
    assert str(caught.value).startswith(f"{path}: mirror")


def test_a_mirror_is_read_with_its_time(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(
        '[[mirror]]\nprefix = "hub"\nupstream = "registry.example:5000/team"\n'
        'repositories = ["a/*"]\nrevalidate = "2h"\n'
    )
    rules, _ = read_rules_file(path)
    (mirror,) = rules.mirrors
    assert mirror == Mirror("hub", "registry.example:5000/team", ("a/*",), 7200)
    assert str(mirror.source("hub/a/b")).startswith("registry.example:5000/team/a/b")
    assert mirror.source("hub/b") is None
