"""Build a Dockerfile with a command line: lower it, build it, read the id."""

from __future__ import annotations

import json
import secrets
import tempfile
from collections.abc import Mapping
from dataclasses import field
from pathlib import Path

from ironhull.engine.commandline import CommandLine
from ironhull.engine.interface import BuildRequest, BuildResult
from ironhull.engine.lower import HEREDOCS, Abilities, Lowered, lower
from ironhull.engine.probe import PROBE_COMMAND
from ironhull.engine.process import Finished
from ironhull.errors import EngineError, InputError
from ironhull.values import dataclass

_MAX_DOCKERFILE = 4 * 1024 * 1024
# Builders know these without ARG, and keep their values out of the history only then.
_PREDEFINED = ("http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy")


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one builder's command line says what a BuildRequest holds."""

    verb: tuple[str, ...]
    """The words in front of the options."""
    abilities: Abilities = field(default_factory=Abilities)
    volumes: bool = False
    """`--volume` shows files to RUN steps; without it they are secrets of BuildKit."""
    contexts: bool = False
    """`--build-context` adds a folder to copy from."""
    buildkit: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)


def buildah_dialect(verb: tuple[str, ...], *, heredoc: bool) -> Dialect:
    """buildah's, and podman's, which has buildah in it."""
    # It has no frontends to fetch: `# syntax` is a comment to it.
    abilities = Abilities(heredoc=heredoc, link=heredoc, run_network=heredoc, syntax=True)
    return Dialect(verb, abilities, volumes=True, contexts=True)


def try_build(line: CommandLine, verb: tuple[str, ...], image: str) -> Finished:
    """Build the least that runs something, to see whether building works here."""
    with tempfile.TemporaryDirectory(prefix="ironhull-probe-") as folder:
        path = Path(folder) / "Dockerfile"
        path.write_text(f'FROM {image}\nRUN ["{PROBE_COMMAND}"]\n')
        tag = f"localhost/ironhull-probe-build:{secrets.token_hex(4)}"
        try:
            options = ("--no-cache", "--pull=never", "-q", f"--file={path}", f"--tag={tag}")
            return line.call(*verb, *options, folder)
        finally:
            line.call("rmi", tag)


def build_with(line: CommandLine, dialect: Dialect, request: BuildRequest) -> BuildResult:
    """Build; EngineError has the builder's last words, InputError a Dockerfile not readable."""
    if request.files and not (dialect.volumes or dialect.buildkit):
        raise EngineError(
            f"{line.name}: this builder cannot show the host's settings to RUN steps "
            "(it needs BuildKit; podman and buildah can)"
        )
    lowered = _lowered(dialect, request)
    if lowered.files and not dialect.contexts:
        raise EngineError(
            f"{line.name}: this builder knows no heredoc in COPY (podman and buildah do it)"
        )
    with tempfile.TemporaryDirectory(prefix="ironhull-build-") as folder:
        words = _words(Path(folder), dialect, request, lowered)
        try:
            finished = line.call(*words, timeout=request.timeout, environment=dialect.environment)
        except BaseException:
            _abandon(line, dialect, request)
            raise
        log = finished.stderr + finished.stdout
        if finished.timed_out:
            _abandon(line, dialect, request)
            raise EngineError(f"{line.name} build took longer than {request.timeout:.0f} seconds")
        if finished.code != 0:
            raise EngineError(f"{line.name} build {request.dockerfile}: {finished.words}")
        image = (Path(folder) / "id").read_text().strip()
    image = image if image.startswith("sha256:") else f"sha256:{image}"
    return BuildResult(image, finished.seconds, log, lowered.notes)


def _abandon(line: CommandLine, dialect: Dialect, request: BuildRequest) -> None:
    """Remove the working containers of a build that was ended, which podman and buildah leave.

    They are known by the name of the image they began with, so this finds those of bases with names
    of their own; docker's daemon removes its containers itself.
    """
    if not dialect.volumes:
        return
    buildah = line.name == "buildah"
    words = ("containers", "--json") if buildah else ("ps", "-a", "--external", "--format=json")
    try:
        found = json.loads(line.call(*words).stdout or "[]")
    except ValueError:
        return
    bases = set(request.bases.values())
    for container in found if isinstance(found, list) else []:
        name = container.get("imagename" if buildah else "Image")
        if name in bases and (buildah or container.get("State") == "storage"):
            # podman wants to be forced, since it is still mounted; buildah knows no such flag.
            force = () if buildah else ("-f",)
            line.call("rm", *force, str(container.get("id" if buildah else "Id")))


def _lowered(dialect: Dialect, request: BuildRequest) -> Lowered:
    try:
        with request.dockerfile.open("rb") as file:
            raw = file.read(_MAX_DOCKERFILE + 1)
        text = raw.decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"cannot read {request.dockerfile}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{request.dockerfile}: not UTF-8 at byte {error.start}") from None
    if len(raw) > _MAX_DOCKERFILE:
        raise InputError(f"{request.dockerfile}: more than {_MAX_DOCKERFILE} bytes")
    mounts = []
    if not dialect.volumes:
        for number, mount in enumerate(_files(request)):
            mounts.append(f"type=secret,id=ironhull{number},target={mount[1]},mode=0444")
    return lower(
        text,
        dialect.abilities,
        bases=request.bases,
        build_args=request.build_args,
        run_variables=[key for key in request.environment if key.lower() not in _PREDEFINED],
        run_mounts=mounts,
    )


def _files(request: BuildRequest) -> list[tuple[Path, str]]:
    """Each file to show, where a folder stands for what is in it."""
    pairs = []
    for mount in request.files:
        if mount.source.is_dir():
            pairs += [
                (path, f"{mount.target.rstrip('/')}/{path.relative_to(mount.source)}")
                for path in sorted(mount.source.rglob("*"))
                if path.is_file()
            ]
        else:
            pairs.append((mount.source, mount.target))
    return pairs


def _words(folder: Path, dialect: Dialect, request: BuildRequest, lowered: Lowered) -> list[str]:
    dockerfile = folder / "Dockerfile"
    dockerfile.write_text(lowered.text)
    words = [*dialect.verb, f"--file={dockerfile}", f"--iidfile={folder / 'id'}"]
    ignore = request.dockerfile.with_name(request.dockerfile.name + ".dockerignore")
    if ignore.is_file():
        beside = folder / "Dockerfile.dockerignore"
        beside.write_bytes(ignore.read_bytes())
        words += [f"--ignorefile={beside}"] if dialect.volumes else []
    words.append(f"--tag={request.tag}")
    words += [f"--target={request.target}"] if request.target else []
    words += [f"--network={request.network}"] if request.network else []
    words += ["--no-cache"] if request.no_cache else []
    if not request.keep_steps:
        words += ["--layers=false"] if dialect.volumes else []
        words += ["--force-rm"] if not (dialect.volumes or dialect.buildkit) else []
    for key, value in {**request.build_args, **request.environment}.items():
        words.append(f"--build-arg={key}={value}")
    if dialect.volumes:
        words += [f"--volume={mount.source}:{mount.target}:ro" for mount in request.files]
    else:
        for number, (path, _) in enumerate(_files(request)):
            words.append(f"--secret=id=ironhull{number},src={path}")
    if lowered.files:
        heredocs = folder / "heredocs"
        heredocs.mkdir()
        for name, text in lowered.files.items():
            (heredocs / name).write_text(text)
        words.append(f"--build-context={HEREDOCS}={heredocs}")
    return [*words, str(request.context)]
