"""podman, by its command line."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ironhull.engine import commandline
from ironhull.engine.builds import build_with, buildah_dialect, try_build
from ironhull.engine.commandline import CommandLine, Images, Running
from ironhull.engine.flags import (
    BUILD_REMEDIES,
    PODMAN_REMEDIES,
    Flags,
    FlagsCache,
    Remedy,
    at_least,
    cache_key,
    find_flags,
)
from ironhull.engine.interface import BuildRequest, BuildResult, RunOptions, RunResult
from ironhull.engine.probe import loaded_probe
from ironhull.engine.process import Finished
from ironhull.oci.descriptor import Descriptor
from ironhull.store.export import write_oci_archive
from ironhull.store.layout import ImageLayout

_LONG = 1800
# What runs is what was loaded, never what a registry has under that name.
_LOCAL = ("--pull=never",)


class Podman(Images):
    """`program` is podman and what always follows it, for example `--root`."""

    def __init__(self, program: Sequence[str], cache: FlagsCache) -> None:
        super().__init__(CommandLine("podman", program))
        self._cache = cache
        self._flags: dict[str, Flags] = {}

    def version(self) -> str:
        """As `Builder.version`."""
        return self.line.ask("version", "--format", "{{.Client.Version}}")

    def load(self, layout: ImageLayout, manifest: Descriptor, names: Sequence[str]) -> str:
        """As `Builder.load`."""
        first, *others = names
        self.line.ask(
            "load",
            "-q",
            timeout=_LONG,
            feed=lambda pipe: write_oci_archive(layout, manifest, first, pipe),
        )
        for other in others:
            self.line.ask("tag", first, other)
        return self.image_id(first)

    def pull(self, reference: str, *, insecure: bool = False) -> str:
        """As `Builder.pull`."""
        verify = ["--tls-verify=false"] if insecure else []
        self.line.ask("pull", "-q", *verify, reference, timeout=_LONG)
        return self.image_id(reference)

    def run(self, image: str, options: RunOptions, *, timeout: float = 60) -> RunResult:
        """As `Engine.run`."""
        flags = self.run_flags()
        return commandline.run(self._with(flags), (*_LOCAL, *flags.run), image, options, timeout)

    def start(self, image: str, options: RunOptions) -> Running:
        """As `Engine.start`."""
        flags = self.run_flags()
        return commandline.start(self._with(flags), (*_LOCAL, *flags.run), image, options)

    def attach(self, image: str, options: RunOptions) -> commandline.Foreground:
        """As `Engine.attach`."""
        flags = self.run_flags()
        return commandline.attach(self._with(flags), (*_LOCAL, *flags.run), image, options)

    def build(self, request: BuildRequest) -> BuildResult:
        """As `Builder.build`."""
        flags = self._found("build", self._try_build, (*PODMAN_REMEDIES[:3], *BUILD_REMEDIES))
        dialect = buildah_dialect(
            ("build", "--format=docker", "--pull=false", *flags.build),
            # podman 4.9 carries buildah 1.33, the first that reads heredocs.
            heredoc=at_least(self.version(), (4, 9)),
        )
        return build_with(self._with(flags), dialect, request)

    def run_flags(self) -> Flags:
        """What `run` needs on this machine; tried once, then remembered."""
        return self._found("run", self._try_run, PODMAN_REMEDIES)

    def _with(self, flags: Flags) -> CommandLine:
        return CommandLine(self.name, (*self.line.program, *flags.program))

    def _found(
        self,
        verb: str,
        attempt: Callable[[str, Flags], Finished],
        remedies: Sequence[Remedy],
    ) -> Flags:
        if verb not in self._flags:
            key = cache_key(self.name, verb, self.version(), *self.line.program)
            found = self._cache.get(key)
            if found is None:
                with loaded_probe(self) as image:
                    found = find_flags(
                        lambda flags: attempt(image, flags), remedies, f"{self.name} {verb}"
                    )
                self._cache.put(key, found)
            self._flags[verb] = found
        return self._flags[verb]

    def _try_run(self, image: str, flags: Flags) -> Finished:
        return self._with(flags).call("run", "--rm", "--network=none", *flags.run, image)

    def _try_build(self, image: str, flags: Flags) -> Finished:
        return try_build(self._with(flags), ("build", *flags.build), image)
