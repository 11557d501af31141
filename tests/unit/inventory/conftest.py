from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ironhull.inventory.cache import RecordCache
from ironhull.inventory.sources.find import Places
from ironhull.inventory.take import Limits, Taker
from ironhull.registry.client.access import Registries
from ironhull.state.inventories import InventoryStore
from ironhull.store.home import Home

MakeTaker = Callable[..., Taker]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def taker(home: Home) -> MakeTaker:
    """Makes a taker; `kept` says whether it caches and stores."""

    def make(*, kept: bool = False, limits: Limits | None = None) -> Taker:
        def no_registry() -> Registries:
            return Registries()

        return Taker(
            Places(home, no_registry),
            RecordCache(home.root / "records") if kept else None,
            InventoryStore(home.root / "inventories") if kept else None,
            limits=limits or Limits(),
        )

    return make
