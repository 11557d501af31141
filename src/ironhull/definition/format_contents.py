"""The part of the format's table that says what is in an image, and in the stages that build it."""

from __future__ import annotations

from ironhull.definition.shape import Anything, FixedKeys, Key, ListOf, MapOf, Text, TextOr
from ironhull.definition.words import (
    ABSOLUTE,
    FLAG,
    FREE,
    GID,
    GLOB,
    ID,
    IF,
    LONG,
    MODE,
    NAME,
    NAME_OR_NUMBER,
    OWN_PLATFORMS,
    PACKAGE,
    PLATFORMS_HERE,
    UID,
    VARIABLE,
    VERSION,
)

SPDX = FixedKeys(
    {
        "name": Key(FREE, "Name of the component."),
        "version": Key(FREE, "Version of the component."),
        "packages": Key(
            ListOf(
                FixedKeys(
                    {
                        "name": Key(FREE, "Name.", required=True),
                        "purl": Key(Text(r"pkg:.+", "a package URL"), "Package URL."),
                        "license": Key(FREE, "SPDX licence expression."),
                        "path": Key(FREE, "Where it stands in the image."),
                    }
                )
            ),
            "What the file brings.",
        ),
    }
)

_UNSHARED = (
    "is a secret of a build: what needs one cannot be built again by others, so there are none"
)
FILE = FixedKeys(
    {
        "url": Key(
            Text(r"(https?://|file:|git\+|git://)[^ ]+", "an https:, http: or file: address"),
            "Where the file or archive is; `file:` is relative to the definition.",
            required=True,
        ),
        "checksum": Key(
            Text(
                r"sha256:[0-9a-f]{64}|https://[^ ]+|[0-9a-f]{40}",
                "sha256: and 64 hexadecimal digits",
            ),
            "Digest of the bytes that the address gives. Without one, or with the address of one, "
            "the setting `allow_unpinned` has to allow it; of a `file:` it is not needed.",
        ),
        "path": Key(
            ABSOLUTE,
            "Where it goes. An archive is unpacked there, unless the path too has an archive's "
            "ending.",
            required=True,
        ),
        "uid": UID,
        "gid": GID,
        "mode": Key(MODE, "Permissions. Default: 0644, or the archive's."),
        "includes": Key(ListOf(GLOB), "Only these members of the archive."),
        "excludes": Key(ListOf(GLOB), "Not these members of the archive."),
        "platforms": PLATFORMS_HERE,
        "spdx": Key(SPDX, "What the bill of materials says of it."),
        "if": IF,
    },
    refused={"secret-ref": _UNSHARED},
)

_IMAGE = Text(r"[^ @]+@sha256:[0-9a-f]{64}", "an image by its digest: NAME@sha256:<64 hex digits>")
ARTIFACT = FixedKeys(
    {
        "name": Key(_IMAGE, "The other image; it is pulled unless the store has it.", True),
        "includes": Key(
            ListOf(GLOB),
            "Only these paths of it, as patterns; a folder is taken with all below it.",
        ),
        "excludes": Key(ListOf(GLOB), "Not these, even if they are included."),
        "uid": Key(ID, "Numeric owner of all of it. Default: as in the image."),
        "gid": Key(ID, "Numeric group of all of it. Default: as in the image."),
        "if": IF,
        "platforms": OWN_PLATFORMS,
    }
)
_SLICE = FixedKeys(
    {
        "name": Key(
            Text(rf"{PACKAGE}(={VERSION})?", "a package as name or name=version"),
            "The package.",
            True,
        ),
        "only": Key(ListOf(GLOB), "Nothing of it but these paths, as patterns."),
        "except": Key(ListOf(GLOB), "All of it but these paths, as patterns."),
    }
)
_PACKAGES = Key(
    ListOf(
        TextOr(
            Text(
                rf"(!{PACKAGE}|{PACKAGE}(={VERSION})?)",
                "a package as name, name=version or !name",
            ),
            _SLICE,
        )
    ),
    "Asked for; pinned with `=version`; kept out with `!name`, even if something depends "
    "on it. An own entry overrides an included one of the same name. A map takes a part of one.",
    example=["nodejs", "!openssl"],
)

_KEYS = {
    "repositories": Key(
        ListOf(Text(r"deb .+", "an apt line like: deb [signed-by=KEY] URI SUITE COMPONENT")),
        "More archives, beside the suites of the distribution on the configured mirror.",
    ),
    "keyring": Key(
        ListOf(Text(form="a key file relative to this file, or https://…#sha256=<digest>")),
        "OpenPGP keys of those archives. A repository whose `signed-by` names the file (its "
        "stem) trusts that key only; any other trusts all of them.",
    ),
    "packages": _PACKAGES,
    "recommends": Key(
        ListOf(Text(PACKAGE, "a package name")),
        "Packages of the list whose recommendations are installed too.",
        ours=True,
    ),
    "files": Key(ListOf(FILE), "Fetched files and archives, checked by their digest."),
    "mappings": Key(
        MapOf(Text(PACKAGE, "package"), Text(r"pkg:.+", "a package URL")),
        "Package URLs that the bill of materials gives instead of the derived ones.",
    ),
    "artifacts": Key(ListOf(ARTIFACT), "Files out of other images, taken by their digest."),
}

USER = FixedKeys(
    {
        "name": Key(NAME, "Login name.", required=True),
        "uid": Key(ID, "Numeric user.", required=True),
        "gid": Key(ID, "Numeric primary group.", required=True),
        "mode": Key(MODE, 'Permissions of the home directory. Default "0700".'),
        "home": Key(ABSOLUTE, "Home directory. Default: /home/NAME, /root for root.", ours=True),
        "shell": Key(
            ABSOLUTE,
            "Login shell. Default: /usr/sbin/nologin; /bin/sh in an image that keeps a shell.",
            ours=True,
        ),
    }
)
GROUP = FixedKeys(
    {
        "name": Key(NAME, "Group name.", required=True),
        "gid": Key(ID, "Numeric group.", required=True),
        "members": Key(ListOf(NAME), "Users that are in it besides their primary group."),
    }
)
ACCOUNTS = FixedKeys(
    {
        "root": Key(FLAG, "Whether root is meant to be used; `run-as: root` needs it."),
        "run-as": Key(
            NAME_OR_NUMBER,
            "The user that the image runs as, by name or number; must be one of the users.",
        ),
        "users": Key(ListOf(USER), "Users besides root."),
        "groups": Key(ListOf(GROUP), "Groups besides root."),
    }
)

PATH = FixedKeys(
    {
        "type": Key(
            Text(options=("directory", "symlink", "file", "emptyfile", "delete")),
            "What is made.",
            required=True,
        ),
        "path": Key(ABSOLUTE, "Where; absolute and without `..`.", required=True),
        "source": Key(
            FREE, "A symlink's target; of a file or directory, what stands beside the definition."
        ),
        "content": Key(LONG, "A file's text."),
        "uid": UID,
        "gid": GID,
        "mode": Key(MODE, 'Permissions. Default "0755" for directories, "0644" for files.'),
        "recursive": Key(
            FLAG,
            "delete: with all below; directory: owner and mode also of what is below.",
        ),
        "platforms": PLATFORMS_HERE,
        "if": IF,
    }
)

_CACHE = FixedKeys(
    {
        "path": Key(ABSOLUTE, "The folder.", required=True),
        "sharing": Key(
            Text(options=("shared", "private", "locked")),
            "Read and without effect: no build sees what another one left.",
        ),
    }
)
_CACHES = Key(
    ListOf(_CACHE),
    "Folders that steps may fill; they are empty when the stage begins, and no output.",
)
_ENVIRONMENT = Key(
    MapOf(VARIABLE, Text(empty=True, longest=32 * 1024)), "Environment variables of the steps."
)
_SHELL = Key(
    Text(r"/[^ ]+( [^ ]+)*", "a program like /bin/bash -e"),
    "What runs a step's text, as `SHELL -c TEXT`. Default: /bin/bash if it is there, else /bin/sh.",
)
_PRIVILEGED = Key(FLAG, "Must be false: steps have no capabilities on the host and no network.")
_WORK_DIR = Key(ABSOLUTE, "Where steps run. Default /.")
_STEP = FixedKeys(
    {
        "name": Key(FREE, "What it does."),
        "runs": Key(LONG, "The commands."),
        "uses": Key(
            FREE, "An action instead of commands: go/build@v1; others are refused by name."
        ),
        "with": Key(Anything(), "What the action is given."),
        "run-as": Key(NAME_OR_NUMBER, "The user of the stage that runs it. Default root."),
        "work-dir": _WORK_DIR,
        "shell": _SHELL,
        "privileged": _PRIVILEGED,
        "environment": _ENVIRONMENT,
        "caches": _CACHES,
        "if": IF,
    },
    refused={"secrets": _UNSHARED},
)
_OUTPUT = FixedKeys(
    {
        "source": Key(ABSOLUTE, "A file or folder of the stage.", required=True),
        "target": Key(ABSOLUTE, "Where it goes in the image. Default: `source`."),
        "uid": UID,
        "gid": GID,
        "mode": Key(MODE, "Permissions of its files. Default: as the steps left them."),
        "diff": Key(FLAG, "Only what the steps made or changed."),
        "if": IF,
    }
)
BUILD = FixedKeys(
    {
        "name": Key(FREE, "The stage's name.", required=True),
        "uses": Key(_IMAGE, "An image that the stage stands on, by its digest."),
        "contents": Key(FixedKeys(_KEYS), "What is in the stage, as in the image's own contents."),
        "work-dir": _WORK_DIR,
        "shell": _SHELL,
        "privileged": _PRIVILEGED,
        "environment": _ENVIRONMENT,
        "caches": _CACHES,
        "accounts": Key(ACCOUNTS, "Users and groups of the stage; root is there always."),
        "paths": Key(ListOf(PATH), "Edits of the stage's tree before the first step."),
        "pipeline": Key(ListOf(_STEP), "The steps, one after the other in one tree."),
        "outputs": Key(ListOf(_OUTPUT), "What reaches the image, and later stages; nothing else."),
        "if": IF,
        "platforms": OWN_PLATFORMS,
    }
)
CONTENTS = FixedKeys(
    {**_KEYS, "builds": Key(ListOf(BUILD), "Stages that run commands in a sandbox, in order.")}
)
