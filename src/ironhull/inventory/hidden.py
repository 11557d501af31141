"""What in an image's configuration is a secret: found, named, and never shown.

A value is one by what it is (a token, a key, an address with a password in it) or by the name it
has. A name of a file, a reference to another variable or to a vault says where a secret is and is
none. Text that people wrote (a command, what made a layer) is searched for pairs NAME=VALUE,
options, addresses and tokens.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ironhull.inventory import secrets
from ironhull.inventory.config import history_texts
from ironhull.inventory.model import Exposure, ImageConfig

HIDDEN = "[secret]"
_SHORT = 3
_MAX_VALUES = 200
_MAX_NAME = 200
_MAX_ROUNDS = 8
_BY_NAME = "a value under a name that says secret"
_IN_ADDRESS = "a password in an address"

_NAME = re.compile(
    r"(?:PASSWORD|PASSWD|PASSPHRASE|SECRETS?|TOKEN|CREDENTIALS?|BASIC_?AUTH|(?:^|_)(?:PASS|PWD)"
    r"|(?:API|ACCESS|PRIVATE|SECRET|ENCRYPTION|SIGNING|MASTER|APP|AUTH|ACCOUNT|LICENSE|SESSION)"
    r"_?KEY|SECRET_?KEY_?BASE)_?\d*",
    re.IGNORECASE,
)
_ENDING = re.compile(f"(?:{_NAME.pattern})$", re.IGNORECASE)
# Lengths are bounded, so that no text takes more than a moment.
_ADDRESS = re.compile(
    # A port is no password, and neither is what stands for one.
    r"(?P<before>\b[A-Za-z][A-Za-z0-9+.-]{0,30}://[^\s/@:\"']{0,200}:)(?!\d{1,5}(?:/|$))"
    r"(?P<secret>(?!\$|<|\[|\*+@|%s@|\{)[^\s@\"']{1,500}+)(?=@)"
)
_CONNECTION = re.compile(
    r"(?P<before>;\s*(?:password|pwd)\s*=\s*)(?P<secret>[^;\s$][^;]*)", re.IGNORECASE
)
_OPTION = re.compile(
    r"(?P<before>(?<![\w-])-{1,2}(?!-)(?!(?:no|disabled?|without|empty|skip)-)[\w-]*(?:password|passwd|"
    r"passphrase|requirepass|secret|token|api-?key|(?:access|private|secret)-?key)(?:=|\s+))"
    r"(?P<secret>\"[^\"$]+\"|'[^'$]+'|[^\s\"'$<-][^\s\"']*)",
    re.IGNORECASE,
)
_OPTION_ALONE = re.compile(
    _OPTION.pattern.partition("(?P<secret>")[0].replace(r"(?:=|\s+)", "$"), re.IGNORECASE
)
_PAIR = re.compile(
    r"(?<![\w.-])(?P<name>[A-Za-z_][\w.-]*)=(?P<value>\"[^\"]*\"|'[^']*'|<[^<>]*>|[^\s;&|]*)"
)
# What Docker writes for ENV, ARG and LABEL, and for the build's arguments of a RUN: values go on
# to the next name, blanks and all.
_INSTRUCTION = re.compile(r"(?:/bin/sh -c #\(nop\)\s+)?(?:ENV|ARG|LABEL)\s|(?:RUN )?\|\d+ ")
_ARGUMENT = re.compile(
    r"(?<=\s)(?P<name>[A-Za-z_][\w.-]*)=(?P<value>.*?)(?=\s[A-Za-z_][\w.-]*=|$)", re.DOTALL
)
_COMMAND = " /bin/sh -c "
_REFERENCE = re.compile(
    r"\$\{?[A-Za-z_]\S*|\$\(.*\)|<[^<>]*>|\{\{.*\}\}|(?:file|arn|vault|op|secretref|ref|ssm):.*"
)
_SHORT_PATH = 20
_PLAIN = frozenset({"true", "false", "yes", "no", "on", "off", "none", "null", "0", "1", HIDDEN})


def in_variable(name: str, value: str) -> str:
    """What kind of secret an environment variable, or a label, holds; empty for none."""
    detail = secrets.in_text(value)
    if detail:
        return detail
    if _ADDRESS.search(value) or _CONNECTION.search(value):
        return _IN_ADDRESS
    said = _ENDING.search(name[-_MAX_NAME:].replace("-", "_").replace(".", "_"))
    text = value.strip().strip("\"'")
    if not said or not text or text.lower() in _PLAIN or _REFERENCE.fullmatch(text):
        return ""
    # Keys may begin with a slash; a path has more of them, or is short.
    is_path = text[0] == "/" and (len(text) < _SHORT_PATH or "/" in text[1:])
    return "" if is_path else _BY_NAME


def without_secrets(text: str, values: Iterable[str] = ()) -> str:
    """The text with every secret in it, and with these values, replaced by HIDDEN."""
    for value in values:
        text = text.replace(value, HIDDEN)
    # What is hidden may have held a quote, without which other words are found.
    for _ in range(_MAX_ROUNDS):
        hidden = _without_secrets(text)
        if hidden == text:
            break
        text = hidden
    return text


def _without_secrets(text: str) -> str:
    if _INSTRUCTION.match(text):
        said, command, rest = text.partition(_COMMAND) if "|" in text[:6] else (text, "", "")
        text = _ARGUMENT.sub(_hidden_pair, said) + command + rest
    text = _PAIR.sub(_hidden_pair, text)
    for pattern in (_ADDRESS, _CONNECTION, _OPTION):
        text = pattern.sub(rf"\g<before>{HIDDEN}", text)
    return secrets.without_tokens(text, HIDDEN)


def _hidden_pair(found: re.Match[str]) -> str:
    name, value = found["name"], found["value"]
    return f"{name}={HIDDEN}" if value and in_variable(name, value) else found[0]


def hide(
    config: ImageConfig, document: Mapping[str, Any]
) -> tuple[ImageConfig, tuple[Exposure, ...]]:
    """The configuration without its secrets, and a finding for each thing that holds one.

    `document` is the whole image config, whose history may tell what its parts do not.
    """
    found: list[Exposure] = []
    env = tuple(_variable(text, found) for text in config.env)
    labels = {}
    for name, value in config.labels.items():
        detail = in_variable(name, value)
        if detail:
            found.append(Exposure(f"label:{name}", detail))
        labels[name] = HIDDEN if detail else without_secrets(value)
    values = secret_values(config)
    for number, text in enumerate(history_texts(document)):
        # Of variables that the image has, one finding is enough.
        known = text
        for value in values:
            known = known.replace(value, HIDDEN)
        if without_secrets(known) != known:
            found.append(Exposure(f"history:{number}", "a secret in what made the image"))
    hidden = replace(
        config,
        env=env,
        labels=labels,
        entrypoint=_words("entrypoint", config.entrypoint, values, found),
        cmd=_words("cmd", config.cmd, values, found),
        healthcheck=_words("healthcheck", config.healthcheck, values, found),
    )
    return hidden, tuple(sorted(found))


def secret_values(config: ImageConfig) -> list[str]:
    """The values of variables that are secrets and long enough to be looked for elsewhere.

    At most 200, the longest first.
    """
    pairs = [text.partition("=") for text in config.env]
    found = {value for name, _, value in pairs if len(value) > _SHORT and in_variable(name, value)}
    return sorted(found, key=lambda value: (-len(value), value))[:_MAX_VALUES]


def _variable(text: str, found: list[Exposure]) -> str:
    name, _, value = text.partition("=")
    detail = in_variable(name, value)
    if not detail:
        return text
    found.append(Exposure(f"env:{name}", detail))
    return f"{name}={HIDDEN}"


def _words(
    where: str, words: Sequence[str], values: Sequence[str], found: list[Exposure]
) -> tuple[str, ...]:
    """The words of a command without secrets; an option may stand before its value."""
    shown: list[str] = []
    for word in words:
        alone = bool(shown) and _OPTION_ALONE.search(words[len(shown) - 1])
        if alone and word and word[0] not in "-$<":
            shown.append(HIDDEN)
        else:
            shown.append(without_secrets(word, values))
    if tuple(shown) != tuple(words):
        found.append(Exposure(where, "a secret in its words"))
    return tuple(shown)
