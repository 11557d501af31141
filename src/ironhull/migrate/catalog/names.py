"""What the names of conventional images mean: language, version, and which images take their place.

Only names stand here; whether a catalog has such an image, and what it is like, the catalog says.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

HUB = ("docker.io/", "index.docker.io/", "registry-1.docker.io/")
_MIRRORS = ("public.ecr.aws/docker/", "mirror.gcr.io/", "registry.hub.docker.com/")
_DIGEST = re.compile(r"@[A-Za-z0-9_+.-]+:[A-Fa-f0-9]{32,}$")
_VERSION = re.compile(r"v?(\d+(?:\.\d+)*)")
_JAVA = re.compile(r"(?:temurin|jdk|jre|openjdk|corretto|semeru|java)-?(\d+)")
_MUSL = re.compile(r"(?:^|-)alpine")
_WINDOWS = re.compile(r"windowsservercore|nanoserver|windows-?\d")


@dataclass(frozen=True, slots=True)
class Family:
    """Conventional images that the same hardened ones replace."""

    language: str
    """node, python, go, java, rust, ruby, php, dotnet, nginx, deno, bun, c, system; or `service`,
    a server that is configured, not built upon."""
    build: tuple[str, ...] = ()
    """Names of dev images in a catalog, the first that it has counts."""
    runtime: tuple[str, ...] = ()
    """Names of runtimes, the same way."""


NODE = Family("node", ("node",), ("node",))
PYTHON = Family("python", ("python",), ("python",))
GO = Family("go", ("golang", "go"), ("static",))
RUST = Family("rust", ("rust",), ("debian-base",))
JAVA = Family("java", ("eclipse-temurin", "openjdk"), ("eclipse-temurin", "openjdk"))
MAVEN = Family("java", ("maven", "openjdk"), ("eclipse-temurin", "openjdk"))
GRADLE = Family("java", ("gradle", "openjdk"), ("eclipse-temurin", "openjdk"))
RUBY = Family("ruby", ("ruby",), ("ruby",))
PHP = Family("php", ("php",), ("php",))
PHP_FPM = Family("php", ("php",), ("php-fpm",))
NGINX = Family("nginx", ("nginx",), ("nginx",))
DENO = Family("deno", ("deno",), ("deno",))
BUN = Family("bun", ("bun",), ("bun",))
COMPILER = Family("c", ("debian-base",), ("debian-base",))
SYSTEM = Family("system", ("debian-base",), ("debian-base",))
DOTNET_SDK = Family("dotnet", ("dotnet",), ("aspnetcore",))
DOTNET_ASPNET = Family("dotnet", ("aspnetcore",), ("aspnetcore",))
DOTNET_RUNTIME = Family("dotnet", ("dotnet",), ("dotnet",))
SERVICE = Family("service")

_MICROSOFT = "mcr.microsoft.com/dotnet"
FAMILIES: Mapping[str, Family] = {
    "node": NODE,
    "circleci/node": NODE,
    "bitnami/node": NODE,
    "python": PYTHON,
    "bitnami/python": PYTHON,
    "pypy": Family("python"),
    "tiangolo/uvicorn-gunicorn-fastapi": Family("service"),
    "golang": GO,
    "rust": RUST,
    "clux/muslrust": RUST,
    "openjdk": JAVA,
    "eclipse-temurin": JAVA,
    "adoptopenjdk": JAVA,
    "amazoncorretto": JAVA,
    "ibm-semeru-runtimes": JAVA,
    "sapmachine": JAVA,
    "bellsoft/liberica-openjdk-debian": JAVA,
    "bellsoft/liberica-openjdk-alpine": JAVA,
    "azul/zulu-openjdk": JAVA,
    "azul/zulu-openjdk-alpine": JAVA,
    "azul/zulu-openjdk-debian": JAVA,
    "java": JAVA,
    "maven": MAVEN,
    "gradle": GRADLE,
    "ruby": RUBY,
    "php": PHP,
    "composer": Family("php"),
    "nginx": NGINX,
    "nginxinc/nginx-unprivileged": NGINX,
    "bitnami/nginx": NGINX,
    "denoland/deno": DENO,
    "oven/bun": BUN,
    "gcc": COMPILER,
    "buildpack-deps": COMPILER,
    "debian": SYSTEM,
    "ubuntu": SYSTEM,
    "alpine": SYSTEM,
    "bitnami/minideb": SYSTEM,
    "busybox": SYSTEM,
    f"{_MICROSOFT}/sdk": DOTNET_SDK,
    f"{_MICROSOFT}/aspnet": DOTNET_ASPNET,
    f"{_MICROSOFT}/runtime": DOTNET_RUNTIME,
    f"{_MICROSOFT}/runtime-deps": Family("dotnet", ("debian-base",), ("debian-base",)),
    "microsoft/dotnet": DOTNET_SDK,
    f"{_MICROSOFT}/core/sdk": DOTNET_SDK,
    f"{_MICROSOFT}/core/aspnet": DOTNET_ASPNET,
    f"{_MICROSOFT}/core/runtime": DOTNET_RUNTIME,
    **dict.fromkeys(
        (
            *("postgres", "mysql", "mariadb", "mongo", "redis", "memcached", "rabbitmq"),
            *("elasticsearch", "httpd", "traefik", "haproxy", "caddy", "tomcat", "jetty"),
            *("wordpress", "nextcloud", "jenkins/jenkins", "registry", "vault", "consul"),
        ),
        SERVICE,
    ),
}
HARDENED = (
    *("gcr.io/distroless/", "cgr.dev/", "dhi.io/", "registry.access.redhat.com/hi/"),
    "chainguard/",
)
"""Beginnings of images that somebody hardened already."""


class Name(NamedTuple):
    """A reference taken apart."""

    repository: str
    """Without the registry's name where that is Docker Hub's, and without `library/`."""
    tag: str
    digest: str


def name_of(reference: str) -> Name:
    """The parts of a reference: the last `/`, then `:`, decide what is a tag."""
    found = _DIGEST.search(reference)
    digest = found[0][1:] if found else ""
    plain = reference[: found.start()] if found else reference
    for prefix in (*HUB, *_MIRRORS):
        plain = plain.removeprefix(prefix)
    plain = plain.removeprefix("library/")
    folder, slash, last = plain.rpartition("/")
    repository, _, tag = last.partition(":")
    return Name(f"{folder}{slash}{repository}", tag, digest)


def version_of(family: Family, name: Name) -> str:
    """The version that a tag asks for, as precise as it is written; empty for a moving name."""
    if family.language == "java":
        found = _JAVA.search(f"{name.repository.rpartition('/')[2]}-{name.tag}")
        if found:
            return found[1]
        if name.repository in ("maven", "gradle"):
            return ""
    found = _VERSION.match(name.tag)
    return found[1] if found else ""


def is_musl(name: Name) -> bool:
    """Whether the image is Alpine's, whose C library is musl."""
    return name.repository in ("alpine", "busybox") or bool(_MUSL.search(name.tag))


def is_windows(name: Name) -> bool:
    """Whether the image is Windows's."""
    return "/windows/" in f"/{name.repository}" or bool(_WINDOWS.search(name.tag))
