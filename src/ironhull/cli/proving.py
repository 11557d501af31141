"""What `ironhull migrate --prove` does: loaded only where it is asked for."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from pathlib import Path

from ironhull.cli.machine import opened
from ironhull.cli.output import print_json, print_lines
from ironhull.cli.signals import ended_by_signals, undisturbed
from ironhull.errors import CheckFailedError, InputError
from ironhull.migrate.model import Migration
from ironhull.migrate.proof.document import document as proof_document
from ironhull.migrate.proof.model import Verdict
from ironhull.migrate.proof.requests import parse_request
from ironhull.migrate.proof.table import lines as proof_lines
from ironhull.migrate.reports.document import document
from ironhull.workspace.proving import ProofChoices, prove

Proof = Callable[[Migration, Path, str | None, bool], None]


def proof_by(
    engine_name: str | None, requests: Sequence[str], commands: Sequence[str], *, own: bool
) -> Proof:
    """What proves a migration of a context and target, and prints how it went, as JSON if asked.

    CheckFailedError where the versions differ, InputError for a wrong option.
    """
    chosen = ProofChoices(
        engine_name,
        tuple(map(parse_request, requests)),
        tuple(map(_words, commands)),
        own=own,
    )

    def proved(found: Migration, context: Path, target: str | None, as_json: bool) -> None:
        with opened(as_json) as machine, ended_by_signals():
            proof = prove(machine, found, context, target, chosen, undisturbed)
        if as_json:
            print_json({"migration": document(found), "proof": proof_document(proof)})
        else:
            print_lines(proof_lines(proof))
        if proof.verdict not in (Verdict.SAME, Verdict.EXPECTED):
            raise CheckFailedError(f"the proof: {proof.verdict}")

    return proved


def _words(text: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        raise InputError(f"--run {text!r:.200}: {error} (quote as for a shell)") from None
