"""`ironhull verify`: whether images are to be believed, and why."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ironhull.cli.machine import opened
from ironhull.cli.options import registry_options
from ironhull.cli.output import as_json, print_json, print_lines, write_file
from ironhull.cli.verify_options import trust_options
from ironhull.errors import CheckFailedError, InputError
from ironhull.reports.text import one_line
from ironhull.verify.reports.document import verdict_json, verdicts_json
from ironhull.verify.reports.table import verdict_lines, verdicts_lines
from ironhull.workspace.verifying import (
    VerifyChoices,
    attach_summary,
    summary_of,
    verify_all,
)
from ironhull.workspace.verifying import verify as verify_image

_FILE = click.Path(path_type=Path, dir_okay=False)
_LONGEST = 2000
"""Signs of the last line; all of it is in table and JSON."""


@click.command(short_help="Say whether images are to be believed, and why.")
@click.argument("images", metavar="IMAGE…", nargs=-1)
@trust_options
@click.option(
    "--from",
    "listed",
    metavar="FILE",
    help="Verify the images that this file lists, one a line; -: standard input.",
)
@click.option("--vsa", type=_FILE, help="Write the verdict as a verification summary (SLSA).")
@click.option("--sign", is_flag=True, help="Sign that summary with this machine's key.")
@click.option("--attach", is_flag=True, help="Sign it, and attach it to IMAGE (store, registry).")
@registry_options
@as_json
def verify(
    images: tuple[str, ...],
    listed: str | None,
    vsa: Path | None,
    sign: bool,
    attach: bool,
    chosen: VerifyChoices,
    plain_http: bool,
    ca: Path | None,
    quiet: bool,
    as_json: bool,
) -> None:
    r"""Say whether images are signed by a key that is believed, and whether a policy holds.

    IMAGE is a registry's reference, a layout or an archive (then nothing else is needed), or a name
    of the store. It is resolved to a digest once, and the answer is about that digest alone. Exits
    with 1 where the answer is no, with every rule that fails and what would satisfy it.

    \b
    Examples:
      ironhull verify localhost:5000/node:20 --key release.pub
      ironhull verify image.tar --policy production.yaml --json
      ironhull verify image.tar --identity jane@example.org \
        --issuer https://issuer.example --trust-root trusted_root.json
    """
    names = [*images, *_lines(listed)]
    if not names:
        raise click.UsageError("name an image, or a list of them with --from")
    if sign and vsa is None:
        raise click.UsageError("--sign is for --vsa FILE; --attach signs by itself")
    with opened(quiet or as_json, plain_http=plain_http, ca=ca) as machine:
        if len(names) > 1:
            if vsa is not None or attach:
                raise click.UsageError("--vsa and --attach are of one image")
            verdicts = verify_all(machine, names, chosen)
            if as_json:
                print_json(verdicts_json(verdicts))
            else:
                print_lines(verdicts_lines(verdicts))
            bad = [each.reference for each in verdicts if not each.passed]
            if bad:
                raise CheckFailedError(f"{len(bad)} of {len(verdicts)} are not to be believed")
            return
        verdict = verify_image(machine, names[0], chosen)
        if vsa is not None:
            write_file(vsa, summary_of(machine, verdict, sign=sign))
        if attach:
            attach_summary(machine, verdict)
    if as_json:
        print_json(verdict_json(verdict))
    else:
        print_lines(verdict_lines(verdict))
    if not verdict.passed:
        reasons = "; ".join(f"{each.rule}: {each.found}" for each in verdict.failed)
        raise CheckFailedError(one_line(f"{names[0]}: {reasons}", _LONGEST))


def _lines(file: str | None) -> list[str]:
    """The names of a list; what begins with # is no name."""
    if file is None:
        return []
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read {file}: {error}") from None
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]
