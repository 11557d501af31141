"""The two images side by side, aspect by aspect: what is the same, and what may differ."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterator, Mapping, Sequence

from ironhull.build.check_result import CheckResult
from ironhull.inventory.model import ImageConfig
from ironhull.migrate.proof.model import Answer, Aspect, Ended, Request, Service, Verdict
from ironhull.reports.words import tally

_TOLD = frozenset({"scripts", "no-world-writable"})
"""Checks whose problems harm only who runs the very file, or nobody where nothing is writable."""
_SIGNALLED = frozenset({0, 129, 130, 131, 143})
"""Exit codes of programs that ended when they were told to."""
_LONGEST = 300


def configurations(
    before: ImageConfig, after: ImageConfig, ports: Mapping[int, int]
) -> Iterator[Aspect]:
    """User, command, ports and the rest of the configuration; a migration changes some of it.

    Environment and labels that come from base images are to be taken out before.
    """
    new_ports = {f"{ports.get(int(n), int(n))}/{p}" for n, p in map(_port, before.ports)}
    rows = (
        ("user", before.user or "root", after.user or "root", _user(after.user)),
        ("command", _command(before), _command(after), _started(before, after)),
        ("ports", _listed(before.ports), _listed(after.ports), new_ports <= set(after.ports)),
        ("working directory", before.working_dir, after.working_dir, True),
        ("volumes", _listed(before.volumes), _listed(after.volumes), _held(before, after)),
        ("stop signal", before.stop_signal, after.stop_signal, not before.stop_signal),
        ("health check", _words(before.healthcheck), _words(after.healthcheck), True),
        ("environment", *_environment(before, after), True),
        ("labels", *_labels(before, after)),
    )
    for title, old, new, fine in rows:
        if old == new and title != "user":
            continue
        verdict = Verdict.EXPECTED if fine else Verdict.UNEXPECTED
        same = Verdict.SAME if old == new and fine else verdict
        yield Aspect("configuration", title, same, old, new)


def _user(user: str) -> bool:
    return user.partition(":")[0] not in ("", "0", "root")


def _command(config: ImageConfig) -> str:
    return _words((*config.entrypoint, *config.cmd))


def _started(before: ImageConfig, after: ImageConfig) -> bool:
    # Whether they do the same is found by running them; nothing at all is no command.
    return bool(after.entrypoint or after.cmd) or not (before.entrypoint or before.cmd)


def _held(before: ImageConfig, after: ImageConfig) -> bool:
    return set(map(posixpath.normpath, before.volumes)) <= set(
        map(posixpath.normpath, after.volumes)
    )


def _environment(before: ImageConfig, after: ImageConfig) -> tuple[str, str]:
    gone = sorted(set(before.env) - set(after.env))
    come = sorted(set(after.env) - set(before.env))
    return _listed(gone), _listed(come)


def _labels(before: ImageConfig, after: ImageConfig) -> tuple[str, str, bool]:
    lost = {key: value for key, value in before.labels.items() if key not in after.labels}
    return _listed(sorted(lost)), "", not lost


def checks(results: Sequence[CheckResult]) -> Iterator[Aspect]:
    """One aspect for each static check."""
    for result in results:
        said = _cut("\n".join(result.problems[:10]))
        more = len(result.problems) - 10
        reason = f"{said}\nand {more} more" if more > 0 else said
        verdict = Verdict.SAME
        if result.problems:
            verdict = Verdict.EXPECTED if result.name in _TOLD else Verdict.UNEXPECTED
        yield Aspect("closure", result.name, verdict, after=_found(result), reason=reason)


def _found(result: CheckResult) -> str:
    return tally(result.problems, "problem") if result.problems else "good"


def services(
    requests: Sequence[Request], before: Service, after: Service, again: Service | None
) -> Iterator[Aspect]:
    """Answers, health and stop. `again` is a second run of the old image, where answers differ."""
    for number, request in enumerate(requests):
        second = again.answers[number] if again is not None else None
        yield _answer(request, before.answers[number], after.answers[number], second)
    yield from _health(before.health, after.health)
    yield _stop(before, after)


def _answer(request: Request, before: Answer, after: Answer, again: Answer | None) -> Aspect:
    verdict, reason = Verdict.SAME, ""
    if before != after:
        verdict = Verdict.UNEXPECTED
        if again is not None and again != before and _alike(before, after):
            verdict, reason = Verdict.EXPECTED, "the old image does not answer twice the same"
    if before.problem and after.problem:
        verdict, reason = Verdict.NOT_TESTED, "neither answers"
    return Aspect("answer", str(request), verdict, _said(before), _said(after), reason)


def _alike(before: Answer, after: Answer) -> bool:
    return (before.status, before.content_type) == (after.status, after.content_type)


def _said(answer: Answer) -> str:
    return answer.problem or _cut(f"{answer.status} {answer.body.strip()}")


def _health(before: Ended | None, after: Ended | None) -> Iterator[Aspect]:
    if before is None and after is None:
        return
    old, new = ("none" if one is None else f"exit code {one.exit_code}" for one in (before, after))
    if after is None:
        verdict, reason = Verdict.EXPECTED, "the new image has no health check"
    elif after.exit_code == 0:
        verdict = Verdict.SAME if before and before.exit_code == 0 else Verdict.EXPECTED
        reason = ""
    else:
        both = before is not None and before.exit_code == after.exit_code
        verdict = Verdict.SAME if both else Verdict.UNEXPECTED
        reason = _cut((after.stderr or after.stdout).strip())
    yield Aspect("health", "health check", verdict, old, new, reason)


def _stop(before: Service, after: Service) -> Aspect:
    old, new = (_how(one) for one in (before, after))
    verdict, reason = Verdict.SAME, ""
    if after.killed and not before.killed:
        verdict, reason = Verdict.UNEXPECTED, "it has to be killed: it does not hear the signal"
    elif before.killed and not after.killed:
        verdict, reason = Verdict.EXPECTED, "it ends when it is told to now"
    elif before.exit_code != after.exit_code:
        verdict = Verdict.EXPECTED if after.exit_code in _SIGNALLED else Verdict.UNEXPECTED
    return Aspect("stop", "stop", verdict, old, new, reason)


def _how(service: Service) -> str:
    end = "killed" if service.killed else f"exit code {service.exit_code}"
    return f"{service.stop_seconds:.1f} s, {end}"


def commands(before: Sequence[Ended], after: Sequence[Ended]) -> Iterator[Aspect]:
    """Output and exit code of each program that was run to its end."""
    for old, new in zip(before, after, strict=True):
        title = _words(old.command) or "the image's own command"
        both = old.timed_out and new.timed_out
        same = (old.exit_code, old.stdout) == (new.exit_code, new.stdout)
        verdict = Verdict.NOT_TESTED if both else Verdict.SAME if same else Verdict.UNEXPECTED
        reason = "neither ended in time: say what to ask with --request" if both else ""
        yield Aspect("command", title, verdict, _output(old), _output(new), reason)


def _output(one: Ended) -> str:
    end = "did not end" if one.timed_out else f"exit code {one.exit_code}"
    text = one.stdout if one.exit_code == 0 else one.stdout + one.stderr
    return _cut(f"{end}: {text.strip()}".rstrip(": "))


def _port(text: str) -> tuple[str, str]:
    number, _, protocol = text.partition("/")
    return (number if number.isdecimal() else "0"), protocol or "tcp"


def _words(words: Sequence[str]) -> str:
    return " ".join(words)


def _listed(names: Collection[str]) -> str:
    return _cut(", ".join(names))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
