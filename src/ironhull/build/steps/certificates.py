"""The bundle of certificate authorities, as update-ca-certificates makes it."""

from __future__ import annotations

from ironhull.build.steps.context import StepContext
from ironhull.build.tree import Tree

FOLDER = "usr/share/ca-certificates"
BUNDLE = "etc/ssl/certs/ca-certificates.crt"


def certificates(tree: Tree, context: StepContext) -> None:
    """All authorities of ca-certificates in one file, and where OpenSSL looks for it.

    The bundle is the certificates in the order of their names' bytes, each ended by a line feed.
    """
    found = {
        path: data
        for part in context.parts
        for path, data in part.captured.items()
        if path.startswith(f"{FOLDER}/")
    }
    if not found:
        return
    ordered = [found[path] for path in sorted(found)]
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
        names = "".join(f"{path.removeprefix(FOLDER + '/')}\n" for path in sorted(found))
        tree.put_file("etc/ca-certificates.conf", names.encode())
        tree.put_directory("usr/local/share/ca-certificates")
