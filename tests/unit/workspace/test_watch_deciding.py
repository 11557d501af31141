"""What a human decides of a watched image, beside a watcher and without a registry."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from tests.fakes.watched import APP, Watched, published

from ironhull.errors import EnvironmentProblem
from ironhull.workspace.watch_deciding import approve, rollback
from ironhull.workspace.watch_leases import lease_of


@pytest.fixture
def shop(tmp_path: Path) -> Watched:
    """With two images published, one after the other, into the own store."""
    made = Watched(tmp_path)
    made.watch()
    made.offer(made.deb("lib", "2"))
    assert made.results(made.watch()) == published([APP])
    return made


def at(shop: Watched) -> set[str]:
    store = shop.machine.home.store
    return {store.find(name).digest for name in ("app:1", "app:1-debian13")}


def test_without_a_registry_the_names_of_the_own_store_go_back(shop: Watched) -> None:
    (new,) = at(shop)
    with shop.state() as state:
        (old,) = {each.new for each in state.attempts([APP])} - {new}
        rollback(shop.machine, state, APP)
    assert at(shop) == {old}
    assert shop.watch().done == {}
    assert at(shop) == {old}
    with shop.state() as state:
        approve(shop.machine, state, APP)
    assert shop.results(shop.watch()) == published([APP])
    assert at(shop) == {new}


def test_nothing_is_rolled_back_while_a_watcher_is_at_work_on_it(shop: Watched) -> None:
    before = at(shop)
    with shop.state() as state:
        state.take_lease(lease_of(APP), "another host:1-aa", timedelta(minutes=5))
        with pytest.raises(EnvironmentProblem, match="a watcher works on it now"):
            rollback(shop.machine, state, APP)
        assert not state.image(APP).hold
        state.end_lease(lease_of(APP), "another host:1-aa")
        assert at(shop) == before
        rollback(shop.machine, state, APP)
        assert state.leases() == {}
    assert at(shop) != before
