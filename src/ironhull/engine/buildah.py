"""buildah, by its command line. It builds and holds images; running them is podman's work."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ironhull.engine.builds import build_with, buildah_dialect, try_build
from ironhull.engine.commandline import CommandLine
from ironhull.engine.flags import (
    BUILD_REMEDIES,
    Flags,
    FlagsCache,
    Remedy,
    at_least,
    cache_key,
    find_flags,
    other_runtime,
)
from ironhull.engine.interface import BuildRequest, BuildResult
from ironhull.engine.probe import loaded_probe
from ironhull.engine.process import Finished
from ironhull.errors import EngineError, NotFoundError
from ironhull.oci.descriptor import Descriptor
from ironhull.store.export import write_oci_archive
from ironhull.store.layout import ImageLayout

_LONG = 1800


def _runtime() -> Flags | None:
    """For buildah: it has the runtime's option behind the verb, podman in front of it."""
    found = other_runtime()
    return Flags(build=found.program) if found else None


_REMEDIES = (
    Remedy(BUILD_REMEDIES[0].pattern, _runtime),
    *BUILD_REMEDIES,
)


class Buildah:
    """`program` is buildah and what always follows it, for example `--root`."""

    def __init__(self, program: Sequence[str], cache: FlagsCache) -> None:
        self.name = "buildah"
        self.line = CommandLine(self.name, program)
        self._cache = cache
        self._flags: Flags | None = None

    def version(self) -> str:
        """As `Builder.version`."""
        value = json.loads(self.line.ask("version", "--json"))
        return str(value.get("version", "")) if isinstance(value, dict) else ""

    def load(self, layout: ImageLayout, manifest: Descriptor, names: Sequence[str]) -> str:
        """As `Builder.load`."""
        # buildah pulls from a file only, and gives it the name that the archive has.
        with tempfile.TemporaryDirectory(prefix="ironhull-load-") as folder:
            archive = Path(folder) / "image.tar"
            with archive.open("wb") as file:
                write_oci_archive(layout, manifest, names[0], file)
            found = self.line.ask("pull", "-q", f"oci-archive:{archive}", timeout=_LONG)
        image = found.splitlines()[-1] if found else ""
        for name in names:
            self.line.ask("tag", image, name)
        return f"sha256:{image.removeprefix('sha256:')}"

    def pull(self, reference: str, *, insecure: bool = False) -> str:
        """As `Builder.pull`."""
        verify = ["--tls-verify=false"] if insecure else []
        found = self.line.ask("pull", "-q", *verify, reference, timeout=_LONG)
        return f"sha256:{found.splitlines()[-1].removeprefix('sha256:')}"

    def exists(self, image: str) -> bool:
        """As `Builder.exists`."""
        try:
            self._inspected(image)
        except NotFoundError:
            return False
        return True

    def inspect(self, image: str) -> Mapping[str, Any]:
        """As `Builder.inspect`."""
        value = self._inspected(image).get("OCIv1")
        config = value.get("config") if isinstance(value, dict) else None
        return config if isinstance(config, dict) else {}

    def size(self, image: str) -> int:
        """As `Builder.size`."""
        words = ("images", "--json", image)
        try:
            value = json.loads(self.line.ask(*words))[0]["size"]
        except (ValueError, LookupError, TypeError):
            raise EngineError(f"buildah images {image}: not the JSON expected") from None
        # Old versions write the size for people only: `2.1 MB`.
        return value if isinstance(value, int) else _bytes(str(value))

    def remove(self, image: str) -> None:
        """As `Builder.remove`."""
        finished = self.line.call("rmi", image, timeout=_LONG)
        if finished.code != 0 and (finished.timed_out or self.exists(image)):
            raise EngineError(f"buildah rmi {image}: {finished.words}")

    def build(self, request: BuildRequest) -> BuildResult:
        """As `Builder.build`."""
        flags = self._build_flags()
        dialect = buildah_dialect(
            ("bud", "--format=docker", "--pull=false", *flags.build),
            heredoc=at_least(self.version(), (1, 33)),
        )
        return build_with(self.line, dialect, request)

    def _build_flags(self) -> Flags:
        if self._flags is None:
            key = cache_key(self.name, "build", self.version(), *self.line.program)
            self._flags = self._cache.get(key)
            if self._flags is None:
                with loaded_probe(self) as image:
                    self._flags = find_flags(
                        lambda flags: self._try_build(image, flags), _REMEDIES, "buildah bud"
                    )
                self._cache.put(key, self._flags)
        return self._flags

    def _try_build(self, image: str, flags: Flags) -> Finished:
        return try_build(self.line, ("bud", *flags.build), image)

    def _inspected(self, image: str) -> dict[str, Any]:
        finished = self.line.call("inspect", "--type=image", image)
        if finished.code != 0:
            if "not known" in finished.stderr or "no such" in finished.stderr.lower():
                raise NotFoundError(f"buildah has no image {image}")
            raise EngineError(f"buildah inspect {image}: {finished.words}")
        value = json.loads(finished.stdout)
        if not isinstance(value, dict):
            raise EngineError(f"buildah inspect {image}: not the JSON expected")
        return value


def _bytes(text: str) -> int:
    number, _, unit = text.partition(" ")
    factors = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9}
    try:
        return int(float(number) * factors[unit.upper()])
    except (ValueError, KeyError):
        raise EngineError(f"buildah: a size of {text!r}") from None
