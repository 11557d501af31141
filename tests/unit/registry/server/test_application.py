from __future__ import annotations

import json
import re

import pytest


def test_every_answer_has_an_id_that_the_log_has_too(site):
    answer = site.ask("GET", "/v2/app/tags/list", headers={"user-agent": "tests/1"})
    identifier = answer.headers["x-request-id"]
    line = site.stream.getvalue()
    assert f" {identifier} 127.0.0.1 - GET /v2/app/tags/list 404 " in line
    assert "NAME_UNKNOWN" in line


def test_the_log_can_be_json(make):
    site = make(as_json=True)
    site.ask("GET", "/v2/_catalog?n=1", headers={"user-agent": 'a"b'})
    line = json.loads(site.stream.getvalue())
    assert (line["method"], line["path"], line["status"]) == ("GET", "/v2/_catalog?n=1", 200)
    assert line["agent"] == 'a"b'
    assert line["seconds"] >= 0


def test_nothing_from_a_request_breaks_a_line_of_the_log(site):
    site.ask("GET", "/v2/a%0Ab\x01ü/tags/list?x=\x1b[31m".encode().decode("latin-1"))
    assert site.stream.getvalue().count("\n") == 1
    assert all(" " <= sign <= "~" for sign in site.stream.getvalue().rstrip("\n"))


@pytest.mark.parametrize("path", ["/", "/v1/", "/v2/app", "/v2/app/blobs", "/favicon.ico", "//"])
def test_what_is_not_of_the_api_is_not_found(site, path):
    answer = site.ask("GET", path)
    assert (answer.status, answer.code) == (404, "NOT_FOUND")


def test_a_method_that_a_path_does_not_have_is_refused_with_those_it_has(site):
    answer = site.ask("POST", "/v2/app/manifests/1")
    assert (answer.status, answer.code) == (405, "UNSUPPORTED")
    assert answer.headers["allow"] == "DELETE, GET, HEAD, PUT"


def test_the_version_check_says_which_api_this_is(site):
    for path in ("/v2/", "/v2"):
        answer = site.ask("GET", path)
        assert answer.status == 200
        assert answer.headers["docker-distribution-api-version"] == "registry/2.0"


def test_a_read_only_registry_serves_and_refuses_to_change(make, kit):
    digest = make().push_image("app", "1")
    site = make(read_only=True)
    before = sorted(site.layout.root.rglob("*"))
    assert site.ask("GET", "/v2/app/manifests/1").status == 200
    assert site.ask("GET", f"/v2/app/blobs/{kit.sha(b'layer')}").status == 200
    for method, url in (
        ("PUT", "/v2/app/manifests/2"),
        ("POST", "/v2/app/blobs/uploads/"),
        ("DELETE", f"/v2/app/manifests/{digest}"),
        ("DELETE", f"/v2/app/blobs/{kit.sha(b'layer')}"),
    ):
        answer = site.ask(method, url)
        assert (answer.status, answer.code) == (405, "UNSUPPORTED")
    assert sorted(site.layout.root.rglob("*")) == before


@pytest.mark.parametrize("origin", ["https://evil.example", "http://registry.test", "null"])
def test_no_web_page_can_change_anything(site, origin):
    headers = {"origin": origin, "content-type": "text/plain"}
    answer = site.ask("POST", "/v2/app/blobs/uploads/", headers=headers)
    assert (answer.status, answer.code) == (403, "DENIED")
    assert site.ask("GET", "/v2/", headers=headers).status == 200


def test_a_defect_is_answered_with_an_id_and_told_to_the_log_only(site, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(site.registry.contents, "find_blob", broken)
    answer = site.ask("GET", "/v2/app/blobs/sha256:" + "0" * 64)
    assert (answer.status, answer.code) == (500, "UNKNOWN")
    assert answer.headers["x-request-id"] in answer.body.decode()
    assert "secret detail" not in answer.body.decode()
    assert "secret detail" in site.stream.getvalue()


def test_metrics_count_requests_bytes_and_uploads(site):
    site.push_image("app", "1")
    site.ask("GET", "/v2/app/manifests/1")
    site.ask("BREW", "/v2/app/manifests/1")
    site.ask("POST", "/v2/app/blobs/uploads/")
    text = site.ask("GET", "/metrics").body.decode()
    assert 'requests_total{method="GET",route="manifest_pull",status="200"} 1' in text
    assert 'requests_total{method="PUT",route="manifest_push",status="201"} 1' in text
    assert 'requests_total{method="OTHER",route="other",status="405"} 1' in text
    assert "ironhull_registry_uploads_unfinished 1" in text
    assert "ironhull_registry_tags 1" in text
    received = re.search(r'body_bytes_total{direction="received"} (\d+)', text)
    assert int(received[1]) > 100
    # Each line is a comment or a sample, as the text format wants it.
    for line in text.splitlines():
        assert re.fullmatch(r"# (HELP|TYPE) \S+ .+|[a-z_]+(\{[^}]*\})? [0-9.e+-]+", line), line


def test_the_health_check_fails_when_the_store_is_gone(site):
    assert site.ask("GET", "/healthz").status == 200
    (site.layout.root / "index.json").unlink()
    assert site.ask("GET", "/healthz").status == 503


def test_a_store_that_cannot_be_written_answers_507(site, kit, monkeypatch):
    site.push_image("app", "1")
    from ironhull.errors import EnvironmentProblem
    from ironhull.registry.server import contents as module

    def full(*_, **__):
        raise EnvironmentProblem("cannot write: No space left on device")

    monkeypatch.setattr(module.Tags, "point_all", full)
    answer = site.put_manifest("app", "1", kit.manifest(annotations={"a": "b"}))
    assert (answer.status, answer.code) == (507, "STORAGE_FULL")


def test_a_refused_client_may_send_on_and_is_answered_all_the_same(site):
    read = []

    def body():
        for number in range(50):
            read.append(number)
            yield b"x" * 1000

    answer = site.ask("PATCH", f"/v2/app/blobs/uploads/{'0' * 32}", body=body())
    assert (answer.status, answer.code) == (404, "BLOB_UPLOAD_UNKNOWN")
    assert len(read) == 50


def test_but_not_for_ever(site, monkeypatch):
    from ironhull.registry.server import app

    monkeypatch.setattr(app, "_LINGER_BYTES", 10_000)
    read = []

    def body():
        while True:
            read.append(1)
            yield b"x" * 1000

    answer = site.ask("PATCH", f"/v2/app/blobs/uploads/{'0' * 32}", body=body())
    assert (answer.status, len(read)) == (404, 10)
