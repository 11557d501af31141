"""The bundle of certificate authorities, as update-ca-certificates makes it."""

from __future__ import annotations

from collections.abc import Mapping

from ironhull.build.steps.context import StepContext
from ironhull.build.tree import Tree
from ironhull.debian.java_store import certificates_in
from ironhull.definition.model import PathKind
from ironhull.errors import DefinitionError, InputError, Problem

FOLDER = "usr/share/ca-certificates"
LOCAL = "usr/local/share/ca-certificates"
"""Where the owner of a system puts authorities of his own; names end with `.crt`."""
BUNDLE = "etc/ssl/certs/ca-certificates.crt"


def certificates(tree: Tree, context: StepContext) -> None:
    """All authorities in one file, and where OpenSSL looks for it.

    The bundle is the certificates of packages in the order of their names' bytes, then the owner's
    own in theirs, each ended by a line feed.
    """
    packaged = authorities_in(context, FOLDER)
    local = local_authorities(context)
    if not packaged and not local:
        return
    ordered = [found[path] for found in (packaged, local) for path in sorted(found)]
    bundle = b"".join(data if data.endswith(b"\n") else data + b"\n" for data in ordered)
    tree.put_file(BUNDLE, bundle)
    # OPENSSLDIR is /usr/lib/ssl; only the package `openssl`, a command, ships these links.
    for link, target in (
        ("usr/lib/ssl/cert.pem", f"/{BUNDLE}"),
        ("usr/lib/ssl/certs", "/etc/ssl/certs"),
    ):
        if link not in tree:
            tree.put_symlink(link, target)
    if context.definition.keep.package_database == "dpkg":
        # update-ca-certificates rebuilds the bundle from this list.
        names = "".join(f"{path.removeprefix(FOLDER + '/')}\n" for path in sorted(packaged))
        tree.put_file("etc/ca-certificates.conf", names.encode())
        tree.put_directory(LOCAL)


def authorities_in(context: StepContext, folder: str) -> dict[str, bytes]:
    """PEM files below a folder that packages and fetched files bring, by path."""
    return {
        path: data
        for part in context.parts
        for path, data in part.captured.items()
        if path.startswith(f"{folder}/")
    }


def local_authorities(context: StepContext) -> Mapping[str, bytes]:
    """The owner's own authorities, PEM by path: fetched files, and files of the definition.

    DefinitionError with every file of the definition in which there is no certificate, InputError
    for a fetched one.
    """
    found, problems = authorities_in(context, LOCAL), []
    for path, data in found.items():
        if not certificates_in(data):
            raise InputError(f"/{path}: no certificate in PEM form in it (BEGIN CERTIFICATE)")
    for edit in context.definition.paths:
        path = edit.path.lstrip("/")
        if not path.startswith(f"{LOCAL}/") or edit.kind is not PathKind.FILE:
            continue
        if edit.platforms and context.platform not in edit.platforms:
            continue
        place, data = edit.place, edit.content or b""
        if not path.endswith(".crt"):
            text = f"{edit.path}: an authority's file is only taken if its name ends with .crt"
            problems.append(Problem(place.file, place.line, place.column, text))
        elif not certificates_in(data):
            text = f"{edit.path}: no certificate in PEM form in it (BEGIN CERTIFICATE)"
            problems.append(Problem(place.file, place.line, place.column, text))
        found[path] = data
    if problems:
        raise DefinitionError(problems)
    return found
