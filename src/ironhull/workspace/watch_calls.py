"""The verbs of watching as calls of a `Workspace`.

SQLAlchemy, which keeps what is watched, is loaded with the first of these calls: imports stand in
the methods.
"""

from __future__ import annotations

from ironhull.watch.measures import Measured
from ironhull.watch.model import Entry
from ironhull.watch.policy import WatchPolicy
from ironhull.watch.standing import CatalogStatus
from ironhull.workspace.machine import Machine
from ironhull.workspace.watch_choices import Decided, Round, WatchChoices
from ironhull.workspace.watch_past import WatchHistory, watched_history


class WatchCalls:
    """What can be done with a machine's watched images; `state` is the URL of another state."""

    machine: Machine

    def watch(self, chosen: WatchChoices | None = None) -> Round:
        """Look once at everything, and rebuild and publish what is outdated; see `Watcher`."""
        from ironhull.workspace.watching import Watcher, opened_state

        chosen = chosen or WatchChoices()
        with opened_state(self.machine, chosen.state) as state:
            return Watcher(self.machine, chosen, state).once()

    def plan(self, chosen: WatchChoices | None = None) -> list[Entry]:
        """What `watch` would rebuild now and why, the most urgent first."""
        from ironhull.workspace.watch_reading import plan_now
        from ironhull.workspace.watching import opened_state

        chosen = chosen or WatchChoices()
        with opened_state(self.machine, chosen.state) as state:
            return plan_now(self.machine, state, chosen)

    def status(
        self, image: str = "", *, state: str | None = None, policy: WatchPolicy | None = None
    ) -> CatalogStatus:
        """Which watched images are behind, since when and why; alarms are by the policy's bound."""
        from ironhull.workspace.watch_reading import status_now
        from ironhull.workspace.watching import opened_state

        with opened_state(self.machine, state) as kept:
            return status_now(self.machine, kept, policy or WatchPolicy(), image)

    def measures(
        self, image: str = "", *, state: str | None = None, policy: WatchPolicy | None = None
    ) -> Measured:
        """How long fixes took beside the policy's targets; `image` as `status` names it."""
        from ironhull.workspace.watch_reading import measured
        from ironhull.workspace.watching import opened_state

        with opened_state(self.machine, state) as kept:
            return measured(kept, policy or WatchPolicy(), image)

    def watched(self, subject: str, *, state: str | None = None) -> WatchHistory | None:
        """What was done for an image, or for a vulnerability (`CVE-…`); None: nothing yet."""
        return watched_history(self.machine, subject, state)

    def approve(self, image: str, *, state: str | None = None) -> Decided:
        """Let a watcher publish what it holds of an image."""
        from ironhull.workspace.watch_deciding import approve
        from ironhull.workspace.watching import opened_state

        with opened_state(self.machine, state) as kept:
            return approve(self.machine, kept, image)

    def hold(self, image: str, reason: str, *, state: str | None = None) -> Decided:
        """Let a watcher publish nothing new of an image until it is approved."""
        from ironhull.workspace.watch_deciding import hold
        from ironhull.workspace.watching import opened_state

        with opened_state(self.machine, state) as kept:
            return hold(self.machine, kept, image, reason)

    def rollback(self, image: str, digest: str = "", *, state: str | None = None) -> Decided:
        """Move an image's tags back to what a watcher published before; see `rollback`."""
        from ironhull.workspace.watch_deciding import rollback
        from ironhull.workspace.watching import opened_state

        with opened_state(self.machine, state) as kept:
            return rollback(self.machine, kept, image, digest)
