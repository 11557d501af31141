"""What files of package managers in a context say; whoever wrote them may have written anything."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from ironhull.migrate.context.interface import Context

NODE_LOCKS = {
    "package-lock.json": "npm",
    "npm-shrinkwrap.json": "npm",
    "yarn.lock": "yarn",
    "pnpm-lock.yaml": "pnpm",
}
"""Lock files and whose they are."""
MAX_FILES = 20
"""Of one kind that are read."""
_NAME = re.compile(r"^[ \t]*([A-Za-z0-9][A-Za-z0-9._-]*)", re.MULTILINE)
_LINKED = {
    "libpq5": ("psycopg2", "psycopg", "pg-native", "pq-sys", "pg"),
    "libmariadb3": ("mysqlclient", "mysql2", "mariadb"),
    "libxml2": ("lxml", "xmlsec", "nokogiri"),
    "libxslt1.1": ("lxml", "nokogiri"),
    "libjpeg62-turbo": ("pillow", "pillow-simd"),
    "libvips42t64": ("pyvips", "ruby-vips", "image_processing"),
    "libldap2": ("python-ldap",),
    "libcairo2": ("pycairo", "weasyprint", "cairosvg"),
}
"""Libraries, and who is compiled against them; wheels bring their own."""


@dataclass(frozen=True, slots=True)
class PackageJson:
    """What package.json says that matters here."""

    scripts: Mapping[str, str]
    dependencies: frozenset[str]
    development: frozenset[str]
    module: bool
    """`"type": "module"`."""


class _PackageJson(msgspec.Struct):
    scripts: dict[str, str] = {}
    dependencies: dict[str, str] = {}
    devDependencies: dict[str, str] = {}  # noqa: N815 - the format's word
    type: str = ""


_PACKAGE_JSON = msgspec.json.Decoder(_PackageJson)


def package_json(context: Context) -> PackageJson | None:
    """package.json at the top of the context; None if there is none that can be read."""
    data = context.read("package.json")
    if data is None:
        return None
    try:
        read = _PACKAGE_JSON.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return PackageJson(
        read.scripts,
        frozenset(read.dependencies),
        frozenset(read.devDependencies),
        read.type == "module",
    )


def node_lock(context: Context) -> str:
    """Whose lock file is there: npm, yarn, pnpm, or empty."""
    for file, manager in NODE_LOCKS.items():
        if context.read(file) is not None:
            return manager
    return ""


def python_requirements(context: Context) -> frozenset[str] | None:
    """Names in requirements files, pyproject.toml and locks, lower case; None if there is none."""
    texts = [
        context.read(name) for name in tuple(filter(_lists_requirements, context.names))[:MAX_FILES]
    ]
    found: set[str] = set()
    for text in texts:
        if text is not None:
            plain = text.decode("utf-8", "replace")
            found |= {name.lower() for name in _NAME.findall(plain.replace('"', "\n"))}
    return frozenset(found) if any(text is not None for text in texts) else None


def _lists_requirements(name: str) -> bool:
    if name in ("pyproject.toml", "Pipfile", "setup.py", "setup.cfg"):
        return True
    return name.count("/") <= 1 and "requirements" in name and name.endswith((".txt", ".in"))


def links_against(library: str, context: Context) -> bool:
    """Whether a package of the context is compiled against a library, as far as that is known."""
    names = _LINKED.get(library)
    requirements = python_requirements(context)
    if names is None or requirements is None:
        return True
    return bool(requirements & set(names))
