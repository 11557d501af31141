"""docker, by its command line and the daemon behind it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ironhull.engine import commandline
from ironhull.engine.builds import Dialect, build_with
from ironhull.engine.commandline import CommandLine, Images, Running
from ironhull.engine.flags import at_least
from ironhull.engine.interface import BuildRequest, BuildResult, RunOptions, RunResult
from ironhull.engine.lower import Abilities
from ironhull.errors import EngineError
from ironhull.oci.descriptor import Descriptor
from ironhull.store.export import write_docker_archive
from ironhull.store.layout import ImageLayout

_LONG = 1800
_STEP = re.compile(r"^ ---> ([0-9a-f]{12})$", re.MULTILINE)
_BUILDKIT = {"DOCKER_BUILDKIT": "1", "BUILDKIT_PROGRESS": "plain"}


class Docker(Images):
    """The first of `programs` is used, any of them to build.

    `host` is DOCKER_HOST; None: what the environment or docker's context says.
    """

    def __init__(self, programs: Sequence[str], host: str | None = None) -> None:
        environment = {"DOCKER_HOST": host} if host else {}
        super().__init__(CommandLine("docker", programs[:1], environment))
        self._programs = tuple(programs)
        self._server: str | None = None

    def version(self) -> str:
        """Of the daemon; EngineError if there is none."""
        if self._server is None:
            try:
                value = json.loads(self.line.ask("version", "--format", "{{json .Server}}"))
            except ValueError:
                value = None
            if not isinstance(value, dict):
                raise EngineError("docker: no daemon answers (is dockerd running?)")
            self._server = str(value.get("Version", ""))
        return self._server

    def load(self, layout: ImageLayout, manifest: Descriptor, names: Sequence[str]) -> str:
        """As `Builder.load`."""
        # Its own archive, since daemons before 25 know no other and none before 23 reads zstd.
        self.line.ask(
            "load",
            "-q",
            timeout=_LONG,
            feed=lambda pipe: write_docker_archive(layout, manifest, names, pipe),
        )
        return self.image_id(names[0])

    def pull(self, reference: str, *, insecure: bool = False) -> str:
        """As `Builder.pull`."""
        # Whether a registry may be plain http is a setting of the daemon; loopback always may.
        self.line.ask("pull", "-q", reference, timeout=_LONG)
        return self.image_id(reference)

    def inspect(self, image: str) -> Mapping[str, Any]:
        """As `Builder.inspect`."""
        # Absent settings are null or empty here, and not there in OCI's words.
        return {key: value for key, value in super().inspect(image).items() if value}

    def run(self, image: str, options: RunOptions, *, timeout: float = 60) -> RunResult:
        """As `Engine.run`."""
        return commandline.run(self.line, ("--pull=never",), image, options, timeout)

    def start(self, image: str, options: RunOptions) -> Running:
        """As `Engine.start`."""
        return commandline.start(self.line, ("--pull=never",), image, options)

    def attach(self, image: str, options: RunOptions) -> commandline.Foreground:
        """As `Engine.attach`."""
        return commandline.attach(self.line, ("--pull=never",), image, options)

    def build(self, request: BuildRequest) -> BuildResult:
        """As `Builder.build`."""
        line, buildkit = self._builder()
        modern = buildkit and at_least(self.version(), (23,))
        dialect = Dialect(
            ("build",),
            Abilities(heredoc=modern, link=modern, run_network=modern, syntax=modern),
            contexts=modern,
            buildkit=buildkit,
            environment=_BUILDKIT if buildkit else {"DOCKER_BUILDKIT": "0"},
        )
        result = build_with(line, dialect, request)
        if buildkit:
            return result
        if not request.keep_steps:
            self._forget_steps(result.log)
        note = "built with docker's old builder, since no docker here has BuildKit"
        return BuildResult(result.image, result.seconds, result.log, (*result.notes, note))

    def _forget_steps(self, log: str) -> None:
        """Remove what the old builder's log names and nothing else does: the ends of stages."""
        nameless = self.line.call("images", "-q", "--filter=dangling=true").stdout.split()
        for image in reversed(_STEP.findall(log)):
            if image in nameless:
                self.line.call("rmi", image, timeout=_LONG)

    def _builder(self) -> tuple[CommandLine, bool]:
        """The first docker program that can use BuildKit; the old builder if none can.

        Since 23 the program needs a plug-in for that (buildx), before it has it built in.
        """
        for program in self._programs:
            line = CommandLine("docker", (program,), self.line.environment)
            client = line.call("version", "--format", "{{.Client.Version}}")
            if client.code == 0 and (
                not at_least(client.stdout, (23,)) or line.call("buildx", "version").code == 0
            ):
                return line, True
        return self.line, False
