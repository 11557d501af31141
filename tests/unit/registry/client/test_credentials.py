from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from ironhull.errors import InputError
from ironhull.registry.client.credentials import (
    Credentials,
    Login,
    credential_files,
    run_helper,
)


def encoded(username: str, password: str) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{username}:{password}".encode()).decode()}


def write(path: Path, value: Any) -> Path:
    path.write_text(json.dumps(value))
    return path


def found(path: Path, registry: str, repository: str = "a/b/c") -> str | None:
    login = Credentials((path,)).find(registry, repository, print)
    return login.password if login else None


def test_podman_asks_for_the_longest_path_first(tmp_path: Path) -> None:
    path = write(
        tmp_path / "auth.json",
        {
            "auths": {
                "host.example:5000": encoded("u", "host"),
                "host.example:5000/a": encoded("u", "a"),
                "host.example:5000/a/b": encoded("u", "b"),
            }
        },
    )
    assert found(path, "host.example:5000", "a/b/c") == "b"
    assert found(path, "host.example:5000", "a/x") == "a"
    assert found(path, "host.example:5000", "ab") == "host"
    assert found(path, "host.example") is None
    assert found(path, "other.example:5000") is None


@pytest.mark.parametrize("key", ["https://index.docker.io/v1/", "index.docker.io", "docker.io"])
def test_docker_hub_is_found_under_each_of_its_names(tmp_path: Path, key: str) -> None:
    path = write(tmp_path / "config.json", {"auths": {key: encoded("u", "hub")}})
    assert found(path, "docker.io", "library/node") == "hub"


def test_a_key_that_is_a_url_means_its_host(tmp_path: Path) -> None:
    path = write(
        tmp_path / "config.json", {"auths": {"https://Host.example/v2/": encoded("u", "p")}}
    )
    assert found(path, "host.example") == "p"


def test_a_password_may_have_colons_and_other_letters(tmp_path: Path) -> None:
    path = write(tmp_path / "c.json", {"auths": {"h.example": encoded("ü", "a:b:ß")}})
    assert found(path, "h.example") == "a:b:ß"


def test_the_first_file_that_knows_wins(tmp_path: Path) -> None:
    first = write(tmp_path / "1", {"auths": {"other.example": encoded("u", "1")}})
    second = write(tmp_path / "2", {"auths": {"h.example": encoded("u", "2")}})
    third = write(tmp_path / "3", {"auths": {"h.example": encoded("u", "3")}})
    login = Credentials((first, tmp_path / "none", second, third)).find("h.example", "x", print)
    assert login is not None
    assert login.password == "2"
    assert login.source == str(second)


def test_an_identity_token_is_kept_apart_from_the_password(tmp_path: Path) -> None:
    path = write(tmp_path / "c", {"auths": {"h.example": {"identitytoken": "secret"}}})
    login = Credentials((path,)).find("h.example", "x", print)
    assert login == Login("", "", str(path), "secret")


def test_secrets_are_not_in_a_logins_repr() -> None:
    assert "hush" not in repr(Login("u", "hush", "file", "hush"))


@pytest.mark.parametrize("text", ["{", "[]", '"x"', "[" * 100_000])
def test_a_broken_file_is_an_error_that_names_it(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"config\.json"):
        found(path, "h.example")


def test_a_broken_entry_is_an_error_that_names_it(tmp_path: Path) -> None:
    path = write(tmp_path / "config.json", {"auths": {"h.example": {"auth": "%%%"}}})
    with pytest.raises(InputError, match=r"auths\.h\.example\.auth"):
        found(path, "h.example")


def test_an_empty_file_knows_nothing(tmp_path: Path) -> None:
    path = tmp_path / "auth.json"
    path.write_text("")
    assert found(path, "h.example") is None


def test_helpers_are_asked_for_their_registry_and_the_store_for_all_others(tmp_path: Path) -> None:
    path = write(
        tmp_path / "config.json",
        {
            "auths": {"https://index.docker.io/v1/": {}, "plain.example": encoded("u", "plain")},
            "credHelpers": {"h.example": "special"},
            "credsStore": "general",
        },
    )
    asked: list[tuple[str, str]] = []

    def helper(name: str, server: str) -> Login | None:
        asked.append((name, server))
        return Login("u", "p", name)

    credentials = Credentials((path,), helper)
    for registry in ("h.example", "docker.io", "plain.example"):
        assert credentials.find(registry, "x", print) is not None
    assert asked == [("special", "h.example"), ("general", "https://index.docker.io/v1/")]


def test_a_helper_that_fails_is_noted_and_passed_over(tmp_path: Path) -> None:
    path = write(tmp_path / "config.json", {"credsStore": "nowhere-to-be-found"})
    notes: list[str] = []
    assert Credentials((path,)).find("h.example", "x", notes.append) is None
    assert "docker-credential-nowhere-to-be-found" in notes[0]


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    program = folder / "docker-credential-test"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_the_helper_protocol_is_spoken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(
        tmp_path,
        monkeypatch,
        'read server\nprintf \'{"ServerURL":"%s","Username":"%s","Secret":"s"}\' "$server" "$1"',
    )
    assert run_helper("test", "h.example\n") == Login("get", "s", "docker-credential-test")


def test_a_helper_may_have_an_identity_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, monkeypatch, 'echo \'{"Username":"<token>","Secret":"t"}\'')
    login = run_helper("test", "h.example")
    assert login is not None
    assert (login.username, login.password, login.identity_token) == ("", "", "t")


def test_a_helper_that_has_nothing_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, monkeypatch, "echo 'credentials not found in native keychain'; exit 1")
    assert run_helper("test", "h.example") is None


@pytest.mark.parametrize("script", ["exit 3", "echo nonsense", "echo '{\"Username\":1}'"])
def test_a_helper_that_answers_nonsense_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    install(tmp_path, monkeypatch, script)
    with pytest.raises(InputError, match="docker-credential-test"):
        run_helper("test", "h.example")


def test_a_helper_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, "exec sleep 30")
    monkeypatch.setattr("ironhull.registry.client.credentials._HELPER_SECONDS", 0.2)
    with pytest.raises(InputError, match="did not answer"):
        run_helper("test", "h.example")


@pytest.mark.parametrize("name", ["../evil", "a b", "", "a/b", "-x"])
def test_a_helpers_name_cannot_be_a_path(name: str) -> None:
    with pytest.raises(InputError, match="not the name"):
        run_helper(name, "h.example")


def test_files_come_from_the_environment_in_podmans_order() -> None:
    assert credential_files({"REGISTRY_AUTH_FILE": "/x"}, 1) == (Path("/x"),)
    assert credential_files({"HOME": "/h", "XDG_RUNTIME_DIR": "/r"}, 7) == (
        Path("/r/containers/auth.json"),
        Path("/h/.config/containers/auth.json"),
        Path("/h/.docker/config.json"),
    )
    assert credential_files({"HOME": "/h", "DOCKER_CONFIG": "/d"}, 7) == (
        Path("/run/containers/7/auth.json"),
        Path("/h/.config/containers/auth.json"),
        Path("/d/config.json"),
    )
