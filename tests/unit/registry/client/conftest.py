from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.fakes.registry import FakeRegistry

from ironhull.oci.reference import Reference
from ironhull.registry.client.access import Registries
from ironhull.registry.client.credentials import Credentials, Login
from ironhull.registry.client.repository import Repository
from ironhull.store.layout import ImageLayout
from ironhull.transport.patience import Patience

QUICK = Patience(attempts=4, first_wait=0.01, longest_wait=2.0, whole=3.0, connect=2.0, idle=2.0)


class Notes:
    """Progress that keeps what a person would have seen."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.total = 0

    def start(self, step: str, total: int | None, unit: str) -> Callable[[int], None]:
        def advance(amount: int) -> None:
            self.total += amount

        return advance

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with FakeRegistry() as registry:
        yield registry


@pytest.fixture
def connect(notes: Notes, stack: ExitStack, tmp_path: Path) -> Callable[..., Repository]:
    """A repository of a fake registry, with a login if one is given."""

    def make(
        registry: FakeRegistry,
        name: str = "app",
        *,
        write: bool = False,
        login: Login | None = None,
        patience: Patience = QUICK,
    ) -> Repository:
        config = tmp_path / "config.json"
        config.write_text('{"credsStore": "known"}')
        credentials = Credentials((config,), lambda helper, server: login)
        opened = stack.enter_context(
            Registries(credentials=credentials, patience=patience, progress=notes)
        )
        return opened.repository(Reference(registry.host, name), write=write)

    return make


@pytest.fixture
def layout(tmp_path: Path) -> ImageLayout:
    return ImageLayout(tmp_path / "layout", create=True)
