from __future__ import annotations

import base64
import os
import re
import time

import bcrypt
import pytest

from ironhull.errors import InputError
from ironhull.registry.server import access as access_module
from ironhull.registry.server.access import Access
from ironhull.registry.server.users import Identity, read_rules


def hashed(password: str) -> str:
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()


def basic(name: str, password: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


@pytest.fixture
def users(tmp_path):
    path = tmp_path / "users.toml"
    path.write_text(
        f"""
[anonymous]
role = "pull"
repositories = ["public/*"]

[users.reader]
password = "{hashed("r")}"
role = "pull"

[users.writer]
password = "{hashed("w")}"
role = "push"
repositories = ["team/*", "public/base"]

[users.boss]
password = "{hashed("b")}"
role = "admin"
"""
    )
    return path


@pytest.fixture
def closed(tmp_path):
    path = tmp_path / "closed.toml"
    path.write_text(f'[users.reader]\npassword = "{hashed("r")}"\nrole = "pull"\n')
    return path


def test_a_stranger_is_asked_to_log_in_and_told_how(make, closed):
    site = make(auth=closed)
    for method, url in (("GET", "/v2/"), ("GET", "/v2/app/tags/list"), ("GET", "/metrics")):
        answer = site.ask(method, url)
        assert (answer.status, answer.code) == (401, "UNAUTHORIZED")
        assert answer.headers["www-authenticate"].startswith('Basic realm="ironhull"')
    assert site.ask("GET", "/healthz").status == 200
    assert site.ask("GET", "/v2/", headers=basic("reader", "r")).status == 200


@pytest.mark.parametrize(
    "header",
    [
        "Basic " + base64.b64encode(b"reader:wrong").decode(),
        "Basic " + base64.b64encode(b"nobody:r").decode(),
        "Basic " + base64.b64encode(b"reader:").decode(),
        "Basic " + base64.b64encode(b"reader").decode(),
        "Basic " + base64.b64encode(b"reader:" + b"r" * 5000).decode(),
        "Basic " + base64.b64encode(b"reader:\xff").decode(),
        "Basic " + base64.b64encode(b"reader:\0").decode(),
        "Basic !!!",
        "Basic",
        "Bearer x.y",
        "Bearer " + b"reader:99999999999".hex() + "." + "0" * 64,
        "Bearer é",
        "Digest x",
        "",
    ],
)
def test_what_proves_nothing_is_refused(make, closed, header):
    answer = make(auth=closed).ask("GET", "/v2/", headers={"authorization": header})
    assert (answer.status, answer.code) == (401, "UNAUTHORIZED")


def test_a_user_who_may_only_pull_cannot_push(make, closed):
    site = make(auth=closed)
    answer = site.ask("POST", "/v2/app/blobs/uploads/", headers=basic("reader", "r"))
    assert (answer.status, answer.code) == (403, "DENIED")
    assert "reader may not push in app" in answer.body.decode()


def test_roles_reach_as_far_as_they_say(make, users):
    site = make(auth=users)

    def start(repository, who):
        url = f"/v2/{repository}/blobs/uploads/"
        return site.ask("POST", url, headers=basic(who, who[0])).status

    assert start("team/app", "writer") == 202
    assert start("public/base", "writer") == 202
    assert start("public/other", "writer") == 403
    assert start("team", "writer") == 403
    assert start("anything", "boss") == 202
    url = "/v2/team/app/manifests/1"
    assert site.ask("DELETE", url, headers=basic("writer", "w")).status == 403
    assert site.ask("DELETE", url, headers=basic("boss", "b")).status == 404


def test_strangers_may_pull_what_is_public_and_nothing_else(make, users):
    site = make(auth=users)
    assert site.ask("GET", "/v2/public/app/tags/list").code == "NAME_UNKNOWN"
    for method, url in (
        ("GET", "/v2/team/app/tags/list"),
        ("POST", "/v2/public/app/blobs/uploads/"),
    ):
        answer = site.ask(method, url)
        assert answer.status == 401
        challenge = answer.headers["www-authenticate"]
        assert challenge.startswith('Bearer realm="http://registry.test/token"')
        assert 'scope="repository:' in challenge


def test_where_strangers_may_pull_docker_can_log_in_and_pull_without_with_tokens(make, users):
    site = make(auth=users)
    assert site.ask("GET", "/v2/").status == 401
    nobody = site.ask("GET", "/token?service=ironhull").json["token"]
    bearer = {"authorization": f"Bearer {nobody}"}
    assert site.ask("GET", "/v2/", headers=bearer).status == 200
    assert site.ask("GET", "/v2/public/x/tags/list", headers=bearer).status == 404
    assert site.ask("GET", "/v2/team/x/tags/list", headers=bearer).status == 401
    assert site.ask("GET", "/token", headers=basic("writer", "wrong")).status == 401
    token = site.ask("GET", "/token", headers=basic("writer", "w")).json["token"]
    bearer = {"authorization": f"Bearer {token}"}
    assert site.ask("POST", "/v2/team/x/blobs/uploads/", headers=bearer).status == 202
    assert site.ask("POST", "/v2/other/blobs/uploads/", headers=bearer).status == 403


@pytest.mark.parametrize(
    ("headers", "realm"),
    [
        ({"x-forwarded-proto": "https", "host": "hub.example"}, "https://hub.example/token"),
        ({"host": "[::1]:5000"}, "http://[::1]:5000/token"),
        ({"x-forwarded-proto": 'ftp",x="'}, "http://registry.test/token"),
    ],
)
def test_the_address_for_tokens_is_the_one_the_client_knows(make, users, headers, realm):
    answer = make(auth=users).ask("GET", "/v2/", headers=headers)
    assert answer.headers["www-authenticate"] == f'Bearer realm="{realm}",service="ironhull"'


def test_a_user_who_guesses_is_told_to_wait_and_when_to_come_back(make, closed):
    site = make(auth=closed)
    for number in range(6):
        answer = site.ask("GET", "/v2/", headers=basic("reader", f"guess {number}"))
        assert answer.status == 401
    answer = site.ask("GET", "/v2/", headers=basic("reader", "one more"))
    assert (answer.status, answer.code) == (429, "TOOMANYREQUESTS")
    assert 1 <= int(answer.headers["retry-after"]) <= 2


def test_an_expired_token_is_refused(users):
    access = Access(users)
    writer = access.check("writer", "w")
    assert access.bearer(access.issue(writer, 60)) == writer
    assert access.bearer(access.issue(writer, -1)) is None
    head, _, signature = access.issue(writer, 60).partition(".")
    forged = head.encode().hex()
    assert access.bearer(f"{forged}.{signature}") is None
    # Another run of the server has another secret.
    assert Access(users).bearer(access.issue(writer, 60)) is None


def test_metrics_are_for_users_where_there_are_users(make, users):
    site = make(auth=users)
    assert site.ask("GET", "/metrics").status == 401
    assert site.ask("GET", "/metrics", headers=basic("reader", "r")).status == 200


def test_metrics_count_all_repositories_and_are_for_those_who_may_pull_all(make, users):
    answer = make(auth=users).ask("GET", "/metrics", headers=basic("writer", "w"))
    assert (answer.status, answer.code) == (403, "DENIED")


def test_a_blob_is_mounted_only_from_where_the_user_may_pull(make, users):
    site = make(auth=users)
    digest = "sha256:" + "2689367b205c16ce32ed4200942b8b8b1e262dfc70d9bc9fbc77c49699a4f1df"
    body = b"ok"
    url = f"/v2/secret/app/blobs/uploads/?digest={digest}"
    assert site.ask("POST", url, body=body, headers=basic("boss", "b")).status == 201
    url = f"/v2/team/app/blobs/uploads/?mount={digest}&from=secret/app"
    assert site.ask("POST", url, headers=basic("writer", "w")).status == 202
    assert site.ask("POST", url, headers=basic("boss", "b")).status == 201


def test_the_catalog_shows_only_what_one_may_pull(make, users):
    make().push_image("team/app", "1")
    site = make(auth=users)
    make().push_image("public/base", "1")
    assert site.ask("GET", "/v2/_catalog").json["repositories"] == ["public/base"]
    answer = site.ask("GET", "/v2/_catalog", headers=basic("reader", "r"))
    assert answer.json["repositories"] == ["public/base", "team/app"]


def test_a_password_is_checked_slowly_once(users, monkeypatch):
    access = Access(users)
    calls = []
    real = bcrypt.checkpw
    monkeypatch.setattr(
        access_module.bcrypt, "checkpw", lambda *pair: calls.append(1) or real(*pair)
    )
    assert access.remembered("writer", "w") is None
    assert access.check("writer", "w") == Identity("writer", "push", ("team/*", "public/base"))
    assert access.remembered("writer", "w") is not None
    assert access.remembered("writer", "x") is None
    assert access.remembered("nobody", "w") is None
    # A name that does not exist is not told by its speed.
    assert access.check("nobody", "w") is None
    assert len(calls) == 2


def rounds_of(monkeypatch, access, name, password):
    """How many rounds of bcrypt a check takes."""
    spent = []
    monkeypatch.setattr(
        access_module.bcrypt, "checkpw", lambda _, stored: spent.append(2 ** int(stored[4:6]))
    )
    assert access.check(name, password) is None
    return sum(spent)


def test_a_refusal_takes_the_same_time_whatever_the_user_and_the_cost_of_the_hash(
    tmp_path, monkeypatch
):
    path = tmp_path / "users.toml"
    path.write_text(
        "".join(
            f'[users.u{cost}]\nrole = "pull"\npassword = "$2b${cost:02d}${"a" * 53}"\n'
            for cost in (4, 5, 10, 13, 14)
        )
    )
    access = Access(path)
    for name in ("u4", "u5", "u10", "u13", "u14", "nobody", "", "ü"):
        assert rounds_of(monkeypatch, access, name, "wrong") == 2**14, name
        # What bcrypt would cut is refused without it, for all alike.
        assert rounds_of(monkeypatch, access, name, "w" * 73) == 0


def test_where_there_are_no_users_a_refusal_is_no_cheaper(tmp_path, monkeypatch):
    path = tmp_path / "users.toml"
    path.write_text('[anonymous]\nrole = "pull"\n')
    assert rounds_of(monkeypatch, Access(path), "alice", "x") == 2**10


def test_cheap_hashes_are_remarked_on_with_what_to_do(tmp_path, make):
    path = tmp_path / "users.toml"
    text = '[users.{}]\nrole = "pull"\npassword = "$2b${:02d}${}"\n'
    path.write_text(text.format("good", 10, "a" * 53) + text.format("cheap", 9, "a" * 53))
    (remark,) = Access(path).remarks
    assert "the bcrypt hashes of cheap are cheap" in remark
    assert "htpasswd -nB -C 12 NAME" in remark
    path.write_text("".join(text.format(f"u{n}", 5, "a" * 53) for n in range(9)))
    (remark,) = Access(path).remarks
    assert "of u0, u1, u2 and 6 more are cheap" in remark
    path.write_text(text.format("good", 12, "a" * 53))
    assert Access(path).remarks == ()


def test_a_changed_file_is_read_again_and_a_broken_one_changes_nothing(users, monkeypatch):
    monkeypatch.setattr(access_module, "_CHECK_EVERY", 0.0)
    access = Access(users)
    assert access.check("writer", "w") is not None
    users.write_text("[users.writer]\n")
    os.utime(users, (1, 1))
    (kept,) = access.refresh()
    assert "stay in force" in kept
    assert access.remembered("writer", "w") is not None
    users.write_text(f'[users.writer]\npassword = "{hashed("new")}"\nrole = "pull"\n')
    (remark,) = access.refresh()
    assert "the bcrypt hashes of writer are cheap" in remark
    assert access.refresh() == ()
    assert access.remembered("writer", "w") is None
    assert access.check("writer", "w") is None
    assert access.check("writer", "new") == Identity("writer", "pull")
    assert access.anonymous.role == "none"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("nonsense", "users.toml"),
        ("[other]", "unknown"),
        ("users = 7", "table of tables"),
        ("[users.a]\nrole = 'pull'", "not a bcrypt hash"),
        ("[users.a]\nrole = 'pull'\npassword = 'plain'", "htpasswd -nB -C 12 a"),
        ("[users.a]\nrole = 'king'\npassword = 'x'", "expected one of: none, pull, push, admin"),
        ("[users.a]\nrole = 'pull'\nrights = 7", "expected a table of"),
        ("[users.'a:b']\nrole = 'pull'", "not a user's name"),
        ("[anonymous]\nrole = 'pull'\npassword = 'x'", "expected a table of"),
        ("[anonymous]\nrole = 'pull'\nrepositories = 'all'", "list of patterns"),
        (
            # A fixed salt: the text is part of the test's name.
            f"[users.a]\nrole='pull'\npassword='$2b$31${'a' * 53}'",
            "not between 4 and 16",
        ),
    ],
)
def test_a_users_file_with_a_mistake_says_what_and_where(tmp_path, text, problem):
    path = tmp_path / "users.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=re.escape(problem)) as caught:
        read_rules(path)
    assert str(path) in str(caught.value)


def test_htpasswds_own_kind_of_hash_is_understood(tmp_path):
    # htpasswd -nbBC 5 alice secret
    line = bcrypt.hashpw(b"secret", bcrypt.gensalt(5, prefix=b"2b")).decode()
    path = tmp_path / "users.toml"
    text = line.replace("$2b$", "$2y$")
    path.write_text(f'[users.alice]\npassword = "{text}"\nrole = "push"\n')
    assert Access(path).check("alice", "secret") == Identity("alice", "push")


def test_without_a_file_everybody_is_an_admin(site):
    assert site.ask("GET", "/v2/").status == 200
    site.push_image("app", "1")
    assert site.ask("DELETE", "/v2/app/manifests/1").status == 202


def test_tokens_are_short_lived(make, users):
    answer = make(auth=users).ask("GET", "/token", headers=basic("reader", "r")).json
    assert answer["expires_in"] == 300
    until = int(bytes.fromhex(answer["token"].partition(".")[0]).decode().rpartition(":")[2])
    assert abs(until - time.time() - 300) < 10
