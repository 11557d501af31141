"""The options of the verbs that look for vulnerabilities. Nothing is loaded here but for them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import wraps
from pathlib import Path
from typing import Any, NamedTuple

import click

from ironhull.cli.machine import opened
from ironhull.cli.options import given_platform, platform_option, registry_options
from ironhull.oci.platform import Platform
from ironhull.settings import MAX_ADVISORY_AGE
from ironhull.workspace.machine import Machine
from ironhull.workspace.scanning import ScanChoices

_SCAN = (
    click.option(
        "--vex",
        "vex",
        multiple=True,
        type=click.Path(path_type=Path, exists=True),
        help="A VEX document or a folder of them: OpenVEX, CSAF or CycloneDX.",
    ),
    click.option(
        "--vex-unchecked",
        is_flag=True,
        help="Apply statements too that `ironhull vex lint` calls errors.",
    ),
    click.option(
        "--attached-vex",
        is_flag=True,
        help="Apply VEX attached to the image. It is not verified: know who signed it.",
    ),
    click.option(
        "--no-evidence",
        is_flag=True,
        help="Do not apply our own evidence (code not built, kernel headers) as VEX.",
    ),
    click.option(
        "--exceptions",
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        help="A file of accepted risks, each with owner, reason and expiry.",
    ),
    click.option(
        "--accept-unreadable",
        multiple=True,
        metavar="GLOB",
        help="Take files that cannot be read and match for looked at; * matches slashes too.",
    ),
    click.option(
        "--max-age",
        type=click.IntRange(0),
        metavar="DAYS",
        help="Fail when the advisories are older; 0: any age, which is then said.  "
        f"[default: {MAX_ADVISORY_AGE.days}]",
    ),
    click.option(
        "--archive",
        "live",
        is_flag=True,
        help="Look fixes up in the archive's signed index, by the mirror that is set.",
    ),
)
image_argument = click.argument("image", metavar="IMAGE")
accept_unknown_option = click.option(
    "--accept-unknown",
    multiple=True,
    metavar="TERM",
    help="Pass where nobody can say: kev, eol (no data, or old ones), unmatched (packages).",
)


def scan_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """VEX, evidence, what is accepted, age, archive: given to the command as `chosen`."""

    @wraps(command)
    def with_choices(
        vex: tuple[Path, ...],
        vex_unchecked: bool,
        attached_vex: bool,
        no_evidence: bool,
        exceptions: Path | None,
        accept_unreadable: tuple[str, ...],
        max_age: int | None,
        live: bool,
        **others: Any,
    ) -> Any:
        chosen = ScanChoices(
            vex,
            vex_unchecked,
            attached_vex,
            no_evidence,
            exceptions,
            max_age,
            live,
            accept_unreadable,
        )
        return command(chosen=chosen, **others)

    for option in reversed(_SCAN):
        with_choices = option(with_choices)
    return with_choices


class Reach(NamedTuple):
    """How images are reached: which platform, by which registries, and whether it is said."""

    platform: Platform | None
    plain_http: bool
    ca: Path | None
    quiet: bool

    def opened(self, *, quiet: bool = False) -> AbstractContextManager[Machine]:
        """The machine with these options."""
        return opened(self.quiet or quiet, plain_http=self.plain_http, ca=self.ca)


def reach_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--platform, --plain-http, --ca, --quiet: given to the command as `reach`."""

    @wraps(command)
    def with_reach(
        platform: str | None, plain_http: bool, ca: Path | None, quiet: bool, **others: Any
    ) -> Any:
        return command(reach=Reach(given_platform(platform), plain_http, ca, quiet), **others)

    return platform_option(registry_options(with_reach))
