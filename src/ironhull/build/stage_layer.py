"""What a build stage gives to its image: a layer, made once by running the stage's steps.

1. the stage's root, in a folder of its own (`stage_root`), with the outputs of earlier stages
2. the steps, one after the other, each a command in a sandbox without a network
3. the outputs, as a layer (`stage_tree`); the folder goes
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ironhull import __version__
from ironhull.build import versions
from ironhull.build.assemble import DEFAULT_PATH
from ironhull.build.compression import Compression
from ironhull.build.elsewhere import Elsewhere, StageCommand, StageOutcome
from ironhull.build.made_before import made_before, remember
from ironhull.build.origins import stage_name
from ironhull.build.path_writer import PathWriter
from ironhull.build.record import MadeLayer
from ironhull.build.sink import LayerSink
from ironhull.build.stage_root import StageMaking, stage_records, unpack_stage
from ironhull.build.stage_tree import Found, listed, write_outputs
from ironhull.build.tree import Tree
from ironhull.definition.model import BuildStage, BuildStep, ImageDefinition
from ironhull.definition.plain import plain
from ironhull.definition.stage_image import stage_definition
from ironhull.errors import CheckFailedError, DefinitionError, InputError, LockError, Problem
from ironhull.lock.model import Lock
from ironhull.oci.document import canonical
from ironhull.oci.platform import Platform
from ironhull.progress import Progress
from ironhull.store.home import Home
from ironhull.store.trees import remove_tree

_LAST_LINES = 30
_LISTED = 10
_FAR_ZONE = "UTC-14"
"""As POSIX writes it: fourteen hours ahead of UTC, where it is mostly another day than here."""


@dataclass(frozen=True, slots=True)
class _Surroundings:
    """What differs from one machine to another, and must not decide the result."""

    zone: str = "UTC"
    jobs: int = 2


def stage_layers(
    definition: ImageDefinition,
    lock: Lock,
    platform: Platform,
    home: Home,
    elsewhere: Elsewhere,
    compression: Compression,
    progress: Progress,
    *,
    jobs: int,
    twice: bool,
) -> list[MadeLayer]:
    """The layers of all stages for a platform, in order.

    DefinitionError at the place of a step that fails or of an output that is missing. With `twice`
    each stage is built once more, in another folder and time zone and with another number of jobs;
    CheckFailedError if its layer is another one then.
    """
    mtime = int(datetime.fromisoformat(lock.created).timestamp())
    made: list[MadeLayer] = []
    for stage in definition.builds:
        if stage.platforms and platform not in stage.platforms:
            continue
        locked = lock.platforms[str(platform)].stages.get(stage.name)
        if locked is None:
            raise LockError(
                f"the lock has no packages of the stage {stage.name!r}; make it with: "
                f"ironhull lock --update {definition.file}"
            )
        making = StageMaking(
            stage, stage_definition(definition, stage), locked, platform, mtime, home, elsewhere,
            jobs, progress,
        )  # fmt: skip
        made.append(_layer(making, tuple(made), compression, twice))
    return made


def _layer(
    making: StageMaking, earlier: Sequence[MadeLayer], compression: Compression, twice: bool
) -> MadeLayer:
    home, stage = making.home, making.stage
    key = _key(making, earlier, compression)
    shared = making.elsewhere.layers
    record = made_before(home, key, shared)
    if record is None:
        record = _built(making, earlier, key, compression, _Surroundings(jobs=making.jobs))
        remember(home, record, shared)
    if twice:
        again = _built(making, earlier, key, compression, _Surroundings(_FAR_ZONE, 1))
        if again.diff_id != record.diff_id:
            raise CheckFailedError(
                f"{stage.place}: the stage {stage.name!r} gives other bytes when it is built again "
                f"(another folder, time zone, number of jobs): {_differences(record, again)}"
            )
    return record


def _key(making: StageMaking, earlier: Sequence[MadeLayer], compression: Compression) -> str:
    value = {
        "ironhull": __version__,
        "transform": versions.TRANSFORM,
        "steps": versions.STEPS,
        "stage": plain(making.stage),
        # All that its root has of the image's definition, for steps to read.
        "os-release": dict(making.of.os_release),
        "platform": str(making.platform),
        "packages": [package.sha256 for package in making.locked.packages],
        "earlier": [record.diff_id for record in earlier],
        "time": making.mtime,
        "compression": compression.identity,
    }
    return hashlib.sha256(canonical(value)).hexdigest()


def _built(
    making: StageMaking,
    earlier: Sequence[MadeLayer],
    key: str,
    compression: Compression,
    around: _Surroundings,
) -> MadeLayer:
    stage = making.stage
    advance = making.progress.start(f"Building {stage.name}", len(stage.steps), "steps")
    with _folder(making.home) as folder:
        # 1
        root = folder / "root"
        tree = unpack_stage(making, [*stage_records(making), *earlier], root)
        diffed = any(output.diff for output in stage.outputs)
        before = listed(root) if diffed else {}
        # 2
        for step in stage.steps:
            _run(making, step, tree, root, around)
            advance(1)
        # 3
        return _gathered(making, root, before, key, compression)


def _gathered(
    making: StageMaking, root: Path, before: Mapping[str, Found], key: str, compression: Compression
) -> MadeLayer:
    stage, blobs = making.stage, making.home.store.blobs
    with blobs.writer() as blob:
        writer = PathWriter(LayerSink(blob, compression))
        try:
            write_outputs(
                writer,
                root,
                stage.outputs,
                before,
                listed(root),
                making.mtime,
            )
        except InputError as error:
            problem = Problem(*stage.place, f"stage {stage.name!r}: {error}")
            raise DefinitionError([problem]) from None
        diff_id = writer.sink.finish()
    descriptor = writer.sink.descriptor()
    return MadeLayer(key, descriptor, diff_id, writer.sink.size, (writer.part(stage_name(stage)),))


def _run(
    making: StageMaking, step: BuildStep, tree: Tree, root: Path, around: _Surroundings
) -> None:
    uid, gid = _user(making.stage, step.user)
    shell = step.shell or (("/bin/bash",) if tree.find("usr/bin/bash") else ("/bin/sh",))
    if tree.find(shell[0].lstrip("/")) is None:
        raise DefinitionError(
            [
                Problem(
                    *step.place,
                    f"the stage has no {shell[0]}: add bash to its packages, or say 'shell'",
                )
            ]
        )
    environment = {
        "PATH": DEFAULT_PATH,
        "HOME": "/root" if uid == 0 else f"/home/{step.user}",
        "LC_ALL": "C.UTF-8",
        "TZ": around.zone,
        "MAKEFLAGS": f"-j{around.jobs}",
        "SOURCE_DATE_EPOCH": str(making.mtime),
        **step.environment,
    }
    outcome = making.elsewhere.stages.run(
        StageCommand(
            root,
            (*shell, "-c", step.runs),
            environment,
            step.work_dir,
            uid,
            gid,
            making.stage.caches,
        )
    )
    if outcome.exit_code:
        raise DefinitionError([Problem(*step.place, _failure(making.stage, step, outcome))])


def _failure(stage: BuildStage, step: BuildStep, outcome: StageOutcome) -> str:
    how = "ran out of time" if outcome.timed_out else f"ended with {outcome.exit_code}"
    how = f"was stopped, {outcome.filled}" if outcome.filled else how
    lines = outcome.output.rstrip().splitlines()
    said = "\n  ".join(["", *lines[-_LAST_LINES:]]) if lines else " and said nothing"
    return f"stage {stage.name!r}, step {step.name!r} {how}:{said}"


def _user(stage: BuildStage, name: str) -> tuple[int, int]:
    if name.isdecimal():
        return int(name), int(name)
    users = stage.accounts.users if stage.accounts else ()
    return next(((user.uid, user.gid) for user in users if user.name == name), (0, 0))


def _differences(record: MadeLayer, again: MadeLayer) -> str:
    first, second = (
        {entry.path: entry for part in made.parts for entry in part.entries}
        for made in (record, again)
    )
    paths = sorted(path for path in {*first, *second} if first.get(path) != second.get(path))
    if not paths:
        return "the same paths with other content"
    more = f" and {len(paths) - _LISTED} more" if len(paths) > _LISTED else ""
    return ", ".join(f"/{path}" for path in paths[:_LISTED]) + more


@contextmanager
def _folder(home: Home) -> Iterator[Path]:
    """A folder of the cache that is gone at the end, whatever modes the steps left in it."""
    parent = home.cache / "tmp"
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="stage-", dir=parent))
    try:
        yield folder
    finally:
        remove_tree(folder)
