"""The table of the definition format: every key, its shape and what it means.

One table for the reader, the JSON Schema and the reference. The format is the open one of the
Docker Hardened Images catalog; keys with `ours=True` are Ironhull's own.
"""

from __future__ import annotations

from ironhull.definition.format_contents import ACCOUNTS, CONTENTS, PATH
from ironhull.definition.shape import (
    Anything,
    FixedKeys,
    Flag,
    Key,
    ListOf,
    MapOf,
    Text,
    TextOrList,
    Whole,
)
from ironhull.definition.words import (
    ABSOLUTE,
    ARGUMENT,
    ARGUMENTS,
    DATE,
    FREE,
    LABEL,
    LONG,
    NAME,
    PACKAGE,
    PLATFORMS,
    REGEX,
    RELATIVE,
    VARIABLE,
)

VARIANTS = ("runtime", "dev", "helm")
# signal(7), the ones that Linux has on every architecture that Debian builds for.
SIGNALS = (
    *("SIGHUP", "SIGINT", "SIGQUIT", "SIGILL", "SIGTRAP", "SIGABRT", "SIGBUS", "SIGFPE"),
    *("SIGKILL", "SIGUSR1", "SIGSEGV", "SIGUSR2", "SIGPIPE", "SIGALRM", "SIGTERM", "SIGCHLD"),
    *("SIGCONT", "SIGSTOP", "SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGURG", "SIGXCPU", "SIGXFSZ"),
    *("SIGVTALRM", "SIGPROF", "SIGWINCH", "SIGIO", "SIGPWR", "SIGSYS"),
)
FOLLOWED, IMAGE = "debian_package", "oci_artifact"
NOT_FOLLOWED = ("alpine_package", "github_release", "github_tag", "file", "json_file")
REGISTRY = "oci://"
_ELSEWHERE = "Of a kind that is not followed: read, and without effect."
_TRACK = FixedKeys(
    {
        "type": Key(
            Text(options=(FOLLOWED, IMAGE, *NOT_FOLLOWED)),
            "What is followed: debian_package, or oci_artifact with `package`. Of any other kind "
            "the value under `vars` holds, which a warning says.",
            required=True,
        ),
        "package": Key(
            Text(
                rf"pkg:[a-z]+/[A-Za-z0-9._/-]+/{PACKAGE}"
                rf"|({REGISTRY})?[A-Za-z0-9][A-Za-z0-9._:/-]*:[A-Za-z0-9_][A-Za-z0-9._-]*",
                "a URL like pkg:deb/debian/nodejs, or an image by its tag like python:3.13 or "
                f"{REGISTRY}registry.example/base/python:3.13",
            ),
            "The binary package whose version is taken; or the image whose digest is taken, one of "
            f"the own catalog, or with `{REGISTRY}` of a registry.",
        ),
        "match": Key(
            REGEX,
            "Found in a package's version; its first group becomes the value. Default: all of it.",
            example="^([0-9.]+)",
        ),
        "set": Key(Anything(), "The variable; elsewhere also a list or map of several.", True),
        **{name: Key(FREE, _ELSEWHERE) for name in ("owner", "repo", "use", "name", "url")},
    }
)

_DATES = FixedKeys(
    {
        "release": Key(DATE, "When the program's release line came out."),
        "end-of-life": Key(DATE, "When its makers stop fixing it."),
        "end-of-support": Key(DATE, "When the image stops being built."),
        "upstream-end-of-life": Key(
            DATE,
            "When the program's own makers stop, where the distribution fixes it for longer "
            "(`end-of-life` is then the distribution's).",
            ours=True,
        ),
    },
    refused=dict.fromkeys(("type", "url"), "is not followed: write the dates"),
)

_OS_RELEASE = FixedKeys(
    {
        "name": Key(FREE, "NAME of os-release(5)."),
        "id": Key(FREE, "ID; decides the archive: debian."),
        "id-like": Key(FREE, "ID_LIKE."),
        "version-id": Key(FREE, 'VERSION_ID; decides the suites, for example "13".'),
        "version-codename": Key(FREE, "VERSION_CODENAME, for example trixie."),
        "pretty-name": Key(FREE, "PRETTY_NAME."),
        "home-url": Key(FREE, "HOME_URL."),
        "bug-report-url": Key(FREE, "BUG_REPORT_URL."),
    }
)

_HTTP = FixedKeys(
    {
        "port": Key(Whole(1, 65535), "Port in the container.", required=True),
        "path": Key(Text(r"/[^ ]*", "a path like /"), "Path and query. Default /."),
        "status": Key(Whole(100, 599), "Status that is right. Default 200."),
        "body": Key(REGEX, "Found in the body."),
    }
)
_TEST = FixedKeys(
    {
        "name": Key(FREE, "What it proves. Default: its place in the list."),
        "directory": Key(
            Text(r"/.*|[^/]+/.*", "an absolute path like /app"),
            "Working directory. Default: the image's. A test in a folder of the repository "
            "(`image/web/tests`) is run beside the image: it is left out, with a warning.",
        ),
        "commands": Key(
            ListOf(TextOrList(ARGUMENT, ListOf(ARGUMENT, replaced=True, fewest=1))),
            "Run one after the other in one container; a list directly, a text by /bin/sh, or as "
            "words where the image keeps no shell.",
        ),
        "exit-code": Key(Whole(0, 255), "Exit code that is right. Default 0."),
        "timeout": Key(Whole(1, 3600), "Seconds, for each command. Default 60."),
        "output": Key(REGEX, "Found in what the last command prints."),
        "user": Key(NAME, "User instead of the image's.", ours=True),
        "background": Key(
            Flag(),
            "The first command, a server, keeps running while the others run; the second is tried "
            "again for up to ten seconds while the server starts.",
            ours=True,
        ),
        "network": Key(
            Flag(), "With the host's network and its package registries' settings.", ours=True
        ),
        "writable": Key(
            Flag(), "Root can be written, with the engine's usual capabilities.", ours=True
        ),
        "reader": Key(
            Flag(),
            "Mounts a static program: `/dev/ironhull-read FILE` prints a file; for images without "
            "any program.",
            ours=True,
        ),
        "http": Key(
            _HTTP,
            "A request from outside; without commands the image's own process answers.",
            ours=True,
        ),
        "platforms": Key(
            PLATFORMS, "Only on these platforms; without it, on every one.", ours=True
        ),
    }
)

_HEALTHCHECK = FixedKeys(
    {
        "command": Key(ListOf(ARGUMENT, replaced=True, fewest=1), "Argument vector.", True),
        "interval": Key(Whole(1, 86400), "Seconds. Default 30."),
        "timeout": Key(Whole(1, 86400), "Seconds. Default 30."),
        "start-period": Key(Whole(0, 86400), "Seconds. Default 0."),
        "retries": Key(Whole(1, 1000), "Failures that make it unhealthy. Default 3."),
    }
)

_HARDENING = FixedKeys(
    {
        "documentation": Key(Flag(), "Keep documentation, man pages, locales."),
        "shell": Key(Flag(), "The image may have a shell."),
        "package-manager": Key(Flag(), "The image may have a package manager."),
        "compiler": Key(Flag(), "The image may have a compiler."),
        "setuid": Key(ListOf(ABSOLUTE), "Files that keep their setuid or setgid bit."),
        "package-database": Key(
            Text(options=("status.d", "dpkg")),
            "`status.d`: one file a package, for scanners; `dpkg`: complete, apt works. "
            "Default status.d.",
        ),
        "idle": Key(
            ListOf(ABSOLUTE),
            "Programs, scripts and libraries that nothing runs or loads in this image, as paths "
            "with `*`: the interpreter or libraries that they need may be missing.",
        ),
        "overlaps": Key(ListOf(ABSOLUTE), "Paths that several packages may bring."),
    }
)

_CLAIM = "Must be false: a build from Debian's packages cannot make that claim."
FORMAT = FixedKeys(
    {
        "includes": Key(
            ListOf(RELATIVE),
            "Other definition files, merged underneath this one in their order.",
        ),
        "name": Key(Text(longest=200), "What people call the image. Default: `image`."),
        "image": Key(
            Text(r"[A-Za-z0-9._/:-]+", "a repository like node"),
            "The repository; a registry's host in front of it is left out.",
            example="node",
        ),
        "variant": Key(
            Text(options=VARIANTS), "What the image is for. Default runtime.", example="runtime"
        ),
        "flavor": Key(
            Text(r"[a-z0-9][a-z0-9._-]*", "a word like compat"), "A further kind of a variant."
        ),
        "tags": Key(
            ListOf(Text(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", 'a tag in quotes like "20"')),
            "Tags of the image; those that use a tracked variable appear with the lock.",
            example=["20", "20-debian13"],
        ),
        "suffix": Key(
            Text(r"[A-Za-z0-9._-]+", "a suffix like -dev"),
            "Put after every tag; a `-` goes between if it does not begin with one.",
        ),
        "platforms": Key(PLATFORMS, "One manifest each. Default linux/amd64 and linux/arm64."),
        "dates": Key(_DATES, "The release line's life; warned of when it ends."),
        "vars": Key(
            MapOf(VARIABLE, Text(empty=True, longest=1024)),
            "Variables: `${NAME}` is replaced in every value, `${NAME:regex}` by the first group "
            "of the expression; `$${` is a literal `${`, `##{` a literal `#{`.",
        ),
        "track": Key(
            ListOf(_TRACK), "Variables that follow the archive or other images; set when locking."
        ),
        "contents": Key(CONTENTS, "Packages and files."),
        "accounts": Key(ACCOUNTS, "Users and groups."),
        "os-release": Key(_OS_RELEASE, "/usr/lib/os-release, and the distribution to take."),
        "environment": Key(
            MapOf(VARIABLE, Text(empty=True, longest=32 * 1024)), "Environment variables."
        ),
        "entrypoint": Key(ARGUMENTS, "Entrypoint as an argument vector."),
        "cmd": Key(ARGUMENTS, "Default arguments, or the command if there is no entrypoint."),
        "work-dir": Key(ABSOLUTE, "Working directory. Default /."),
        "ports": Key(
            ListOf(Text(r"[0-9]{1,5}(/(tcp|udp|sctp))?", 'a port in quotes like "8080/tcp"')),
            "Ports that the image listens on; TCP's where none is said.",
        ),
        "volumes": Key(ListOf(ABSOLUTE), "Folders that are volumes.", ours=True),
        "stop-signal": Key(
            Text(options=SIGNALS), "Signal that stops the container. Default SIGTERM."
        ),
        "healthcheck": Key(_HEALTHCHECK, "How docker sees whether it works.", ours=True),
        "labels": Key(MapOf(LABEL, LONG), "Labels of the config, beside the derived ones."),
        "annotations": Key(MapOf(LABEL, LONG), "Annotations of the manifest and the index."),
        "paths": Key(ListOf(PATH), "Edits of the tree, in order, after the packages."),
        "compression": Key(
            Text(
                r"(zstd|zstd:chunked|gzip)(:[0-9]{1,2})?",
                "zstd, zstd:chunked or gzip, each with a level if wanted, like zstd:19",
            ),
            "Of the layers; zstd:chunked lets engines fetch only files that they lack, gzip is for "
            "engines that do not read zstd, as docker 20.10 (docs/compatibility.md, the row pull "
            "zstd). Default zstd.",
        ),
        "output": Key(
            Text(options=("layered", "squashed")), "One layer a package, or one layer in all."
        ),
        "hardening": Key(
            _HARDENING, "What hardening would remove or refuse and is to stay.", ours=True
        ),
        "tests": Key(ListOf(_TEST), "Run in the built image by a container engine."),
        "fips-compliant": Key(Flag(), _CLAIM),
        "stig-certified": Key(Flag(), _CLAIM),
    }
)
