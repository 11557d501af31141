"""`ironhull scan`: the vulnerabilities of any image, and what every verb that scans shares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import reduce, wraps
from pathlib import Path
from typing import Any

import click

from ironhull.advisories.database import Database
from ironhull.cli.machine import given_settings, opened, silent
from ironhull.cli.settings import days
from ironhull.errors import CheckFailedError, InputError
from ironhull.inventory.document import loads
from ironhull.inventory.known import known_inventory
from ironhull.inventory.model import Inventory
from ironhull.oci.platform import Platform
from ironhull.scan.index import tracker_index
from ironhull.scan.interface import LiveIndex
from ironhull.scan.matching import Options
from ironhull.scan.matching import scan as scan_inventory
from ironhull.scan.model import ScanResult
from ironhull.scan.policy import failures, parse_terms
from ironhull.scan.reports.formats import FORMATS
from ironhull.scan.summary import ScanReport
from ironhull.settings import MAX_ADVISORY_AGE

_OPTIONS = (
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
        "--max-age",
        type=click.IntRange(0),
        metavar="DAYS",
        help="Fail when the newest advisories are older; 0: never.  "
        f"[default: {MAX_ADVISORY_AGE.days}]",
    ),
    click.option(
        "--archive",
        "live",
        is_flag=True,
        help="Look fixes up in the archive's signed index, by the mirror that is set.",
    ),
)


# The same as those of `ironhull inventory`, spelled out: what defines them there loads everything
# that reads images, and a scan of a known image must not.
IMAGE_OPTIONS = (
    click.option("--platform", metavar="OS/CPU", help="Which platform; without it this machine's."),
    click.option(
        "--plain-http",
        is_flag=True,
        help="Allow registries without TLS (loopback always may be). Logins are not sent to them.",
    ),
    click.option(
        "--ca",
        type=click.Path(path_type=Path, dir_okay=False, exists=True),
        help="Certificate authorities to trust beside the system's (PEM).",
    ),
    click.option("-q", "--quiet", is_flag=True, help="No progress, only the result."),
)


@dataclass(frozen=True, slots=True)
class Image:
    """An image as the options name it."""

    name: str
    platform: str | None
    plain_http: bool
    ca: Path | None
    quiet: bool


def image_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """IMAGE, --platform, --plain-http, --ca, --quiet, given to the command as `image`."""

    @wraps(command)
    def with_image(
        image: str,
        platform: str | None,
        plain_http: bool,
        ca: Path | None,
        quiet: bool,
        **others: Any,
    ) -> Any:
        return command(image=Image(image, platform, plain_http, ca, quiet), **others)

    argument = click.argument("image", metavar="IMAGE")
    return argument(
        reduce(lambda wrapped, option: option(wrapped), reversed(IMAGE_OPTIONS), with_image)
    )


def scan_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What every verb takes that scans: VEX, evidence, exceptions, age, archive."""
    return reduce(lambda wrapped, option: option(wrapped), reversed(_OPTIONS), command)


@dataclass(frozen=True, slots=True)
class Scanning:
    """The values of `scan_options`."""

    vex: Sequence[Path] = ()
    vex_unchecked: bool = False
    attached_vex: bool = False
    no_evidence: bool = False
    exceptions: Path | None = None
    max_age: int | None = None
    live: bool = False


def inventory_of(image: Image) -> Inventory:
    """The inventory of an image, or the one in a file of `ironhull inventory --json`."""
    path = Path(image.name)
    if image.name.endswith(".json") and path.is_file():
        try:
            return loads(path.read_bytes(), image.name)
        except OSError as error:
            raise InputError(f"cannot read {image.name}: {error.strerror}") from None
    platform = Platform.parse(image.platform) if image.platform else None
    with opened(image.quiet, plain_http=image.plain_http, ca=image.ca) as machine:
        known = known_inventory(machine.home, image.name, platform)
        if known is not None:
            return known
        # What reads images takes long to load; a scan of a known image does without.
        from ironhull.workspace.examining import inventory

        return inventory(machine, image.name, platform)


def run_scan(
    image: Image, inventory: Inventory, database: Database, chosen: Scanning
) -> ScanResult:
    """Match, then apply VEX and accepted risks as the options say."""
    now = datetime.now(UTC)
    options = Options(
        now=now,
        max_age=allowed_age(chosen.max_age),
        index=_index(inventory, database, quiet=image.quiet, live=chosen.live),
        evidence=not chosen.no_evidence,
    )
    result = scan_inventory(inventory, database, options)
    if chosen.vex or chosen.attached_vex:
        from ironhull.cli.scan_vex import with_vex

        attached = image if chosen.attached_vex else None
        result = with_vex(
            result, inventory, database, chosen.vex, attached, unchecked=chosen.vex_unchecked
        )
    if chosen.exceptions is not None:
        from ironhull.scan.exceptions import apply_exceptions, read_exceptions

        result = apply_exceptions(result, read_exceptions(chosen.exceptions), now.date())
    return result


def allowed_age(option: int | None) -> timedelta | None:
    """How old advisories may be: the option, else the setting, else the default; 0 is any."""
    return given_settings().max_advisory_age if option is None else days(option)


def _index(inventory: Inventory, database: Database, *, quiet: bool, live: bool) -> LiveIndex:
    distribution = inventory.distribution
    if live and distribution.id == "debian":
        from ironhull.cli.scan_archive import archive_index

        with opened(quiet) as machine:
            return archive_index(machine, inventory)
    sources = {package.source for package in inventory.packages if package.type == "deb"}
    return tracker_index(database, sources, distribution.version_id.partition(".")[0])


@click.command(short_help="Find the vulnerabilities of any image.")
@click.option(
    "-f",
    "--format",
    "form",
    type=click.Choice(list(FORMATS)),
    default="table",
    show_default=True,
    help="What to print.",
)
@click.option("--json", "form", flag_value="json", help="The same as --format json.")
@click.option(
    "--fail-on",
    multiple=True,
    metavar="TERM",
    help="Exit with 1 on a severity or worse, any, kev, fixable, eol; several with commas.",
)
@click.option("--only-fixable", is_flag=True, help="Show only what has a fix.")
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="DATE",
    help="Show only what was published or changed since.",
)
@click.option(
    "--diff",
    "older",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="OLDER-RESULT",
    help="Show what is new, gone or fixable since an older result (scan --json).",
)
@click.option("--suppressed", is_flag=True, help="Show in table and Markdown what VEX clears.")
@scan_options
@image_options
def scan(
    image: Image,
    form: str,
    fail_on: Sequence[str],
    only_fixable: bool,
    since: datetime | None,
    older: Path | None,
    suppressed: bool,
    **chosen: Any,
) -> None:
    """Find the vulnerabilities of IMAGE by the distribution's own rules.

    IMAGE is what `ironhull inventory` takes, or a file of `ironhull inventory --json`. Counts are
    shown raw and after VEX. Exits with 1 where --fail-on says so, and where the result cannot be
    relied on: stale advisories, unknown releases, packages whose version cannot be compared.

    Example: ironhull scan localhost:5000/node:20 --fail-on high,kev
    """
    terms = parse_terms(fail_on)
    image = replace(image, quiet=image.quiet or form != "table")
    with Database(silent().home.advisories) as database:
        result = run_scan(image, inventory_of(image), database, Scanning(**chosen))
    if older is not None:
        from ironhull.cli.scan_diff import print_diff

        print_diff(older, result, form)
    else:
        report = ScanReport(result, only_fixable, since.date() if since else None, suppressed)
        click.echo(FORMATS[form].render(report).rstrip("\n"))
    fail(result, failures(result, terms))


def fail(result: ScanResult, reasons: Sequence[str]) -> None:
    """End with CheckFailedError for `--fail-on`, and for a result that cannot be relied on."""
    unreliable = list(reasons)
    if result.verdict == "stale":
        unreliable += [each.message for each in result.warnings if each.kind == "stale"]
    if result.verdict == "unknown" and not reasons:
        unreliable += [each.message for each in result.warnings if each.kind == "no-data"][:1]
    lost = [each for each in result.unmatched if each.type in ("deb", "apk")]
    if lost:
        unreliable.append(f"{len(lost)} distribution packages could not be matched")
    hidden = [each for each in result.warnings if each.kind == "inventory"]
    if hidden:
        unreliable.append(f"{len(hidden)} files could not be read; packages may be missing")
    if unreliable:
        raise CheckFailedError(f"{result.image}: {'; '.join(unreliable)}")
