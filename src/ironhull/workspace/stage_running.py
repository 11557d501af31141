"""Steps of build stages in the sandbox: no network, nothing of the host, bounded."""

from __future__ import annotations

from ironhull.build.elsewhere import StageCommand, StageOutcome
from ironhull.values import dataclass
from ironhull.workspace.machine import Machine

SECONDS = 3600
_FILE = 8 << 30
_OUTPUT = 1 << 20
# Over the stage's own files only: what installing as root needs.
_RIGHTS = (
    *("CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_SETUID", "CAP_SETGID"),
)


@dataclass(frozen=True, slots=True)
class SandboxStages:
    """A StageRunner over bubblewrap, found on the machine or taken from the signed archive."""

    machine: Machine
    processes: int = 4096
    """In the sandbox at the same time."""
    disk: int = 32 << 30
    """Bytes of a stage's whole folder."""
    files: int = 2_000_000
    """Files, folders and links in it."""

    def run(self, command: StageCommand) -> StageOutcome:
        """As `StageRunner.run`."""
        # Most builds have no stage; what starts sandboxes is loaded by those that do.
        from ironhull.sandbox.model import Limits, Root, Tmpfs, Wish
        from ironhull.sandbox.running import run
        from ironhull.workspace.bubblewrap import bubblewrap

        wish = Wish(
            command.root,
            command.argv,
            command.environment,
            command.work_dir,
            command.uid,
            command.gid,
            writes=Root.KEPT,
            tmpfs=tuple(Tmpfs(path, mode=0o1777) for path in ("/tmp", *command.empty)),  # noqa: S108
            capabilities=_RIGHTS,
            hostname="build",
            limits=Limits(
                processes=self.processes,
                seconds=SECONDS,
                output=_OUTPUT,
                file_size=_FILE,
                disk=self.disk,
                files=self.files,
            ),
        )
        ended = run(bubblewrap(self.machine), wish)
        said = (ended.stdout + ended.stderr).decode("utf-8", "replace")
        return StageOutcome(ended.exit_code, said, ended.timed_out, ended.filled)
