"""Who is told what: the tables of a policy."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from ironhull.errors import DefinitionError, InputError
from ironhull.notify.choice import ChannelChoice, parse_channels, read_secret
from ironhull.notify.message import KINDS
from ironhull.watch.policy import read_policy


def choices(text: str) -> tuple[ChannelChoice, ...]:
    return parse_channels(tomllib.loads(text)["notify"])


def test_each_way_is_read() -> None:
    webhook, slack, mail, command = choices(
        """
        [[notify]]
        webhook = "https://hooks.example/x?y=z"
        secret-file = "secret"
        kinds = ["held", "failed"]
        [[notify]]
        slack = "https://chat.example/services/T/B"
        [[notify]]
        mail = "smtps://robot@mail.example"
        password-file = "password"
        from = "robot@example.org"
        to = ["a@example.org", "b@example.org"]
        [[notify]]
        command = ["/usr/local/bin/told", "--now"]
        """
    )
    assert (webhook.way, webhook.secret_file) == ("webhook", Path("secret"))
    assert webhook.kinds == {"held", "failed"}
    assert slack.kinds == set(KINDS)
    assert (mail.sender, mail.recipients) == (
        "robot@example.org",
        ("a@example.org", "b@example.org"),
    )
    assert command.target == ("/usr/local/bin/told", "--now")


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("", "expected one of webhook, slack, mail, command, got none"),
        ('webhook = "https://a.example"\nslack = "https://b.example"', "got webhook, slack"),
        ('webhook = "hooks.example"', "begins with https://"),
        ('webhook = "https://["', "begins with https://"),
        ('slack = "https://chat.example:none/x"', "begins with https://"),
        ('webhook = "https://a.example"\nsecret = "x"', "unknown key 'secret'"),
        ('slack = "https://a.example"\nkinds = []', "kinds: expected"),
        ('slack = "https://a.example"\nkinds = ["born"]', "kinds: expected"),
        ('command = "told"', "command: expected its words"),
        ("command = []", "command: expected its words"),
        ('mail = "mail.example"', "is no mail server"),
        ('mail = "smtps://a:b@mail.example"', "password stands in a file"),
        ('mail = "smtp://a@mail.example"', "a login needs TLS"),
        ('mail = "smtps://mail.example"', "from: expected an address"),
        ('mail = "smtps://mail.example"\nfrom = "a@b"', "to: expected a list"),
        ('mail = "smtps://mail.example"\nfrom = "a@b"\nto = ["c"]', "to: 'c' is no address"),
        ('mail = "smtps://mail.example"\nfrom = "a@b\\nBcc: x@y"\nto = ["c@d"]', "from: expected"),
    ],
)
def test_what_is_wrong_is_said_with_its_table(table: str, said: str) -> None:
    with pytest.raises(InputError) as wrong:
        choices(f"[[notify]]\n{table}")
    assert str(wrong.value).startswith("notify 1: ")
    assert said in str(wrong.value)


def test_a_policy_has_them_and_says_all_that_is_wrong_at_once(tmp_path: Path) -> None:
    path = tmp_path / "watch.toml"
    path.write_text('[[notify]]\nslack = "https://chat.example/x"\n[gate]\ngrowth = 0.5\n')
    policy = read_policy(path)
    assert policy.notify[0].way == "slack"
    assert policy.gate.growth == 0.5
    path.write_text('[gate]\nnothing = 1\n[[notify]]\nslack = "x"\n')
    with pytest.raises(DefinitionError) as wrong:
        read_policy(path)
    assert "notify 1: slack" in str(wrong.value)
    assert "'nothing'" in str(wrong.value)


def test_a_secret_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot read .*absent"):
        read_secret(tmp_path / "absent")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="holds no text"):
        read_secret(tmp_path / "binary")
