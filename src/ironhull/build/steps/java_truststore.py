"""What Java trusts: the authorities of ca-certificates, as ca-certificates-java hands them on."""

from __future__ import annotations

import posixpath

from ironhull.build.steps.certificates import FOLDER
from ironhull.build.steps.context import StepContext
from ironhull.build.tree import Tree
from ironhull.debian.java_store import certificates_in, java_store
from ironhull.errors import MalformedError

PACKAGE = "ca-certificates-java"
STORE = "etc/ssl/certs/java/cacerts"


def java_truststore(tree: Tree, context: StepContext) -> None:
    """The same authorities as in the bundle, where the package is that brings Java to them.

    MalformedError for a file of ca-certificates that holds no certificate.
    """
    if context.part(PACKAGE) is None:
        return
    found = {}
    for part in context.parts:
        for path, data in part.captured.items():
            if path.startswith(f"{FOLDER}/"):
                name = posixpath.basename(path).removesuffix(".crt").lower()
                certificates = certificates_in(data)
                if not certificates:
                    raise MalformedError(f"/{path}: no certificate in it, for Java to trust")
                found[f"debian:{name}.pem"] = certificates[0]
    tree.put_file(STORE, java_store(found))
