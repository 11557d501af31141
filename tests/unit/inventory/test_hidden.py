"""Secrets in an image's configuration: found, named, and in no output."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.image import make_image
from tests.work import ends

from ironhull.inventory.document import dumps
from ironhull.inventory.hidden import HIDDEN, hide, in_variable, without_secrets
from ironhull.inventory.model import ImageConfig
from ironhull.inventory.take import Taker
from ironhull.sbom.cyclonedx import cyclonedx
from ironhull.sbom.make import bill_of
from ironhull.sbom.spdx import spdx
from ironhull.store.home import Home

MakeTaker = Callable[..., Taker]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY12"),
        ("AWS_SECRET_ACCESS_KEY", "/JalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY12"),
        ("SECRET_KEY_BASE", "0123456789abcdef"),
        ("PGPASSWORD", "hunter2"),
        ("PASSWORD1", "hunter2"),
        ("MYSQL_PWD", "hunter2"),
        ("DB_PASS", "hunter2"),
        ("dbPassword", "hunter2"),
        ("spring.datasource.password", "hunter2"),
        ("NEW_RELIC_LICENSE_KEY", "0123456789abcdef"),
        ("APP_KEY", "base64:0123456789abcdef"),
        ("JWT_SECRET", "'hunter2'"),
        ("GITHUB_TOKEN_2", "abcdef"),
        ("ADMIN_PASSWORD", "$2b$12$abcdefghijklmnopqrstuv"),
        ("DATABASE_URL", "postgres://user:hunter2@db/app"),
        ("CACHE", "redis://:hunter2@cache:6379/0"),
        ("ANY", "amqp://user:pa/ss@mq"),
        ("ANY", "https://user:ghx@example.org/x.git"),
        ("CONNECTION", "Server=db;User Id=sa;Password=hunter2;Encrypt=true"),
    ],
)
def test_secrets_are_found_by_their_name_or_by_what_they_are(name: str, value: str) -> None:
    assert in_variable(name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GPG_KEY", "E3FF2839C048B25C084DEBE9B26995E310250568"),
        ("PGPASSWORD_FILE", "/run/secrets/pg"),
        ("PGPASSWORD", "/run/secrets/pg"),
        ("PGPASSWORD", ""),
        ("PGPASSWORD", "${PGPASSWORD}"),
        ("PGPASSWORD", "$PGPASSWORD"),
        ("PGPASSWORD", "${PGPASSWORD:-}"),
        ("API_KEY", "<your key>"),
        ("API_KEY", "arn:aws:secretsmanager:eu:1:secret:x"),
        ("ALLOW_EMPTY_PASSWORD", "yes"),
        ("PUBLIC_KEY", "abc"),
        ("AWS_ACCESS_KEY_ID", "x"),
        ("SECRET_NAME", "x"),
        ("PWD", "/app"),
        ("OLDPWD", "x"),
        ("COMPASS", "north"),
        ("MAX_TOKENS", "4096"),
        ("TOKENIZERS_PARALLELISM", "false"),
        ("URL", "http://host:8080/path@v1"),
        ("URL", "http://user@host/"),
        ("URL", "postgres://user:${PASSWORD}@db/app"),
        ("URL", "postgres://user:***@db/app"),
        ("PYTHON_SHA256", "0123456789abcdef0123456789abcdef"),
    ],
)
def test_what_names_a_secret_or_stands_for_one_is_none(name: str, value: str) -> None:
    assert in_variable(name, value) == ""
    assert without_secrets(f"ENV {name}={value}") == f"ENV {name}={value}"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "/bin/sh -c #(nop)  ENV PGPASSWORD=my pass A=b",
            "/bin/sh -c #(nop)  ENV PGPASSWORD=[secret] A=b",
        ),
        ("ARG DB_PASSWORD=hunter2", "ARG DB_PASSWORD=[secret]"),
        (
            "RUN |2 DB_PASSWORD=hunter 2 MODE=x y /bin/sh -c make install # buildkit",
            "RUN |2 DB_PASSWORD=[secret] MODE=x y /bin/sh -c make install # buildkit",
        ),
        ("|1 TOKEN=abcdef /bin/sh -c make", "|1 TOKEN=[secret] /bin/sh -c make"),
        ("RUN PASSWORD='a b' ./setup", "RUN PASSWORD=[secret] ./setup"),
        ("RUN git clone https://me:hunter2@x.org/x", "RUN git clone https://me:[secret]@x.org/x"),
        ("RUN login --password hunter2 host", "RUN login --password [secret] host"),
        ("RUN login --api-key=hunter2", "RUN login --api-key=[secret]"),
        ("RUN adduser --disabled-password app", "RUN adduser --disabled-password app"),
        ("RUN gpg --passphrase '' --batch", "RUN gpg --passphrase '' --batch"),
        ("RUN login --password-stdin < /x", "RUN login --password-stdin < /x"),
        ("RUN login --password $P", "RUN login --password $P"),
    ],
)
def test_what_made_an_image_is_shown_without_its_secrets(text: str, shown: str) -> None:
    assert without_secrets(text) == shown
    assert without_secrets(shown) == shown


def test_no_secret_of_a_configuration_reaches_an_inventory(home: Home, taker: MakeTaker) -> None:
    config = {
        "Env": ["PGPASSWORD=hunter21", "DATABASE_URL=postgres://u:hunter22@db/x", "GPG_KEY=ABC"],
        "Labels": {"x.password": "hunter23", "source": "https://u:hunter24@example.org", "a": "b"},
        "Entrypoint": ["server", "--password=hunter25"],
        "Cmd": ["--requirepass", "hunter26", "--port", "1"],
        "Healthcheck": {"Test": ["CMD-SHELL", "curl http://u:hunter27@localhost"]},
    }
    make_image(home.store, [{"etc/os-release": "ID=x\n"}], config=config)
    found = taker().take("app:1")
    assert {item.path for item in found.surface.secrets} == {
        "env:PGPASSWORD", "env:DATABASE_URL", "label:x.password", "label:source",
        "entrypoint", "cmd", "healthcheck",
    }  # fmt: skip
    assert "GPG_KEY=ABC" in found.config.env
    assert found.config.cmd == ("--requirepass", HIDDEN, "--port", "1")
    for text in (dumps(found), cyclonedx(bill_of(found)), spdx(bill_of(found))):
        assert b"hunter2" not in text


def test_build_arguments_in_the_history_are_found_and_hidden() -> None:
    document = {
        "history": [
            {"created_by": "ARG PIP_TOKEN=hunter2", "empty_layer": True},
            {"created_by": "ENV PGPASSWORD=abcdef", "empty_layer": True},
            {"created_by": "COPY . /app"},
        ]
    }
    config = ImageConfig(env=("PGPASSWORD=abcdef",))
    _, found = hide(config, document)
    assert [item.path for item in found] == ["env:PGPASSWORD", "history:0"]


@given(st.text(max_size=200))
def test_any_text_is_hidden_once_and_for_all(text: str) -> None:
    shown = without_secrets(text)
    assert without_secrets(shown) == shown


@pytest.mark.parametrize(
    "unit",
    ["a.", "a://a:", "$a", "/a", "PASSWORD=", "--password ", " A=", ";password=", "TOKEN1", "'"],
)
def test_no_text_takes_long(unit: str) -> None:
    """Nor does one that has the end that the patterns look for."""
    text = (unit * 65536)[:65535] + "@"
    with ends():
        for value in (text, f"ENV A={text}", f"|1 A={text} x", f"$a{text} x"):
            without_secrets(value)
            in_variable("DB_PASSWORD", value)
            in_variable(value, value)
