"""`ironhull tree`: what an image consists of, and what refers to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from ironhull.cli.machine import opened
from ironhull.cli.options import registry_options
from ironhull.cli.output import as_json, print_json
from ironhull.registry.client.tree import Node
from ironhull.reports.text import one_line
from ironhull.reports.words import shown_size
from ironhull.workspace.publishing import tree as tree_of


@click.command(short_help="Show what an image consists of, and what refers to it.")
@click.argument("reference", metavar="REF")
@registry_options
@as_json
def tree(reference: str, plain_http: bool, ca: Path | None, quiet: bool, as_json: bool) -> None:
    """Draw an image's manifests, config and layers, and the SBOMs, signatures and attestations
    that refer to them.

    REF is any place that `ironhull copy` reads. A short name is looked for in the store first,
    then on Docker Hub.

    Example: ironhull tree localhost:5000/node:20
    """
    with opened(quiet or as_json, plain_http=plain_http, ca=ca) as machine:
        label, root = tree_of(machine, reference)
    if as_json:
        print_json({"name": label, **root.json()})
        return
    click.echo(label)
    click.echo("\n".join(_drawn(root, "", True)))


def _drawn(node: Node, indent: str, last: bool) -> Iterator[str]:
    yield f"{indent}{'└── ' if last else '├── '}{_line(node)}"
    below = indent + ("    " if last else "│   ")
    for child in node.children:
        yield from _drawn(child, below, child is node.children[-1])


def _line(node: Node) -> str:
    descriptor = node.descriptor
    parts = [node.role, descriptor.digest, shown_size(descriptor.size)]
    if descriptor.platform is not None:
        parts.append(one_line(str(descriptor.platform), 60))
    kind = descriptor.artifact_type if node.role == "referrer" else None
    parts.append(one_line(kind or descriptor.media_type, 100))
    return "  ".join(parts)
