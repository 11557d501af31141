"""Runtimes and servers that no package manager put there, told by what their program says.

Official images unpack Node.js, Python, PHP, Ruby and others into /usr/local. Each has a rule: which
file names it may have, and the bytes in the program that carry its version.
"""

from __future__ import annotations

import re
from typing import BinaryIO

from ironhull.inventory.cataloguers.interface import Findings
from ironhull.inventory.model import Package
from ironhull.values import dataclass

_STEP = 1 << 20
_OVERLAP = 256
_LIMIT = 512 << 20


@dataclass(frozen=True, slots=True)
class Rule:
    """A runtime: its name, its file names, and where its version stands (group 1)."""

    name: str
    bases: re.Pattern[str]
    version: re.Pattern[bytes]


def _rule(name: str, bases: str, version: bytes) -> Rule:
    return Rule(name, re.compile(bases), re.compile(version))


RULES = (
    _rule("node", r"node|nodejs|libnode\.so.*", rb"node\.js/v(\d+\.\d+\.\d+)"),
    _rule(
        "python",
        r"python\d*(\.\d+)?|libpython\d+(\.\d+)?[a-z]*\.so.*",
        rb"\0(\d\.\d{1,2}\.\d{1,2}(?:(?:a|b|rc)\d+)?)\0",
    ),
    _rule("ruby", r"ruby|libruby(-\d+(\.\d+)*)?\.so.*", rb"ruby (\d+\.\d+\.\d+(?:p\d+)?) \("),
    _rule(
        "php",
        r"php\d*(\.\d+)?|php-(cgi|fpm)\d*(\.\d+)?|libphp.*\.so",
        rb"X-Powered-By: PHP/(\d+\.\d+\.\d+)",
    ),
    _rule("perl", r"perl|libperl\.so.*", rb"/perl5?/(5\.\d+\.\d+)"),
    _rule("nginx", r"nginx", rb"nginx/(\d+\.\d+\.\d+)"),
    _rule("httpd", r"httpd|apache2", rb"Apache/(\d+\.\d+\.\d+)"),
    _rule("redis", r"redis-server", rb"Redis[ a-zA-Z]* version[ =](\d+\.\d+\.\d+)"),
    _rule("memcached", r"memcached", rb"memcached (\d+\.\d+\.\d+)"),
    _rule("postgresql", r"postgres", rb"PostgreSQL (\d+(?:\.\d+)+)"),
    _rule("mariadb", r"mariadbd|mysqld", rb"(\d+\.\d+\.\d+)-MariaDB"),
    _rule("haproxy", r"haproxy", rb"HA-?Proxy version (\d+\.\d+(?:\.\d+)?)"),
    _rule("busybox", r"busybox", rb"BusyBox v(\d+\.\d+\.\d+)"),
    _rule("bash", r"bash", rb"@\(#\)Bash version (\d+\.\d+\.\d+)"),
    _rule("openssl", r"openssl|libcrypto\.so.*", rb"OpenSSL (\d+\.\d+\.\d+[a-z]?) "),
    _rule("curl", r"curl|libcurl\.so.*", rb"(?:curl|libcurl)/(\d+\.\d+\.\d+)"),
)


def names_of(path: str) -> set[str]:
    """The runtimes that a program of this name may be."""
    base = path.rpartition("/")[2]
    return {rule.name for rule in RULES if rule.bases.fullmatch(base)}


def read(path: str, file: BinaryIO, findings: Findings) -> None:
    """The runtime that the program is, if a rule knows it and its version is there."""
    base = path.rpartition("/")[2]
    for rule in RULES:
        if rule.bases.fullmatch(base):
            version = _search(file, rule.version)
            if version:
                findings.packages.append(
                    Package(name=rule.name, version=version, type="binary", location=path)
                )


def _search(file: BinaryIO, pattern: re.Pattern[bytes]) -> str:
    """The first match in the file, a step at a time."""
    file.seek(0)
    rest, done = b"", 0
    while done < _LIMIT and (data := file.read(_STEP)):
        done += len(data)
        window = rest + data
        found = pattern.search(window)
        if found:
            return found[1].decode("ascii")
        rest = window[-_OVERLAP:]
    return ""
