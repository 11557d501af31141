"""The one value that is handed to whatever works on a machine: where things are, what is set."""

from __future__ import annotations

from dataclasses import dataclass, field

from ironhull.progress import Progress, Silent
from ironhull.settings import Settings
from ironhull.store.home import Home


@dataclass(frozen=True, slots=True)
class Machine:
    """Settings and who watches. Values only: any number of threads may share one."""

    settings: Settings
    progress: Progress = field(default_factory=Silent)

    @property
    def home(self) -> Home:
        """The folders of store, cache and state."""
        return Home(self.settings.home)

    @property
    def signs(self) -> bool:
        """Whether a key is named, or one of the home's own is active; no private key is read."""
        if self.settings.signer is not None or not self.home.has_keys:
            return self.settings.signer is not None
        # What knows keys loads cryptography: who has none does not wait for it.
        from ironhull.signing.keyring import Keyring

        return Keyring(self.home.keys).active() is not None
