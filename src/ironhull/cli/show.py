"""`ironhull show`: what is in a built image."""

from __future__ import annotations

import click

from ironhull.build.built import StoredBuild
from ironhull.build.document import stored_document
from ironhull.cli.machine import silent
from ironhull.cli.options import given_platform
from ironhull.cli.output import as_json, print_json, table
from ironhull.reports.words import shown_size, tally
from ironhull.workspace.images import stored_build

_FIRST = 12


@click.command()
@click.argument("image", metavar="NAME:TAG")
@click.option("--platform", metavar="OS/CPU", help="Which platform; without it this machine's.")
@click.option("--all", "everything", is_flag=True, help="List every package, not the largest.")
@as_json
def show(image: str, platform: str | None, everything: bool, as_json: bool) -> None:
    r"""Show what a built image is: packages, user, size, checks, how to run it.

    \b
    Examples:
      ironhull show node:20
      ironhull show node:20 --platform linux/arm64 --json
    """
    machine = silent()
    found = stored_build(machine, image, given_platform(platform))
    # What reads attestations, which most of this does without.
    from ironhull.workspace.rebuilt import rebuilt_packages

    rebuilt = rebuilt_packages(machine, found.built.digest)
    if as_json:
        counts = None if rebuilt is None else {str(by): count for by, count in rebuilt.counts}
        print_json({**stored_document(found), "rebuilt": counts})
    else:
        click.echo(_text(found, "" if rebuilt is None else rebuilt.words, everything))


def _text(found: StoredBuild, rebuilt: str, everything: bool) -> str:
    config, built = found.config["config"], found.built
    start = [*config.get("Entrypoint", []), *config.get("Cmd", [])]
    shell = next(check for check in built.checks if check.name == "no-shell")
    has_shell = config.get("Labels", {}).get("io.ironhull.shell") == "true"
    facts = {
        "digest": found.image.descriptor.digest,
        "tags": ", ".join(found.tags),
        "platform": f"{built.platform} (of {', '.join(p.platform for p in found.image.platforms)})",
        "to pull": f"{shown_size(built.compressed_size)} in {tally(built.layers, 'layer')}",
        "on disk": shown_size(built.size),
        "user": config.get("User", ""),
        "starts": " ".join(start) or "nothing of its own",
        "shell": "yes" if has_shell else f"none (looked at {tally(shell.looked_at, 'program')})",
        "packages": str(len(built.packages)),
        "checks": f"{sum(check.ok for check in built.checks)} of {len(built.checks)} hold: "
        + ", ".join(check.name for check in built.checks if check.ok),
    }
    if rebuilt:
        facts["rebuilt"] = f"{rebuilt} (as attached: ironhull verify says whose word it is)"
    width = max(map(len, facts))
    lines = [click.style(f"{found.image.name}:{found.tags[0]}", bold=True)]
    lines += [f"  {name.ljust(width)}  {value}" for name, value in facts.items()]
    packages = sorted(built.packages, key=lambda package: (-package.size, package.name))
    listed = packages if everything else packages[:_FIRST]
    rows = [(p.name, p.version, p.source, shown_size(p.size)) for p in listed]
    lines += ["", table(("PACKAGE", "VERSION", "SOURCE", "SIZE"), rows, right=(3,))]
    if len(packages) > len(listed):
        lines.append(f"and {tally(len(packages) - len(listed), 'smaller one')} (--all lists them)")
    name = f"{found.image.name}:{found.tags[0]}"
    lines += [
        "",
        f"run it:  ironhull load {name} --engine podman && podman run --rm localhost/{name}",
    ]
    return "\n".join(lines)
