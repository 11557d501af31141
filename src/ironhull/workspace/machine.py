"""The one value that is handed to whatever works on a machine: where things are, what is set."""

from __future__ import annotations

from dataclasses import field

from ironhull.progress import Progress, Silent
from ironhull.settings import Settings
from ironhull.store.home import Home
from ironhull.values import dataclass


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
        # What is listed of keys, without the keys: those load cryptography.
        from ironhull.signing.listed import has_signing_key

        return has_signing_key(self.home.keys)
