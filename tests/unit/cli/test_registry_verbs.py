"""push, pull, copy, tags and tree on the command line, against a registry in memory."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from tests.fakes.image import make_image
from tests.fakes.registry import FakeRegistry, says

from ironhull.cli.copy import copy
from ironhull.cli.images import images
from ironhull.cli.machine import silent
from ironhull.cli.pull import pull
from ironhull.cli.push import push
from ironhull.cli.settings import parse_mirrors
from ironhull.cli.tags import tags
from ironhull.cli.tree import tree
from ironhull.errors import CheckFailedError, InputError, NetworkError, NotFoundError
from ironhull.oci.digest import Digest

VERBS = {
    "push": push,
    "pull": pull,
    "copy": copy,
    "tags": tags,
    "tree": tree,
    "images": images,
}
Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Digest]:
    """A home with node:20, node:20-slim (the same image) and app:1."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IRONHULL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(tmp_path / "auth.json"))
    store = silent().home.store
    make_image(store, [{"other": "x"}], names=["app:1"])
    image = make_image(
        store,
        [{"a": "b"}],
        names=["node:20", "node:20-slim"],
        platforms=["linux/amd64", "linux/arm64"],
    )
    return image.digest


@pytest.fixture
def run() -> Run:
    def invoke(verb: str, *arguments: object, fails: type[Exception] | None = None) -> Result:
        result = CliRunner().invoke(VERBS[verb], list(map(str, arguments)))
        if fails is None:
            if result.exception is not None:
                raise result.exception
        else:
            assert isinstance(result.exception, fails), repr(result.exception)
        return result

    return invoke


def test_push_gives_each_target_its_tag(run: Run, digest: Digest) -> None:
    with FakeRegistry() as registry:
        result = run("push", "node:20", f"{registry.host}/node", f"{registry.host}/base/x:1", "-q")
        assert registry.manifests["node", "20"] == registry.manifests["base/x", "1"]
        assert registry.requests("POST", "mount=.*from=node")
    lines = result.stdout.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith(f"{registry.host}/node:20: {digest} (3 of 3 blobs")
    assert lines[1].startswith(f"{registry.host}/base/x:1: {digest} (0 of 3 blobs")


def test_push_with_check_says_what_is_there_and_ends_badly_where_something_is_lost(
    run: Run, digest: Digest
) -> None:
    with FakeRegistry() as registry:
        result = run("push", "node:20", f"{registry.host}/node", "--check", "-q")
        assert "read back: 3 manifests" in result.stdout
        assert "nothing lost" in result.stdout
        result = run("push", "node:20", f"{registry.host}/node", "--check", "--json")
        assert json.loads(result.stdout)[0]["check"]["lost"] == []
        registry.fail("GET", f"/manifests/{digest}$", says(404))
        result = run("push", "node:20", f"{registry.host}/n", "--check", fails=CheckFailedError)
        assert f"lost: manifest {digest}" in result.stdout


def test_push_of_all_tags_pushes_those_of_the_name(run: Run) -> None:
    with FakeRegistry() as registry:
        result = run("push", "node:20", f"{registry.host}/n", "--all-tags", "--json")
        assert {tag for _, tag in registry.manifests if ":" not in tag} == {"20", "20-slim"}
        run("push", "node:20", f"{registry.host}/n:1", "--all-tags", fails=InputError)
        run("push", "other", f"{registry.host}/n", "--all-tags", fails=NotFoundError)
    assert [item["target"] for item in json.loads(result.stdout)] == [
        f"{registry.host}/n:20",
        f"{registry.host}/n:20-slim",
    ]


def test_push_of_a_name_that_the_store_lacks_names_the_verb_that_lists_it(run: Run) -> None:
    result = run("push", "other", "localhost:1/n", "--all-tags", fails=NotFoundError)
    assert "(see: ironhull images)" in str(result.exception)
    assert [line.split()[0] for line in run("images").stdout.splitlines()] == [
        *("NAME", "app:1", "node:20", "node:20-slim")
    ]
    listed = json.loads(run("images", "--json").stdout)["images"]
    assert [item["name"] for item in listed] == ["app:1", "node:20", "node:20-slim"]


def test_platforms_are_named_as_in_other_tools(run: Run, digest: Digest) -> None:
    both, one = "linux/amd64,linux/arm64", "linux/arm64"
    with FakeRegistry() as registry:
        for verb, source, target in (
            ("push", "node:20", f"{registry.host}/pushed:1"),
            ("copy", "node:20", f"{registry.host}/copied:1"),
        ):
            done = run(verb, source, target, "--platform", both, "-q").stdout
            assert digest in done
            done = run(verb, source, target, "--platform", one, "-q").stdout
            assert digest not in done
            run(verb, source, target, "--platform", "linux/amd64", "--platform", one, "-q")
        assert digest in run("pull", f"{registry.host}/pushed:1", "--platform", both).stdout
        run("pull", f"{registry.host}/pushed:1", "--no-referrers", "-q")


def test_push_to_no_registry_says_how_to_write_one(run: Run) -> None:
    for target in ("node:20", "team/node", "bundle.tar", "oci:dir"):
        result = run("push", "node:20", target, fails=InputError)
        assert "write its host" in str(result.exception)


def test_pull_keeps_the_image_under_its_full_name(
    run: Run, digest: Digest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FakeRegistry() as registry:
        run("push", "node:20", f"{registry.host}/node")
        monkeypatch.setenv("IRONHULL_HOME", str(tmp_path / "other"))
        name = f"{registry.host}/node:20"
        result = run("pull", name, "--json")
        assert json.loads(result.stdout)["digest"] == digest
        assert silent().home.store.find(name).digest == digest
        run("pull", name, "--platform", "linux/arm64", "-q")
        assert silent().home.store.find(name).digest != digest
        run("pull", name, "--platform", "linux/s390x", fails=NotFoundError)
        run("pull", name, "--platform", "arm64", fails=InputError)


def test_copy_crosses_an_air_gap(run: Run, digest: Digest) -> None:
    with FakeRegistry() as registry:
        run("push", "node:20", f"{registry.host}/node")
        run("copy", f"{registry.host}/node:20", "bundle.tar", "-q")
        result = run("copy", "bundle.tar", f"{registry.host}/back", "--json")
        assert registry.manifests["back", "20"] == registry.manifests["node", "20"]
    assert json.loads(result.stdout)["digest"] == digest
    assert json.loads(result.stdout)["target"] == f"{registry.host}/back:20"
    run("copy", "bundle.tar", "far:1")
    assert silent().home.store.find("far:1").digest == digest
    run("copy", "node:21", "x.tar", fails=NotFoundError)


def test_tags_are_printed_one_a_line(run: Run) -> None:
    with FakeRegistry() as registry:
        run("push", "node", f"{registry.host}/node", "--all-tags")
        assert run("tags", f"{registry.host}/node").stdout == "20\n20-slim\n"
        found = json.loads(run("tags", f"{registry.host}/node", "--json").stdout)
        assert found == {"repository": f"{registry.host}/node", "tags": ["20", "20-slim"]}


def test_tree_draws_the_store_and_a_registry_alike(run: Run, digest: Digest) -> None:
    with FakeRegistry() as registry:
        run("push", "node:20", f"{registry.host}/node")
        drawn = run("tree", f"{registry.host}/node:20").stdout.splitlines()
        found = json.loads(run("tree", f"{registry.host}/node:20", "--json").stdout)
    here = run("tree", "node:20").stdout.splitlines()
    assert drawn[0] == f"{registry.host}/node:20"
    assert here[0] == "node:20"
    assert drawn[1:] == here[1:]
    assert here[1].startswith(f"└── index  {digest}")
    assert [line.strip("├│└─ ").split()[0] for line in here[1:]] == [
        *("index", "manifest", "config", "layer", "manifest", "config", "layer")
    ]
    assert "linux/arm64" in here[5]
    assert found["role"] == "index"
    assert found["digest"] == digest


def test_the_login_of_the_auth_file_is_used(run: Run, tmp_path: Path) -> None:
    with FakeRegistry(auth="basic", login=("u", "secret")) as registry:
        run("push", "node:20", f"{registry.host}/node", fails=NetworkError)
        auth = base64.b64encode(b"u:secret").decode()
        (tmp_path / "auth.json").write_text(
            json.dumps({"auths": {f"{registry.host}/node": {"auth": auth}}})
        )
        run("push", "node:20", f"{registry.host}/node")
        result = run("push", "node:20", f"{registry.host}/other", fails=NetworkError)
    assert "secret" not in str(result.exception)


def test_a_mirror_of_the_settings_is_asked(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeRegistry() as registry:
        run("push", "node:20", f"{registry.host}/hub/library/node")
        monkeypatch.setenv("IRONHULL_REGISTRY_MIRRORS", f"docker.io={registry.host}/hub")
        run("pull", "node:20", "-q")
    assert silent().home.store.find("docker.io/library/node:20")


@pytest.mark.parametrize("text", ["docker.io", "=x", "docker.io=", "docker.io=https://x"])
def test_mirrors_are_written_as_pairs(text: str) -> None:
    with pytest.raises(InputError, match="registry_mirrors"):
        parse_mirrors(text)


def test_a_refusal_is_one_line_that_says_who_what_and_what_to_do(run: Run) -> None:
    body = json.dumps({"errors": [{"code": "DENIED", "message": "line one\nline two"}]})
    with FakeRegistry() as registry:
        registry.fail("POST", "/uploads/", says(403, body.encode()), times=99)
        result = run("push", "node:20", f"{registry.host}/team/node", fails=NetworkError)
    message = str(result.exception)
    assert message.startswith(f"{registry.host}/team/node: push of blob sha256:")
    assert "answered 403 (DENIED: line one line two); the login may not do this" in message
    assert "\n" not in message


@pytest.mark.parametrize("verb", VERBS)
def test_help_has_an_example(verb: str) -> None:
    text = CliRunner().invoke(VERBS[verb], ["--help"]).output
    assert f"ironhull {verb} " in text
    assert isinstance(VERBS[verb], click.Command)
