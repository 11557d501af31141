"""`ironhull serve`: the registry server over Ironhull's own store."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click

from ironhull.cli.machine import silent
from ironhull.cli.options import whom_options
from ironhull.cli.output import as_json, print_json
from ironhull.errors import InputError
from ironhull.registry.server.contents import Contents
from ironhull.registry.server.limits import Limits
from ironhull.registry.server.registry import Registry
from ironhull.registry.server.request_log import RequestLog
from ironhull.registry.server.rules import Push, Rules, read_rules_file
from ironhull.registry.server.running import ServerConfig, collect, would_go
from ironhull.registry.server.running import serve as run_server
from ironhull.registry.server.site import Site
from ironhull.registry.server.uploads import Uploads
from ironhull.registry.server.upstream_interface import Upstream
from ironhull.reports.words import shown_size, tally
from ironhull.workspace.machine import Machine

_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command(epilog="Example: ironhull serve --listen 127.0.0.1:5000 --auth users.toml")
@click.option(
    "--listen", metavar="HOST:PORT", default="127.0.0.1:5000", show_default=True, help="Address."
)
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    help="An OCI image layout to serve and store into.  [default: Ironhull's own store]",
)
@click.option("--auth", type=_FILE, help="Users, roles and repositories (TOML; see above).")
@click.option("--tls-cert", type=_FILE, help="Certificate chain (PEM).")
@click.option("--tls-key", type=_FILE, help="Its private key (PEM).")
@click.option(
    "--rules", type=_FILE, help="Immutable tags, quotas, retention, mirrors, webhooks (TOML)."
)
@click.option("--read-only", is_flag=True, help="Refuse every push and delete.")
@click.option(
    "--max-blob",
    metavar="SIZE",
    default="16G",
    show_default=True,
    help="Largest blob (k, M, G: 10^3…).",
)
@click.option(
    "--max-uploads",
    type=click.IntRange(min=1),
    default=Limits().uploads,
    show_default=True,
    help="Unfinished uploads at a time: a quarter of them of one user, half in one repository.",
)
@click.option(
    "--grace-hours",
    type=click.FloatRange(min=0),
    default=24.0,
    show_default=True,
    help="How long uploads may rest, and blobs that nothing refers to stay.",
)
@click.option(
    "--log",
    "log_format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Form of the request log on standard error.",
)
@whom_options
@click.option("--no-pages", is_flag=True, help="The registry alone, as with --data.")
@click.option("--gc", "only_collect", is_flag=True, help="Collect garbage once and end.")
@click.option("--dry-run", is_flag=True, help="With --gc: show what the rules would let go of.")
@as_json
def serve(
    listen: str,
    data: Path | None,
    auth: Path | None,
    tls_cert: Path | None,
    tls_key: Path | None,
    rules: Path | None,
    read_only: bool,
    max_blob: str,
    max_uploads: int,
    grace_hours: float,
    log_format: str,
    whom: Any,
    no_pages: bool,
    only_collect: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Serve images to docker, podman and every other client of the OCI distribution spec.

    What was built can be pulled at once; what is pushed joins it in the store. Also there: web
    pages about all images at /, their API at /api/v1/openapi.json, /healthz, /readyz, and /metrics
    for Prometheus. SIGTERM lets requests end, then stops. Digests are
    sha256; others (sha512) are refused with DIGEST_INVALID.

    \b
    The file of --auth (without it everybody may do everything, on loopback only):
      [anonymous]                    # leave out: nobody gets in without a password
      role = "pull"
      repositories = ["public/*"]    # * matches any text; leave out: all
      [users.alice]
      password = "$2y$12$…"          # htpasswd -nB -C 12 alice
      role = "push"                  # pull, push, or admin (may delete)
    """  # noqa: D301 - \b is click's mark for text to leave as it is
    host, port = _address(listen)
    held, pushed = _rules(rules)
    config = ServerConfig(
        root=(data.absolute() if data is not None else silent().home.store.root),
        host=host,
        port=port,
        auth=auth,
        tls_cert=tls_cert,
        tls_key=tls_key,
        read_only=read_only,
        rules=held,
        pushed=pushed,
        upstream=partial(_upstream, silent()) if held.mirrors else None,
        limits=Limits.of(_size(max_blob), max_uploads, grace_hours * 3600),
    )
    if dry_run and not only_collect:
        raise InputError("--dry-run goes with --gc")
    site = _pages(whom, without=only_collect or no_pages or data is not None)
    if only_collect:
        _collect(config, dry_run, as_json)
        return

    def listening() -> None:
        click.echo(f"serving {config.root} at {config.url}", err=True)

    run_server(config, partial(_open_log, log_format == "json"), listening, site)


def _pages(whom: Any, *, without: bool) -> Callable[[Registry], Site] | None:
    if not without:
        return partial(_site, silent(), whom)
    if whom is not None:
        raise InputError("--trust… is about the pages, which --data, --no-pages and --gc leave out")
    return None


def _site(machine: Machine, whom: Any, registry: Registry) -> Site:
    # Templates, scans: nothing that a registry alone needs.
    from ironhull.workspace.catalog_serving import catalog_site
    from ironhull.workspace.catalog_trust import Believed

    return catalog_site(machine, registry, Believed(machine, whom))


def _rules(path: Path | None) -> tuple[Rules, Callable[[Push], None]]:
    if path is None:
        return Rules(), lambda push: None
    held, tables = read_rules_file(path)
    if not tables:
        return held, lambda push: None
    # What sends: nothing that a registry without webhooks needs.
    from ironhull.notify.choice import parse_channels
    from ironhull.workspace.push_telling import PushTelling

    return held, PushTelling(silent(), parse_channels(tables))


def _upstream(machine: Machine, contents: Contents, uploads: Uploads) -> Upstream:
    # The registry client: nothing that a registry without mirrors needs.
    from ironhull.registry.server.upstream import RegistryUpstream
    from ironhull.workspace.registries import mirrored_registries

    return RegistryUpstream(contents, uploads, mirrored_registries(machine))


def _collect(config: ServerConfig, dry_run: bool, as_json: bool) -> None:
    if config.read_only and not dry_run:
        raise InputError("--gc removes and --read-only forbids it: choose one")
    gone, swept = (would_go(config), None) if dry_run else collect(config)
    if as_json:
        shown = [each.json() for each in gone]
        print_json({"retention": shown} if swept is None else {**swept.json(), "retention": shown})
        return
    for each in gone:
        counted = f"{tally(each.tags, 'tag')} and {tally(each.manifests, 'manifest')}"
        verb = "would go" if dry_run else "went"
        click.echo(f"{each.repository}: {counted} {verb}, {tally(each.tags_left, 'tag')} left")
        for tag in each.tags:
            click.echo(f"  {tag.tag}  {tag.digest}")
    if swept is not None:
        click.echo(
            f"removed {tally(swept.blobs, 'blob')} ({shown_size(swept.bytes)}), "
            f"{tally(swept.uploads, 'unfinished upload')}, {tally(swept.records, 'record')}, "
            f"{tally(swept.leftovers, 'leftover')}"
        )
    elif not gone:
        click.echo("the rules would let go of nothing")


def _open_log(as_json: bool) -> RequestLog:
    return RequestLog(sys.stderr, as_json=as_json)


def _address(text: str) -> tuple[str, int]:
    """`host:port`, `[v6]:port` or `:port` (all addresses)."""
    match = re.fullmatch(r"(?:\[([0-9a-fA-F:.]+)\]|([^:\[\]]*)):(\d{1,5})", text)
    if match is None:
        raise InputError(f"--listen {text!r}: expected HOST:PORT, for example 127.0.0.1:5000")
    return match[1] or match[2] or "0.0.0.0", int(match[3])  # noqa: S104 - what `:port` means


def _size(text: str) -> int:
    match = re.fullmatch(r"(\d{1,15})([kKMGT]?)B?", text)
    if match is None:
        raise InputError(f"--max-blob {text!r}: expected a size, for example 500M or 16G")
    return int(match[1]) * _UNITS[match[2].upper()]
