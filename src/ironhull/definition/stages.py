"""`contents.builds` → the stages that are built in a sandbox, checked as far as a file can be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ironhull.definition.accounts import stage_accounts_of
from ironhull.definition.actions import commands_of
from ironhull.definition.contents import artifact, artifacts_of, packages_of, repositories_of
from ironhull.definition.fetched import files_of
from ironhull.definition.files import Files
from ironhull.definition.model import BuildStage, BuildStep, RepositoryRequest, StageOutput
from ironhull.definition.paths import edits_of, normalised, optional_mode, platforms_of
from ironhull.definition.shape import ReadMap
from ironhull.definition.tree import Problems

MAX_STEPS = 200


def stages_of(
    root: ReadMap, repositories: Sequence[RepositoryRequest], files: Files, problems: Problems
) -> tuple[BuildStage, ...]:
    """The stages in order; outputs of earlier ones are in later ones."""
    stages: list[BuildStage] = []
    known = {_archive(one) for one in repositories}
    for item in root.record("contents").items("builds"):
        record: ReadMap = item.value
        stage = _stage(record, files, problems)
        for repository in stage.repositories:
            if _archive(repository) not in known:
                problems.error(
                    repository.place,
                    "a stage has the archives of its image: write it under the image's "
                    "'contents.repositories'",
                )
        for other in stages:
            shared = not (stage.platforms and other.platforms) or set(stage.platforms) & set(
                other.platforms
            )
            if other.name == stage.name and shared:
                problems.error(record.at("name"), f"two stages are called {stage.name!r:.60}")
        stages.append(stage)
    return tuple(stages)


def _archive(one: RepositoryRequest) -> tuple[str, str, tuple[str, ...]]:
    return one.uri, one.suite, one.components


def _stage(record: ReadMap, files: Files, problems: Problems) -> BuildStage:
    _unprivileged(record, problems)
    steps = tuple(_steps(record, problems))
    if not steps:
        problems.error(record.place, "a stage without steps ('pipeline') builds nothing")
    caches = tuple(sorted({path for part in _with_steps(record) for path in _caches(part)}))
    outputs = tuple(_outputs(record, problems))
    for output in outputs:
        if any(output.source == path or output.source.startswith(f"{path}/") for path in caches):
            problems.error(output.place, f"{output.source} is a cache, which is no output")
    if not outputs and "outputs" not in record.node.entries:
        problems.error(record.place, "a stage without 'outputs' gives nothing to the image")
    accounts = stage_accounts_of(record, problems)
    users = {"root", *(user.name for user in accounts.users)} if accounts else {"root"}
    for step in steps:
        if step.user not in users and not step.user.isdecimal():
            problems.error(step.place, f"the stage has no user {step.user!r:.60} ('accounts')")
    uses = record.get("uses")
    return BuildStage(
        name=record.get("name", ""),
        place=record.place,
        uses=artifact(uses, ReadMap(record.node, {}), problems) if uses else None,
        packages=packages_of(record, problems),
        repositories=repositories_of(record, files, problems),
        files=files_of(record, files, problems),
        artifacts=artifacts_of(record, problems),
        accounts=accounts,
        paths=edits_of(record, (), files, problems),
        steps=steps,
        outputs=outputs,
        caches=caches,
        platforms=platforms_of(record, problems),
    )


def _with_steps(record: ReadMap) -> Iterator[ReadMap]:
    yield record
    for item in record.items("pipeline"):
        yield item.value


def _caches(record: ReadMap) -> Iterator[str]:
    for item in record.items("caches"):
        yield item.value.get("path", "/")


def _unprivileged(record: ReadMap, problems: Problems) -> None:
    if record.get("privileged"):
        problems.error(
            record.at("privileged"),
            "steps have no capabilities on the host and no network, so none is privileged: name "
            "what it fetches under the stage's 'contents.files', then leave this out",
        )


def _steps(record: ReadMap, problems: Problems) -> Iterator[BuildStep]:
    items = record.items("pipeline")
    if len(items) > MAX_STEPS:
        problems.error(record.at("pipeline"), f"{len(items)} steps, the limit is {MAX_STEPS}")
    environment: Mapping[str, str] = record.get("environment", {})
    user = record.record("accounts").get("run-as", "root")
    for number, item in enumerate(items[:MAX_STEPS], 1):
        step: ReadMap = item.value
        _unprivileged(step, problems)
        written = [key for key in ("runs", "uses") if key in step.node.entries]
        if len(written) != 1:
            problems.error(item.place, "a step has 'runs' or 'uses', one of both")
        runs = step.get("runs", "")
        if "uses" in step.values:
            runs = commands_of(step.get("uses"), step.get("with"), step.at("uses"), problems)
        elif "with" in step.node.entries:
            problems.error(step.at("with"), "only a step with 'uses' has 'with'")
        shell: str = step.get("shell", record.get("shell", ""))
        where = step if "work-dir" in step.values else record
        yield BuildStep(
            name=step.get("name", f"step {number}"),
            place=item.place,
            runs=runs,
            work_dir=normalised(where.get("work-dir", "/"), where.at("work-dir"), problems),
            shell=tuple(shell.split()),
            environment={**environment, **step.get("environment", {})},
            user=step.get("run-as", user),
        )


def _outputs(record: ReadMap, problems: Problems) -> Iterator[StageOutput]:
    for item in record.items("outputs"):
        output: ReadMap = item.value
        if "source" not in output.values:
            continue
        source = normalised(output.get("source"), output.at("source"), problems)
        target = normalised(output.get("target", source), output.at("target"), problems)
        mode = optional_mode(output, problems)
        if mode is not None and mode & 0o6000:
            problems.error(
                output.at("mode"), "what a stage builds cannot be setuid or setgid: see 'paths'"
            )
        yield StageOutput(
            source=source,
            target=target,
            place=item.place,
            uid=output.get("uid", 0),
            gid=output.get("gid", 0),
            mode=mode,
            diff=output.get("diff", False),
        )
