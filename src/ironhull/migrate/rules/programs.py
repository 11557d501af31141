"""What the programs do that RUN runs: tables, and a class for each command."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from ironhull.migrate.dockerfile.shell import Command


class Effect(StrEnum):
    """What a command leaves behind."""

    NOTHING = "nothing"
    CLEANUP = "cleanup"
    """Removes what a build leaves, or brings the system's packages up to date."""
    PACKAGES = "packages"
    ACCOUNTS = "accounts"
    OWNERSHIP = "ownership"
    DIRECTORY = "directory"
    SETTINGS = "settings"
    """Time zone, locale, certificate authorities, rights of programs."""
    FILES = "files"
    BUILD = "build"
    """A tool of a language or of builds, which works in the folder it runs in."""
    SETUP = "setup"
    """Gets tools that only a build needs."""
    UNKNOWN = "unknown"


_NOTHING = frozenset((
    "set", "true", ":", "cd", "ls", "pwd", "env", "echo", "printf", "test", "[", "export",
    "which", "id", "sleep", "cat", "date", "uname", "head", "tail", "exit", "wc", "sha256sum",
    "sha512sum", "md5sum", "gpg", "file", "umask", "ulimit", "df", "command", "type", "hash",
    "grep", "egrep", "nproc", "unset", "shopt", "alias", "source", ".",
))  # fmt: skip
_FILES = frozenset((
    "cp", "mv", "ln", "touch", "sed", "awk", "tar", "unzip", "gunzip", "gzip", "tee", "curl",
    "wget", "rm", "rmdir", "install", "find", "xargs", "cut", "tr", "sort", "dos2unix",
    "perl", "openssl", "patch", "envsubst", "base64", "jq", "strip", "xz", "bunzip2",
    "truncate", "rsync", "ssh-keyscan", "basename", "dirname", "uniq", "upx", "ldconfig",
))  # fmt: skip
_BUILD = frozenset((
    "npm", "yarn", "pnpm", "npx", "node", "corepack", "tsc", "vite", "next", "nest", "ng",
    "bun", "deno", "pip", "pip3", "python", "python3", "poetry", "uv", "pipenv", "pdm",
    "hatch", "go", "cargo", "rustc", "mvn", "mvnw", "gradle", "gradlew", "javac", "jar",
    "java", "dotnet", "bundle", "gem", "rake", "rails", "ruby", "composer", "php", "artisan",
    "git", "make", "cmake", "gcc", "g++", "cc", "ninja", "meson", "swag", "templ", "sqlc",
    "protoc", "buf", "gulp", "grunt", "webpack", "hugo", "mkdocs", "sphinx-build", "jekyll",
    "webpack-cli", "esbuild", "turbo", "prisma", "alembic", "flask", "django-admin",
    "virtualenv", "lerna", "nx", "bower", "ember", "elm", "rollup", "parcel", "wasm-pack",
    "trunk", "just", "task", "sbt", "lein", "jdeps", "jlink", "clang", "musl-gcc",
    "configure", "pyinstaller", "yarnpkg", "node-gyp", "node-prune", "vue-cli-service",
    "spacy", "ttf2woff2", "pytest", "mypy", "ruff", "eslint", "jest", "uvx", "pnpx", "quasar",
    "gatsby", "astro",
))  # fmt: skip
_ACCOUNTS = frozenset((
    "useradd", "adduser", "groupadd", "addgroup", "usermod", "groupmod", "passwd", "chpasswd",
    "deluser", "userdel", "delgroup", "groupdel", "chsh", "visudo",
))  # fmt: skip
_SETTINGS = frozenset((
    "setcap", "locale-gen", "dpkg-reconfigure", "update-locale", "localedef",
    "update-ca-certificates", "update-ca-trust", "debconf-set-selections",
    "update-alternatives", "setup-timezone", "a2enmod", "c_rehash", "apt-key",
    "add-apt-repository", "apt-mark", "ldconfig",
))  # fmt: skip
_MANAGERS = {
    "apt-get": ("install",), "apt": ("install",), "aptitude": ("install",), "apk": ("add",),
    "yum": ("install",), "dnf": ("install",), "microdnf": ("install",), "zypper": ("install", "in"),
    "tdnf": ("install",),
}  # fmt: skip
_TOOL_SCRIPTS = (
    *("python-poetry.org", "astral.sh/uv", "rustup.rs", "nodesource.", "get.pnpm.io"),
    *("bun.sh/install", "deno.land/install", "get.sdkman.io", "yarnpkg.com", "golangci"),
    *("getcomposer.org", "install.rvm"),
)
_OPTION = re.compile(r"-")


@dataclass(frozen=True, slots=True)
class Installed:
    """What a command of a package manager installs."""

    manager: str
    names: tuple[str, ...]
    """Without versions and options."""


def effect_of(command: Command, pipeline: tuple[Command, ...] = ()) -> Effect:
    """What a command does; `pipeline` are those that it is joined with by `|`."""
    name = command.name
    if not name:
        return Effect.NOTHING
    if name in ("sudo", "env", "exec", "time", "nice"):
        return effect_of(_behind(command))
    if name in _MANAGERS:
        return _package_effect(command)
    if name in SHELL_NAMES:
        return _shell_effect(pipeline)
    if name in ("make", "ninja", "cmake", "meson") and {"install", "--install"} & set(
        command.values
    ):
        return Effect.UNKNOWN
    for effect, names in _TABLE:
        if name in names:
            return _refined(effect, command)
    return Effect.UNKNOWN


SHELL_NAMES = frozenset(("sh", "bash", "ash", "dash"))
_TABLE = (
    (Effect.ACCOUNTS, _ACCOUNTS),
    (Effect.OWNERSHIP, frozenset(("chown", "chgrp", "chmod"))),
    (Effect.DIRECTORY, frozenset(("mkdir",))),
    (Effect.SETTINGS, _SETTINGS),
    (Effect.BUILD, _BUILD),
    (Effect.NOTHING, _NOTHING),
    (Effect.FILES, _FILES),
)


def _refined(effect: Effect, command: Command) -> Effect:
    """What a file command does that only cleans up, or a harmless one that writes a file."""
    words = command.values[1:]
    paths = [word for word in words if not word.startswith("-")]
    if effect is Effect.NOTHING and any(
        operator in (">", ">>", "1>", ">|") and not word.value.startswith("/dev/")
        for operator, word in command.redirects
    ):
        return Effect.FILES
    if command.name == "rm" and paths and all(_is_waste(path) for path in paths):
        return Effect.CLEANUP
    if command.name in ("cp", "ln") and paths and paths[-1].startswith("/etc/localtime"):
        return Effect.SETTINGS
    if command.name == "find" and paths and all(_is_waste(path) for path in paths[:1]):
        return Effect.CLEANUP
    return effect


_WASTE = (
    *("/var/lib/apt", "/var/cache", "/tmp", "/var/tmp", "/root/.cache", "/root/.npm", "~/.cache"),  # noqa: S108
    *("/usr/share/doc", "/usr/share/man", "/var/log", "~/.npm", "/usr/share/locale", "~/.cargo"),
    *("/root/.cargo/registry", "/root/.gem", "/usr/local/share/.cache", "/root/.m2"),
    *("/usr/local/lib/node_modules/npm", "/opt/yarn", "/usr/local/bin/npm", "/usr/local/bin/yarn"),
    *("/usr/local/bin/npx", "/root/.gradle", "$HOME/.cache", "/root/.nuget"),
)


def _is_waste(path: str) -> bool:
    return path.startswith(_WASTE) and ".." not in path


def _behind(command: Command) -> Command:
    """The command that `sudo`, `env` or `exec` runs."""
    words = command.words[1:]
    while words and (words[0].value.startswith("-") or "=" in words[0].value):
        words = words[1:]
    return Command(
        command.start, command.end, command.before, command.assignments, words, command.redirects
    )


def _package_effect(command: Command) -> Effect:
    words = [word for word in command.values[1:] if not word.startswith("-")]
    verb = words[0] if words else ""
    if verb in _MANAGERS[command.name]:
        return Effect.PACKAGES
    if verb in (
        "update",
        "upgrade",
        "dist-upgrade",
        "full-upgrade",
        "clean",
        "autoclean",
        "del",
        "autoremove",
        "purge",
        "remove",
        "check-update",
        "makecache",
        "cache",
        "erase",
        "distro-sync",
        "ref",
        "refresh",
        "upgrade-minimal",
        "fix",
    ):
        return Effect.CLEANUP
    return Effect.UNKNOWN


def _shell_effect(pipeline: tuple[Command, ...]) -> Effect:
    """A shell that runs what it is fed: known only for installers of tools of builds."""
    fed = " ".join(word.value for command in pipeline for word in command.words)
    return Effect.SETUP if any(part in fed for part in _TOOL_SCRIPTS) else Effect.UNKNOWN


def installed_by(command: Command) -> Installed | None:
    """What a package manager's command installs; None if it is none, or installs nothing."""
    inner = _behind(command) if command.name in ("sudo", "env") else command
    if inner.name not in _MANAGERS or _package_effect(inner) is not Effect.PACKAGES:
        return None
    names: list[str] = []
    skip = False
    verb_seen = False
    for word in inner.values[1:]:
        if skip:
            skip = False
        elif word.startswith("-"):
            skip = word in ("-t", "--virtual", "--repository", "-X", "-o", "--target-release")
        elif not verb_seen:
            verb_seen = True
        elif not word.startswith("."):
            names.append(re.split(r"[=<>~]", word)[0])
    return Installed(inner.name, tuple(names))
