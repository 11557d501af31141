"""A catalog that remembers what it answered, until anything in its folder is different."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ironhull.errors import DefinitionError
from ironhull.migrate.catalog.interface import ImageFacts
from ironhull.migrate.catalog.remembered import RememberedCatalog

ROOT = Path(__file__).parents[3]
FACTS = ImageFacts("node", "20", "here/node:20", False, "node", 1000, 1000, ("node",), ("a",))
NONE = "node 18"


class Asked:
    """A catalog that counts its questions."""

    registry, source, extensible = "here", "a test", True

    def __init__(self) -> None:
        self.questions = 0
        self.broken = False

    def versions(self, image: str) -> tuple[str, ...]:
        self.questions += 1
        return ("20", "18") if image == "node" else ()

    def find(self, image: str, version: str, *, dev: bool) -> ImageFacts | None:
        self.questions += 1
        if self.broken:
            raise DefinitionError([])
        return None if f"{image} {version}" == NONE or dev else FACTS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "images/node").mkdir(parents=True)
    (tmp_path / "images/node/20.yaml").write_text("image: node\n")
    return tmp_path / "images"


def everything(catalog: RememberedCatalog) -> list[object]:
    return [
        catalog.versions("node"),
        catalog.versions("ruby"),
        catalog.find("node", "20", dev=False),
        catalog.find("node", "20", dev=True),
        catalog.find("node", "18", dev=False),
    ]


def opened(folder: Path, asked: Asked, registry: str = "here") -> RememberedCatalog:
    return RememberedCatalog(registry, [folder], folder.parent / "memory", lambda: asked)


def test_what_was_asked_before_is_answered_alike_and_opens_nothing(folder: Path) -> None:
    asked = Asked()
    answers = everything(opened(folder, asked))
    assert answers == [("20", "18"), (), FACTS, None, None]
    assert asked.questions == 5
    assert everything(opened(folder, asked)) == answers
    assert asked.questions == 5


def test_any_other_folder_registry_or_file_forgets_it_all(folder: Path) -> None:
    asked = Asked()
    everything(opened(folder, asked))
    (folder / "node/20.yaml").write_text("image: node \n")
    everything(opened(folder, asked))
    assert asked.questions == 10
    os.utime(folder / "node/20.yaml", ns=(1, 1))
    everything(opened(folder, asked))
    assert asked.questions == 15
    (folder / "node/20.lock.json").write_text("{}")
    everything(opened(folder, asked))
    assert asked.questions == 20
    everything(opened(folder, asked, "there"))
    assert asked.questions == 25


def test_of_several_folders_each_counts_and_so_does_their_order(folder: Path) -> None:
    other = folder.parent / "other"
    (other / "web").mkdir(parents=True)
    memory, asked = folder.parent / "memory", Asked()

    def ask(*folders: Path) -> RememberedCatalog:
        catalog = RememberedCatalog("here", folders, memory, lambda: asked)
        everything(catalog)
        return catalog

    assert ask(folder, other).source == "the definitions in images and other"
    ask(folder, other)
    assert asked.questions == 5
    for number, folders in enumerate([[other, folder], [folder], [folder, other]], 2):
        ask(*folders)
        assert asked.questions == 5 * number
    (other / "web/1.yaml").write_text("image: web\n")
    ask(folder, other)
    assert asked.questions == 25


def test_a_folder_with_a_link_to_another_one_is_asked_each_time(folder: Path) -> None:
    (folder / "linked").symlink_to(folder / "node")
    asked = Asked()
    everything(opened(folder, asked))
    everything(opened(folder, asked))
    assert asked.questions == 10


def test_an_error_is_not_remembered(folder: Path) -> None:
    asked = Asked()
    asked.broken = True
    with pytest.raises(DefinitionError):
        opened(folder, asked).find("node", "20", dev=False)
    asked.broken = False
    assert opened(folder, asked).find("node", "20", dev=False) == FACTS


@pytest.mark.parametrize("data", [b"", b"\xff", b"[" * 100_000, b'{"state": 1}', b"{}"])
def test_a_memory_that_cannot_be_read_is_made_again(folder: Path, data: bytes) -> None:
    (folder.parent / "memory").write_bytes(data)
    assert everything(opened(folder, Asked()))[2] == FACTS
    asked = Asked()
    assert everything(opened(folder, asked))[2] == FACTS
    assert asked.questions == 0


def test_where_nothing_can_be_kept_it_is_asked_each_time(folder: Path) -> None:
    (folder.parent / "memory").mkdir()
    assert everything(opened(folder, Asked()))[2] == FACTS


def test_the_second_migration_reads_no_definition(tmp_path: Path) -> None:
    code = (
        "import sys; from ironhull.cli import ironhull\n"
        "ironhull.main(standalone_mode=False)\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    file = ROOT / "examples/node-app/Dockerfile.standard"
    environment = {
        "PATH": os.environ["PATH"],
        "IRONHULL_HOME": str(tmp_path / "home"),
        "IRONHULL_CATALOG": str(ROOT / "images"),
    }
    runs = [
        subprocess.run(
            [sys.executable, "-c", code, "migrate", str(file)],
            capture_output=True,
            text=True,
            env=environment,
            check=True,
        )
        for _ in range(2)
    ]
    assert runs[0].stdout == runs[1].stdout
    assert "localhost/node:20" in runs[1].stdout
    read = ["ironhull.definition.reader" in run.stderr.split() for run in runs]
    assert read == [True, False]
