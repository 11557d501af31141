"""What drafting decides before anything is built."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.fakes.watched import Notes

from ironhull.definition.draft import Draft, draft_text
from ironhull.errors import DefinitionError, EnvironmentProblem, InputError
from ironhull.progress import Silent
from ironhull.settings import Settings
from ironhull.workspace.definitions import Definitions
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


SHARED = """\
environment: {SHARED: by all}
paths:
  - {type: file, path: /etc/text, source: text}
"""


@pytest.fixture
def company(machine, tmp_path):
    """The machine with a company's folder before the one that has `old`, which includes a file."""
    images = machine.settings.catalog
    (images / "_shared").mkdir()
    (images / "_shared/more.yaml").write_text(SHARED)
    (images / "_shared/text").write_text("a file")
    old = images / "old/debian-13/1.yaml"
    old.write_text(f"includes: [../../_shared/more.yaml]\n{old.read_text()}")
    (tmp_path / "company").mkdir()
    settings = replace(machine.settings, catalog=tmp_path / "company", more_catalogs=(images,))
    return Machine(settings, Notes())


def test_an_original_of_a_later_folder_is_copied_with_all_that_it_reads(company, tmp_path):
    path = customize(company, "old:1", "new", CustomChoices(environment={"A": "b"}))
    assert path == tmp_path / "company/new/debian-13/1.yaml"
    copies = {
        file.relative_to(tmp_path / "company/new/debian-13/1-original").as_posix()
        for file in path.parent.rglob("*")
        if file.is_file() and file != path
    }
    assert copies == {"old/debian-13/1.yaml", "_shared/text", "_shared/more.yaml"}
    (note,) = company.progress.notes
    assert "it is copied with what it includes to" in note
    definitions = Definitions(company)
    # It is whole without the other folder.
    alone = Definitions(replace(company, settings=replace(company.settings, more_catalogs=())))
    (made, _), (old, _) = alone.definition("new:1"), definitions.definition("old:1")
    assert made.environment == {**old.environment, "A": "b"}
    assert made.environment["SHARED"] == "by all"
    assert [str(entry) for entry in definitions.catalog.all()] == [
        "new:1-debian13",
        "old:1-debian13",
    ]
    with pytest.raises(InputError, match="is there already"):
        customize(company, "old:1", "new", CustomChoices())
    path.unlink()
    with pytest.raises(InputError, match="1-original is there already"):
        customize(company, "old:1", "new", CustomChoices())


def test_a_copy_that_would_be_another_image_is_refused_and_nothing_stays(company, tmp_path):
    # As the public catalog names files: from the place where the catalog stands.
    shared = company.settings.more_catalogs[0] / "_shared/more.yaml"
    shared.write_text(SHARED.replace("source: text", "source: images/_shared/text"))
    with pytest.raises(DefinitionError, match=r"cannot be read|leads out of"):
        customize(company, "old:1", "new", CustomChoices())
    assert list((tmp_path / "company").iterdir()) == []
    # And where a catalog of the same name has another file there.
    images = tmp_path / "company/images"
    (images / "_shared").mkdir(parents=True)
    (images / "_shared/text").write_text("another file")
    there = Machine(replace(company.settings, catalog=images), Notes())
    with pytest.raises(InputError, match=r"a copy of .*old/debian-13/1\.yaml would be another"):
        customize(there, "old:1", "new", CustomChoices())
    assert [file.name for file in images.iterdir()] == ["_shared"]


def test_a_folder_that_is_named_by_way_of_the_first_is_another_one_too(company, tmp_path):
    images = tmp_path / "company/../images"
    settings = replace(company.settings, more_catalogs=(images,))
    path = customize(Machine(settings, Notes()), "old:1", "new", CustomChoices())
    assert (path.parent / "1-original/old/debian-13/1.yaml").is_file()


def test_an_image_of_the_first_folder_is_included_where_it_stands(company, tmp_path):
    customize(company, "old:1", "new", CustomChoices())
    path = customize(company, "new:1", "newer", CustomChoices())
    assert "../../new/debian-13/1.yaml" in path.read_text()
    assert len(list(path.parent.iterdir())) == 1


def test_a_file_that_is_in_no_folder_of_the_catalog_is_not_customized(company, tmp_path):
    (tmp_path / "x.yaml").write_text("image: x")
    with pytest.raises(InputError, match=r"x\.yaml is not in the catalog .*company and .*images"):
        customize(company, str(tmp_path / "x.yaml"), "new", CustomChoices())


def test_a_custom_image_has_the_tags_of_its_original_and_none_in_its_name(tmp_path: Path) -> None:
    machine = Machine(Settings(home=tmp_path / "home", catalog=tmp_path / "images"), Silent())
    with pytest.raises(InputError, match=r"^acme/new:2 has a tag: write acme/new, the tags are"):
        customize(machine, "old:1", "acme/new:2", CustomChoices())
