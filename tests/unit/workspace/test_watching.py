"""The watcher on a signed mirror on disk and a real registry: what it does, and what it leaves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.fakes.running_server import RunningServer, serving
from tests.fakes.watched import APP, TOOL, Watched, published


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with serving(tmp_path_factory.mktemp("registry") / "store") as running:
        yield running


@pytest.fixture
def shop(tmp_path: Path, server: RunningServer) -> Watched:
    return Watched(tmp_path, f"{server.host}/{tmp_path.name.replace('_', '-')}")


def test_a_fix_in_the_archive_is_published_and_no_other_image_is_touched(shop: Watched) -> None:
    first = shop.watch()
    assert shop.results(first) == published([APP, TOOL]), {
        name: outcome.detail for name, outcome in first.done.items()
    }
    with shop.state() as state:
        before = state.images()
    assert shop.watch().entries == ()

    shop.advise({"CVE-2026-0002": ("lib", "2"), "CVE-2026-0003": ("tool", None)})
    shop.offer(shop.deb("lib", "2"), suite="trixie-security")
    found = shop.watch()
    assert shop.results(found)[APP] == "published"
    (entry,) = [each for each in found.entries if each.name == APP]
    assert "lib 1 → 2 (trixie-security) fixes CVE-2026-0002" in entry.cause
    with shop.state() as state:
        after = state.images()
        kinds = {each.kind for each in state.events(image=APP, vulnerability="CVE-2026-0002")}
    assert after[TOOL].published == before[TOOL].published
    assert after[APP].published != before[APP].published
    assert kinds == {"advisory", "fix", "seen", "rebuilt", "published"}
    assert shop.watch().entries == ()
