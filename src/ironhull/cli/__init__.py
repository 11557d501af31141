"""The command `ironhull`: one file per verb. Only this room prints, reads the environment, exits.

A verb's module is imported when the verb runs, so that `ironhull --help` stays fast; the table
below holds what the overview shows.
"""

from __future__ import annotations

import errno
import gc
import os
import sys
from importlib import import_module

from ironhull.late_inspect import late_inspect
from ironhull.late_patterns import late_patterns

# What modules hold stays to the end: looking for garbage among it, then and before, is a fifth of
# the time of loading click.
gc.disable()

with late_inspect(), late_patterns():
    import click

    from ironhull import __version__
    from ironhull.errors import IronhullError

gc.freeze()
gc.enable()

# What may befall standard output, and is nobody's defect: a full disk, a limit, a broken medium.
_OUTPUT_LOST = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF}

# verb → (heading of the overview, module below ironhull.cli, one line).
VERBS: dict[str, tuple[str, str, str]] = {
    "build": ("Build", "build", "Build images from their definitions."),
    "lock": ("Build", "lock", "Fix images to exact packages, and move the lock."),
    "why": ("Build", "why", "Show why a package is in an image."),
    "show": ("Build", "show", "Show what is in a built image."),
    "images": ("Build", "images", "List the images in the store."),
    "cache": ("Build", "cache", "List, prune and verify store and cache."),
    "list": ("Build", "list", "List the image definitions of the catalog."),
    "new": ("Build", "new", "Write a definition that builds, with tests."),
    "customize": ("Build", "customize", "Derive a definition: packages, authorities, variables."),
    "schema": ("Build", "schema", "Print the format of image definitions."),
    "package": ("Build", "package", "Patch the distribution's source packages."),
    "migrate": ("Build", "migrate", "Move a Dockerfile to hardened images."),
    "run": ("Run", "run", "Run an image of the store, with no engine needed."),
    "load": ("Run", "load", "Load a built image into podman, docker or buildah."),
    "export": ("Run", "export", "Write a built image to a file, or its file tree."),
    "test": ("Run", "test", "Run the tests of an image's definition."),
    "check": ("Examine", "check", "Check that any image can do its job."),
    "debug": ("Run", "debug", "Look into a container or image that has no shell."),
    "demo": ("Run", "demo", "Run the case study: two ways into an image, side by side."),
    "engine": ("Run", "engine", "Show container engines, and settings for them."),
    "push": ("Publish", "push", "Push an image of the store to registries."),
    "pull": ("Publish", "pull", "Bring an image from a registry into the store."),
    "copy": ("Publish", "copy", "Copy images between registries, folders and files."),
    "tags": ("Publish", "tags", "List the tags of a repository."),
    "serve": ("Publish", "serve", "Serve the store as a registry."),
    "catalog": ("Publish", "catalog", "Write the catalog's web pages to a folder."),
    "tree": ("Publish", "tree", "Show what an image consists of, and what refers to it."),
    "watch": ("Watch", "watch", "Rebuild and publish what became outdated, on and on."),
    "plan": ("Watch", "plan", "Show what would be rebuilt, and why."),
    "status": ("Watch", "status", "Show which images are behind, since when and why."),
    "approve": ("Watch", "decide", "Let a watcher publish what it holds."),
    "hold": ("Watch", "decide", "Let a watcher publish nothing new of an image."),
    "rollback": ("Watch", "decide", "Move an image's tags back to what was before."),
    "state": ("Watch", "state", "Back up what watching remembers, and bring it back."),
    "key": ("Prove", "key", "Make, rotate, list and revoke the keys that sign."),
    "attest": ("Prove", "attest", "Sign statements about an image, and attach them."),
    "reproduce": ("Prove", "reproduce", "Build an image again from its provenance, and compare."),
    "history": ("Prove", "history", "Show what was published in a repository, and when."),
    "attestations": ("Prove", "attestations", "List and read what is attached to an image."),
    "verify": ("Prove", "verify", "Say whether images are to be believed, and why."),
    "policy": ("Prove", "policy", "Check and try policies of `verify`."),
    "inventory": ("Examine", "inventory", "Show what is in any image."),
    "sbom": ("Examine", "sbom", "Write the bill of materials of any image."),
    "sources": ("Examine", "sources", "Write the source packages of an image to a file."),
    "scan": ("Examine", "scan", "Find the vulnerabilities of any image."),
    "explain": ("Examine", "explain", "Say why a vulnerability is or is not reported."),
    "compare": ("Examine", "compare", "Show images side by side: what hardening gained."),
    "changelog": ("Examine", "changelog", "Show what changed since the image before, and why."),
    "remediate": ("Build", "remediate", "Put the archive's fixes into a foreign Debian image."),
    "score": ("Examine", "score", "Score any image's hardening, each point with evidence."),
    "rescan": ("Examine", "rescan", "Match stored inventories with new advisories."),
    "vex": ("Examine", "vex", "Write and check VEX documents."),
    "advisories": ("Examine", "advisories", "Get and read the database of vulnerabilities."),
}


class _Verbs(click.Group):
    """Finds a verb in the table and imports its module only then."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*VERBS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        # As above: a verb's modules stay as well.
        gc.disable()
        try:
            with late_patterns():
                module = import_module(f"ironhull.cli.{VERBS[cmd_name][1]}")
        finally:
            gc.freeze()
            gc.enable()
        command = getattr(module, cmd_name.replace("-", "_"))
        assert isinstance(command, click.Command)  # noqa: S101 - a table entry that is our own
        _unwrap(command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            from difflib import get_close_matches

            close = get_close_matches(args[0], VERBS, 1)
            hint = f" Did you mean {close[0]!r}?" if close else " See: ironhull --help"
            raise click.UsageError(f"no such command {args[0]!r}.{hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for heading in dict.fromkeys(heading for heading, _, _ in VERBS.values()):
            with formatter.section(heading):
                formatter.write_dl(
                    [(verb, line) for verb, (of, _, line) in VERBS.items() if of == heading]
                )


def _unwrap(command: click.Command) -> None:
    r"""Let paragraphs that begin with \b keep their lines: click means the character by it."""
    if command.help:
        command.help = command.help.replace("\\b\n", "\b\n")
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            _unwrap(inner)


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="ironhull")
@click.option(
    "--catalog",
    "--images",
    "catalog",
    multiple=True,
    metavar="DIR",
    help="Folder of definitions, instead of the setting; may be repeated: the first one wins.",
)
@click.pass_context
def ironhull(context: click.Context, catalog: tuple[str, ...]) -> None:
    """Hardened container images: build them from signed packages, serve them, prove them."""
    # Read by `machine.given_settings`, for whichever verb runs.
    context.obj = catalog


def main() -> None:
    """Run the command line; ends the process with the exit code that style.md fixes."""
    output = sys.stdout
    try:
        ended = ironhull.main(standalone_mode=False)
        # click hands the code of `ctx.exit` back, and None where a verb just ends.
        code = ended if isinstance(ended, int) else 0
    except click.exceptions.Exit as end:
        code = end.exit_code
    except click.ClickException as error:
        error.show()
        code = 2
    except click.Abort:
        click.echo("interrupted", err=True)
        code = 130
    except IronhullError as error:
        click.echo(f"{click.style('error:', fg='red', bold=True)} {error}", err=True)
        code = error.exit_code
    except SystemExit:
        # The reader of our output went away (`| head`): that is its right. click muffles the
        # output then, and makes 1 of it.
        if sys.stdout is output:
            raise
        sys.stdout = output
        _drop_output()
        code = 0
    except OSError as error:
        if error.errno not in _OUTPUT_LOST or error.filename is not None:
            code = _defect()
        else:
            click.echo(f"error: cannot write the output: {error.strerror}", err=True)
            _drop_output()
            code = 3
    except Exception:
        code = _defect()
    # The system takes all memory back at once; Python would look for garbage in it first.
    gc.freeze()
    sys.exit(code)


def _drop_output() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _defect() -> int:
    from traceback import format_exc

    click.echo(f"{format_exc()}\nThis is a defect of Ironhull; please report it.", err=True)
    return 4
