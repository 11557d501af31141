"""The small shapes that the table of the format is made of: names, paths, modes, owners."""

from __future__ import annotations

from ironhull.definition.shape import Flag, Key, ListOf, Text, Whole

PACKAGE = r"[a-z0-9][a-z0-9+.-]+"
VERSION = r"[0-9A-Za-z.+:~-]+"

ID = Whole()
MODE = Text(r"[0-7]{3,5}", 'an octal mode in quotes like "0755"')
ABSOLUTE = Text(r"/.*", "an absolute path like /app")
RELATIVE = Text(r"[^/].*", "a path relative to this file")
PLATFORM = Text(r"[a-z0-9]+/[a-z0-9]+(/[a-z0-9]+)?", "a platform like linux/amd64")
PLATFORMS = ListOf(PLATFORM, replaced=True)
NAME = Text(r"[a-z_][a-z0-9_-]{0,30}", "a name of at most 31 of a-z, 0-9, _ and -")
NAME_OR_NUMBER = Text(
    r"[a-z_][a-z0-9_-]{0,30}|[0-9]{1,10}",
    "a name of at most 31 of a-z, 0-9, _ and -, or a number in quotes",
)
FREE = Text()
DATE = Text(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", "a date like 2026-04-30")
REGEX = Text(form="a regular expression", longest=300)
ARGUMENT = Text(form="text", empty=True, plain=False, longest=64 * 1024)
ARGUMENTS = ListOf(ARGUMENT, replaced=True)
VARIABLE = Text(r"[A-Za-z_][A-Za-z0-9_]*", "a name like NODE_VERSION")
LABEL = Text(r"[^ ]+", "a name like org.opencontainers.image.description")
GLOB = Text(form="a path or pattern like usr/bin/*")
LONG = Text(form="text", empty=True, plain=False, longest=256 * 1024)

PLATFORMS_HERE = Key(PLATFORMS, "Only on these platforms; without it, on every one.")
OWN_PLATFORMS = Key(PLATFORMS, "Only on these platforms; without it, on every one.", ours=True)
UID = Key(ID, "Numeric owner. Default 0.")
GID = Key(ID, "Numeric group. Default 0.")
IF = Key(
    Text(form='an expression like #{ target.arch == "amd64" }', longest=500),
    "The entry is there only where this is true; as in `#{ … }`, with or without the signs.",
)
FLAG = Flag()
