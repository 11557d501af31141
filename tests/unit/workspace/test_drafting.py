"""What drafting decides before anything is built."""

from pathlib import Path

import pytest

from ironhull.definition.draft import Draft, draft_text
from ironhull.errors import EnvironmentProblem, InputError
from ironhull.progress import Silent
from ironhull.settings import Settings
from ironhull.workspace.drafting import CustomChoices, customize, new_definition
from ironhull.workspace.machine import Machine

PEM = "-----BEGIN CERTIFICATE-----\nb25l\n-----END CERTIFICATE-----\n"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    images = tmp_path / "images"
    folder = images / "old/debian-13"
    folder.mkdir(parents=True)
    (folder / "1.yaml").write_text(draft_text(Draft("old", "1", ("nodejs",))))
    return Machine(Settings(home=tmp_path / "home", catalog=images), Silent())


def test_a_derived_definition_stands_in_the_catalog_with_its_authorities(machine, tmp_path):
    (tmp_path / "corp.pem").write_text(PEM)
    chosen = CustomChoices(("git",), {"A": "b"}, (tmp_path / "corp.pem",))
    path = customize(machine, "old:1", "new", chosen)
    assert path == machine.settings.catalog / "new/debian-13/1.yaml"
    assert path.with_name("corp.crt").read_text() == PEM
    assert "../../old/debian-13/1.yaml" in path.read_text()
    with pytest.raises(InputError, match="is there already"):
        customize(machine, "old:1", "new", chosen)


def test_what_is_no_certificate_is_refused_and_nothing_is_written(machine, tmp_path):
    (tmp_path / "corp.pem").write_text("none")
    with pytest.raises(InputError, match=r"corp\.pem: no certificate in PEM form"):
        customize(machine, "old:1", "new", CustomChoices(authorities=(tmp_path / "corp.pem",)))
    assert not (machine.settings.catalog / "new").exists()


@pytest.mark.parametrize("name", ["../x", "Web", ""])
def test_a_name_that_no_repository_can_have_is_refused(machine, name):
    with pytest.raises(InputError, match="is not a name and a tag"):
        new_definition(machine, Draft(name, "1", ("x",)))


def test_a_definition_that_is_there_is_not_written_over(machine):
    before = (machine.settings.catalog / "old/debian-13/1.yaml").read_bytes()
    with pytest.raises(InputError, match="is there already"):
        new_definition(machine, Draft("old", "1", ("x",)))
    assert (machine.settings.catalog / "old/debian-13/1.yaml").read_bytes() == before


def test_a_choice_that_makes_no_definition_leaves_neither_file_nor_folder(machine, tmp_path):
    (tmp_path / "corp.pem").write_text(PEM)
    chosen = CustomChoices(("bad name",), {}, (tmp_path / "corp.pem",))
    with pytest.raises(InputError, match="expected a package"):
        customize(machine, "old:1", "new", chosen)
    assert not (machine.settings.catalog / "new").exists()


def test_a_catalog_that_cannot_be_written_is_said(machine):
    (machine.settings.catalog / "new").write_text("a file")
    with pytest.raises(EnvironmentProblem, match="cannot write"):
        customize(machine, "old:1", "new", CustomChoices())


def test_authorities_of_another_definition_are_not_written_over(machine, tmp_path):
    (tmp_path / "corp.pem").write_text(PEM)
    folder = machine.settings.catalog / "old/debian-13"
    (folder / "2.yaml").write_text(draft_text(Draft("old", "2", ("nodejs",))))
    chosen = CustomChoices(authorities=(tmp_path / "corp.pem",))
    first = customize(machine, "old:1", "new", chosen)
    customize(machine, "old:2", "new", chosen)
    (tmp_path / "corp.pem").write_text(PEM.replace("b25l", "dHdv"))
    first.unlink()
    with pytest.raises(InputError, match=r"corp\.crt is there already with other certificates"):
        customize(machine, "old:1", "new", chosen)
    assert first.with_name("corp.crt").read_text() == PEM
    assert not first.exists()
