"""What becomes the image's config, and the tests: environment, ports, healthcheck, `tests`."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace

from ironhull.definition.model import (
    MAX_LEVEL,
    Accounts,
    Healthcheck,
    HttpProbe,
    ImageTest,
    Keep,
    Place,
)
from ironhull.definition.paths import normalised, platforms_of
from ironhull.definition.patterns import compile_pattern
from ironhull.definition.shape import Item, ReadMap
from ironhull.definition.tree import Problems, did_you_mean

# What only a shell knows the meaning of; without any of it, a text is its words.
_OF_A_SHELL = re.compile(r"[|&;<>()$`\\\"'*?\[\]#~=%!{}\n\t]")


def keep_of(root: ReadMap, problems: Problems) -> Keep:
    """`hardening`: what stays."""
    section = root.record("hardening")
    return Keep(
        documentation=section.get("documentation", False),
        shell=section.get("shell", False),
        package_manager=section.get("package-manager", False),
        compiler=section.get("compiler", False),
        setuid=paths_in(section, "setuid", problems),
        package_database=section.get("package-database", "status.d"),
        idle=paths_in(section, "idle", problems),
        overlaps=paths_in(section, "overlaps", problems),
    )


def paths_in(record: ReadMap, key: str, problems: Problems) -> tuple[str, ...]:
    """A list of absolute paths."""
    return tuple(normalised(item.value, item.place, problems) for item in record.items(key))


def ports_of(root: ReadMap, problems: Problems) -> tuple[str, ...]:
    """`ports`, each once, between 1 and 65535; without a protocol it is TCP's."""
    ports: list[str] = []
    for item in root.items("ports"):
        number, _, protocol = item.value.partition("/")
        port = f"{int(number)}/{protocol or 'tcp'}"
        if not 1 <= int(number) <= 65535:
            problems.error(item.place, f"port {number} is not between 1 and 65535")
        elif port in ports:
            problems.error(item.place, f"port {port} stands twice")
        else:
            ports.append(port)
    return tuple(ports)


def compression_of(root: ReadMap, problems: Problems) -> str:
    """`zstd`, `zstd:chunked` or `gzip`, with an optional level that the program has."""
    text: str = root.get("compression", "zstd")
    name, _, level = text.rpartition(":")
    if level.isdigit() and not 1 <= int(level) <= MAX_LEVEL[name]:
        problems.error(
            root.at("compression"), f"{name} has the levels 1 to {MAX_LEVEL[name]}, got {level}"
        )
    return text


def healthcheck_of(root: ReadMap) -> Healthcheck | None:
    """The health check; None where the definition has none."""
    if not isinstance(root.get("healthcheck"), ReadMap):
        return None
    section = root.record("healthcheck")
    return Healthcheck(
        command=section.texts("command"),
        interval=section.get("interval", 30),
        timeout=section.get("timeout", 30),
        start_period=section.get("start-period", 0),
        retries=section.get("retries", 3),
    )


def tests_of(
    root: ReadMap, accounts: Accounts, keep: Keep, problems: Problems
) -> tuple[ImageTest, ...]:
    """The tests; their users are among the accounts."""
    users = {"root", *(user.name for user in accounts.users)}
    tests: list[ImageTest] = []
    names: set[str] = set()
    for number, item in enumerate(root.items("tests"), 1):
        record: ReadMap = item.value
        if _is_beside(record):
            problems.warn(
                record.at("directory"),
                f"this test is a program in the folder {record.get('directory'):.100} of the "
                "definition's repository, not one in the image: left out",
            )
            continue
        test = _test(record, item.place, keep.shell, problems)
        test = test if test.name else replace(test, name=f"test {number}")
        if test.name in names:
            problems.error(record.at("name"), f"two tests are called {test.name!r:.60}")
        names.add(test.name)
        if test.user is not None and test.user not in users:
            hint = did_you_mean(test.user, users)
            problems.error(record.at("user"), f"no user {test.user!r}{hint}")
        tests.append(test)
    return tuple(tests)


def _is_beside(record: ReadMap) -> bool:
    """Whether a test is run beside the image, as the public catalog's own ones are."""
    return not record.get("directory", "/").startswith("/")


def _test(record: ReadMap, place: Place, shell: bool, problems: Problems) -> ImageTest:
    http = _http(record, problems)
    commands = tuple(_command(item, shell, problems) for item in record.items("commands"))
    if not {"commands", "http"} & record.node.entries.keys():
        problems.error(place, "a test needs 'commands' or 'http'")
    directory = record.get("directory")
    if directory is not None:
        normalised(directory, record.at("directory"), problems)
    return ImageTest(
        name=record.get("name", ""),
        place=place,
        commands=commands,
        directory=directory,
        exit_code=record.get("exit-code", 0),
        timeout=record.get("timeout", 60),
        output=_regex(record, "output", problems),
        background=record.get("background", False),
        user=record.get("user"),
        network=record.get("network", False),
        writable=record.get("writable", False),
        http=http,
        platforms=platforms_of(record, problems),
        reader=record.get("reader", False),
    )


def _command(item: Item, shell: bool, problems: Problems) -> tuple[str, ...]:
    if isinstance(item.value, tuple):
        return item.value
    if not shell and not _OF_A_SHELL.search(item.value):
        words = tuple(shlex.split(item.value))
        if words:
            return words
    if not shell:
        problems.error(
            item.place,
            "this text needs /bin/sh, which the image does not keep: write a list, "
            'like ["node", "--version"], or set hardening.shell',
        )
    return ("/bin/sh", "-c", item.value)


def _http(record: ReadMap, problems: Problems) -> HttpProbe | None:
    probe = record.record("http")
    if "port" not in probe.values:
        return None
    return HttpProbe(
        port=probe.get("port"),
        path=probe.get("path", "/"),
        status=probe.get("status", 200),
        body=_regex(probe, "body", problems),
    )


def _regex(record: ReadMap, key: str, problems: Problems) -> str | None:
    text: str | None = record.get(key)
    if text is not None:
        compiled = compile_pattern(text)
        if not isinstance(compiled, re.Pattern):
            problems.error(record.at(key), compiled)
    return text
