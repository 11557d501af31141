"""What Java trusts: the authorities of ca-certificates, as ca-certificates-java hands them on."""

from __future__ import annotations

import posixpath

from ironhull.build.steps.certificates import FOLDER, authorities_in, local_authorities
from ironhull.build.steps.context import StepContext
from ironhull.build.tree import Tree
from ironhull.debian.java_store import certificates_in, java_store
from ironhull.errors import MalformedError

PACKAGE = "ca-certificates-java"
STORE = "etc/ssl/certs/java/cacerts"


def java_truststore(tree: Tree, context: StepContext) -> None:
    """The same authorities as in the bundle, where the package is that brings Java to them.

    Of a file with several, each of the owner's own counts. MalformedError for a file of
    ca-certificates that holds no certificate.
    """
    if context.part(PACKAGE) is None:
        return
    found = {}
    for path, data in authorities_in(context, FOLDER).items():
        certificates = certificates_in(data)
        if not certificates:
            raise MalformedError(f"/{path}: no certificate in it, for Java to trust")
        found[f"debian:{_name(path)}.pem"] = certificates[0]
    for path, data in local_authorities(context).items():
        for number, certificate in enumerate(certificates_in(data)):
            found[f"local:{_name(path)}{f'-{number}' if number else ''}.pem"] = certificate
    tree.put_file(STORE, java_store(found))


def _name(path: str) -> str:
    return posixpath.basename(path).removesuffix(".crt").lower()
