"""The table of the definition format: every key, its shape and what it means.

One table for the reader, the JSON Schema and the reference. The format is the open one of the
Docker Hardened Images catalog; keys with `ours=True` are Ironhull's own.
"""

from __future__ import annotations

from ironhull.definition.shape import FixedKeys, Flag, Key, ListOf, MapOf, Text, TextOrList, Whole

VARIANTS = ("runtime", "dev", "helm")
# signal(7), the ones that Linux has on every architecture that Debian builds for.
SIGNALS = (
    *("SIGHUP", "SIGINT", "SIGQUIT", "SIGILL", "SIGTRAP", "SIGABRT", "SIGBUS", "SIGFPE"),
    *("SIGKILL", "SIGUSR1", "SIGSEGV", "SIGUSR2", "SIGPIPE", "SIGALRM", "SIGTERM", "SIGCHLD"),
    *("SIGCONT", "SIGSTOP", "SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGURG", "SIGXCPU", "SIGXFSZ"),
    *("SIGVTALRM", "SIGPROF", "SIGWINCH", "SIGIO", "SIGPWR", "SIGSYS"),
)
PACKAGE = r"[a-z0-9][a-z0-9+.-]+"
VERSION = r"[0-9A-Za-z.+:~-]+"

_ID = Whole()
_MODE = Text(r"[0-7]{3,5}", 'an octal mode in quotes like "0755"')
_ABSOLUTE = Text(r"/.*", "an absolute path like /app")
_RELATIVE = Text(r"[^/].*", "a path relative to this file")
_PLATFORM = Text(r"[a-z0-9]+/[a-z0-9]+(/[a-z0-9]+)?", "a platform like linux/amd64")
_PLATFORMS = ListOf(_PLATFORM, replaced=True)
_NAME = Text(r"[a-z_][a-z0-9_-]{0,30}", "a name of at most 31 of a-z, 0-9, _ and -")
_NAME_OR_NUMBER = Text(
    r"[a-z_][a-z0-9_-]{0,30}|[0-9]{1,10}",
    "a name of at most 31 of a-z, 0-9, _ and -, or a number in quotes",
)
_FREE = Text()
_DATE = Text(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", "a date like 2026-04-30")
_REGEX = Text(form="a regular expression", longest=300)
_ARGUMENT = Text(form="text", empty=True, plain=False, longest=64 * 1024)
_ARGUMENTS = ListOf(_ARGUMENT, replaced=True)
_VARIABLE = Text(r"[A-Za-z_][A-Za-z0-9_]*", "a name like NODE_VERSION")
_LABEL = Text(r"[^ ]+", "a name like org.opencontainers.image.description")
_GLOB = Text(form="a path or pattern inside the archive like usr/bin/*")
_LONG = Text(form="text", empty=True, plain=False, longest=256 * 1024)

_PLATFORMS_HERE = Key(_PLATFORMS, "Only on these platforms; without it, on every one.")
_UID = Key(_ID, "Numeric owner. Default 0.")
_GID = Key(_ID, "Numeric group. Default 0.")

_TRACK = FixedKeys(
    {
        "type": Key(Text(options=("debian_package",)), "What is followed.", required=True),
        "package": Key(
            Text(rf"pkg:deb/[a-z]+/{PACKAGE}", "a package URL like pkg:deb/debian/nodejs"),
            "The binary package whose version is taken.",
            required=True,
        ),
        "match": Key(
            _REGEX,
            "Found in the version; its first group becomes the value. Default: all of it.",
            example="^([0-9.]+)",
        ),
        "set": Key(_VARIABLE, "The variable.", required=True),
    }
)

_DATES = FixedKeys(
    {
        "release": Key(_DATE, "When the program's release line came out."),
        "end-of-life": Key(_DATE, "When its makers stop fixing it."),
        "end-of-support": Key(_DATE, "When the image stops being built."),
        "upstream-end-of-life": Key(
            _DATE,
            "When the program's own makers stop, where the distribution fixes it for longer "
            "(`end-of-life` is then the distribution's).",
            ours=True,
        ),
    },
    refused=dict.fromkeys(("type", "url"), "is not followed: write the dates"),
)

_SPDX = FixedKeys(
    {
        "name": Key(_FREE, "Name of the component."),
        "version": Key(_FREE, "Version of the component."),
        "packages": Key(
            ListOf(
                FixedKeys(
                    {
                        "name": Key(_FREE, "Name.", required=True),
                        "purl": Key(Text(r"pkg:.+", "a package URL"), "Package URL."),
                        "license": Key(_FREE, "SPDX licence expression."),
                        "path": Key(_FREE, "Where it stands in the image."),
                    }
                )
            ),
            "What the file brings.",
        ),
    }
)

_CONDITION = "is not evaluated: write 'platforms', or leave the entry out"
_FILE = FixedKeys(
    {
        "url": Key(
            Text(r"(https?://|file:|git\+|git://)[^ ]+", "an https:, http: or file: address"),
            "Where the file or archive is; `file:` is relative to the definition.",
            required=True,
        ),
        "checksum": Key(
            Text(r"sha256:[0-9a-f]{64}|https://[^ ]+", "sha256: and 64 hexadecimal digits"),
            "Digest of the bytes that the address gives. Without one, or with the address of one, "
            "the setting `allow_unpinned` has to allow it; of a `file:` it is not needed.",
        ),
        "path": Key(
            _ABSOLUTE,
            "Where it goes. An archive is unpacked there, unless the path too has an archive's "
            "ending.",
            required=True,
        ),
        "uid": _UID,
        "gid": _GID,
        "mode": Key(_MODE, "Permissions. Default: 0644, or the archive's."),
        "includes": Key(ListOf(_GLOB), "Only these members of the archive."),
        "excludes": Key(ListOf(_GLOB), "Not these members of the archive."),
        "platforms": _PLATFORMS_HERE,
        "spdx": Key(_SPDX, "What the bill of materials says of it."),
    },
    refused={
        "if": _CONDITION,
        "secret-ref": "is a secret of a build, which Ironhull does not have",
    },
)

_SANDBOX = (
    "needs a build sandbox, which Ironhull does not have: use a Debian package under "
    "'contents.packages', a prebuilt file under 'contents.files', or a Dockerfile on this image"
)
_CONTENTS = FixedKeys(
    {
        "repositories": Key(
            ListOf(Text(r"deb .+", "an apt line like: deb [signed-by=KEY] URI SUITE COMPONENT")),
            "More archives, beside the suites of the distribution on the configured mirror.",
        ),
        "keyring": Key(
            ListOf(Text(form="a key file relative to this file, or https://…#sha256=<digest>")),
            "OpenPGP keys of those archives. A repository whose `signed-by` names the file (its "
            "stem) trusts that key only; any other trusts all of them.",
        ),
        "packages": Key(
            ListOf(
                Text(
                    rf"(!{PACKAGE}|{PACKAGE}(={VERSION})?)",
                    "a package as name, name=version or !name",
                )
            ),
            "Asked for; pinned with `=version`; kept out with `!name`, even if something depends "
            "on it. An own entry overrides an included one of the same name.",
            example=["nodejs", "!openssl"],
        ),
        "recommends": Key(
            ListOf(Text(PACKAGE, "a package name")),
            "Packages of the list whose recommendations are installed too.",
            ours=True,
        ),
        "files": Key(ListOf(_FILE), "Fetched files and archives, checked by their digest."),
        "mappings": Key(
            MapOf(Text(PACKAGE, "package"), Text(r"pkg:.+", "a package URL")),
            "Package URLs that the bill of materials gives instead of the derived ones.",
        ),
    },
    refused={
        "builds": _SANDBOX,
        "artifacts": "takes files out of another image, which Ironhull does not do: use a Debian "
        "package under 'contents.packages' or an archive under 'contents.files'",
    },
)

_USER = FixedKeys(
    {
        "name": Key(_NAME, "Login name.", required=True),
        "uid": Key(_ID, "Numeric user.", required=True),
        "gid": Key(_ID, "Numeric primary group.", required=True),
        "mode": Key(_MODE, 'Permissions of the home directory. Default "0700".'),
        "home": Key(_ABSOLUTE, "Home directory. Default: /home/NAME, /root for root.", ours=True),
        "shell": Key(
            _ABSOLUTE,
            "Login shell. Default: /usr/sbin/nologin; /bin/sh in an image that keeps a shell.",
            ours=True,
        ),
    }
)
_GROUP = FixedKeys(
    {
        "name": Key(_NAME, "Group name.", required=True),
        "gid": Key(_ID, "Numeric group.", required=True),
        "members": Key(ListOf(_NAME), "Users that are in it besides their primary group."),
    }
)
_ACCOUNTS = FixedKeys(
    {
        "root": Key(Flag(), "Whether root is meant to be used; `run-as: root` needs it."),
        "run-as": Key(
            _NAME_OR_NUMBER,
            "The user that the image runs as, by name or number; must be one of the users.",
        ),
        "users": Key(ListOf(_USER), "Users besides root."),
        "groups": Key(ListOf(_GROUP), "Groups besides root."),
    }
)

_OS_RELEASE = FixedKeys(
    {
        "name": Key(_FREE, "NAME of os-release(5)."),
        "id": Key(_FREE, "ID; decides the archive: debian."),
        "id-like": Key(_FREE, "ID_LIKE."),
        "version-id": Key(_FREE, 'VERSION_ID; decides the suites, for example "13".'),
        "version-codename": Key(_FREE, "VERSION_CODENAME, for example trixie."),
        "pretty-name": Key(_FREE, "PRETTY_NAME."),
        "home-url": Key(_FREE, "HOME_URL."),
        "bug-report-url": Key(_FREE, "BUG_REPORT_URL."),
    }
)

_PATH = FixedKeys(
    {
        "type": Key(
            Text(options=("directory", "symlink", "file", "emptyfile", "delete")),
            "What is made.",
            required=True,
        ),
        "path": Key(_ABSOLUTE, "Where; absolute and without `..`.", required=True),
        "source": Key(_FREE, "A symlink's target; of a file, the file beside the definition."),
        "content": Key(_LONG, "A file's text."),
        "uid": _UID,
        "gid": _GID,
        "mode": Key(_MODE, 'Permissions. Default "0755" for directories, "0644" for files.'),
        "recursive": Key(
            Flag(),
            "delete: with all below; directory: owner and mode also of what is below.",
        ),
        "platforms": _PLATFORMS_HERE,
    },
    refused={"if": _CONDITION},
)

_HTTP = FixedKeys(
    {
        "port": Key(Whole(1, 65535), "Port in the container.", required=True),
        "path": Key(Text(r"/[^ ]*", "a path like /"), "Path and query. Default /."),
        "status": Key(Whole(100, 599), "Status that is right. Default 200."),
        "body": Key(_REGEX, "Found in the body."),
    }
)
_TEST = FixedKeys(
    {
        "name": Key(_FREE, "What it proves.", required=True),
        "directory": Key(
            Text(r"/.*|[^/]+/.*", "an absolute path like /app"),
            "Working directory. Default: the image's. A test in a folder of the repository "
            "(`image/web/tests`) is run beside the image: it is left out, with a warning.",
        ),
        "commands": Key(
            ListOf(TextOrList(_ARGUMENT, ListOf(_ARGUMENT, replaced=True, fewest=1))),
            "Run one after the other in one container; a text is run by /bin/sh, a list directly.",
        ),
        "exit-code": Key(Whole(0, 255), "Exit code that is right. Default 0."),
        "timeout": Key(Whole(1, 3600), "Seconds, for each command. Default 60."),
        "output": Key(_REGEX, "Found in what the last command prints."),
        "user": Key(_NAME, "User instead of the image's.", ours=True),
        "background": Key(
            Flag(), "The first command keeps running while the others run.", ours=True
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
            _PLATFORMS, "Only on these platforms; without it, on every one.", ours=True
        ),
    }
)

_HEALTHCHECK = FixedKeys(
    {
        "command": Key(ListOf(_ARGUMENT, replaced=True, fewest=1), "Argument vector.", True),
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
        "setuid": Key(ListOf(_ABSOLUTE), "Files that keep their setuid or setgid bit."),
        "package-database": Key(
            Text(options=("status.d", "dpkg")),
            "`status.d`: one file a package, for scanners; `dpkg`: complete, apt works. "
            "Default status.d.",
        ),
        "idle": Key(
            ListOf(_ABSOLUTE),
            "Programs, scripts and libraries that nothing runs or loads in this image, as paths "
            "with `*`: the interpreter or libraries that they need may be missing.",
        ),
        "overlaps": Key(ListOf(_ABSOLUTE), "Paths that several packages may bring."),
    }
)

FORMAT = FixedKeys(
    {
        "includes": Key(
            ListOf(_RELATIVE),
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
        "platforms": Key(_PLATFORMS, "One manifest each. Default linux/amd64 and linux/arm64."),
        "dates": Key(_DATES, "The release line's life; warned of when it ends."),
        "vars": Key(
            MapOf(_VARIABLE, Text(empty=True, longest=1024)),
            "Variables: `${NAME}` is replaced in every value, `${NAME:regex}` by the first group "
            "of the expression; `$${` is a literal `${`, `##{` a literal `#{`.",
        ),
        "track": Key(ListOf(_TRACK), "Variables that follow the archive; set when locking."),
        "contents": Key(_CONTENTS, "Packages and files."),
        "accounts": Key(_ACCOUNTS, "Users and groups."),
        "os-release": Key(_OS_RELEASE, "/usr/lib/os-release, and the distribution to take."),
        "environment": Key(
            MapOf(_VARIABLE, Text(empty=True, longest=32 * 1024)), "Environment variables."
        ),
        "entrypoint": Key(_ARGUMENTS, "Entrypoint as an argument vector."),
        "cmd": Key(_ARGUMENTS, "Default arguments, or the command if there is no entrypoint."),
        "work-dir": Key(_ABSOLUTE, "Working directory. Default /."),
        "ports": Key(
            ListOf(Text(r"[0-9]{1,5}(/(tcp|udp|sctp))?", 'a port in quotes like "8080/tcp"')),
            "Ports that the image listens on; TCP's where none is said.",
        ),
        "volumes": Key(ListOf(_ABSOLUTE), "Folders that are volumes.", ours=True),
        "stop-signal": Key(
            Text(options=SIGNALS), "Signal that stops the container. Default SIGTERM."
        ),
        "healthcheck": Key(_HEALTHCHECK, "How docker sees whether it works.", ours=True),
        "labels": Key(MapOf(_LABEL, _LONG), "Labels of the config, beside the derived ones."),
        "annotations": Key(MapOf(_LABEL, _LONG), "Annotations of the manifest and the index."),
        "paths": Key(ListOf(_PATH), "Edits of the tree, in order, after the packages."),
        "compression": Key(
            Text(r"(zstd|gzip)(:[0-9]{1,2})?", "zstd, gzip, or either with a level like zstd:19"),
            "Of the layers; gzip for engines before 2021. Default zstd.",
        ),
        "output": Key(
            Text(options=("layered", "squashed")), "One layer a package, or one layer in all."
        ),
        "hardening": Key(
            _HARDENING, "What hardening would remove or refuse and is to stay.", ours=True
        ),
        "tests": Key(ListOf(_TEST), "Run in the built image by a container engine."),
    },
    refused={
        "fips-compliant": "is a claim that a build from Debian's packages cannot make",
        "stig-certified": "is a claim that a build from Debian's packages cannot make",
    },
)
