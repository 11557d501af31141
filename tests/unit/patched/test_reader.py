from pathlib import Path

import pytest

from ironhull.definition.reader import load
from ironhull.errors import DefinitionError
from ironhull.patched.reader import load_patched

GOOD = """\
kind: source-package
source: jbigkit
version: "2.1-6.1"
revision: 3
os-release: {id: debian, version-id: "13"}
patches:
  - file: fixes/limit.patch
    fixes: [CVE-2017-9937, CVE-2017-1]
profiles: [nocheck]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "fixes").mkdir()
    (tmp_path / "fixes/limit.patch").write_bytes(b"--- a\n")
    (tmp_path / "one.yaml").write_text(GOOD)
    return tmp_path / "one.yaml"


def test_a_definition_says_what_is_patched_and_what_that_fixes(file):
    found = load_patched(file)
    assert (found.source, found.base, found.version) == ("jbigkit", "2.1-6.1", "2.1-6.1+ih3")
    assert (found.distribution, found.codename) == ("debian-13", "trixie")
    assert [str(platform) for platform in found.platforms] == ["linux/amd64"]
    (patch,) = found.patches
    assert (patch.name, patch.content, patch.place.line) == ("limit.patch", b"--- a\n", 7)
    assert found.fixes == ("CVE-2017-1", "CVE-2017-9937")


def test_another_patch_asks_for_nothing_else_of_the_archive(file):
    before = load_patched(file)
    (file.parent / "fixes/limit.patch").write_bytes(b"--- b\n")
    assert load_patched(file).request == before.request
    file.write_text(GOOD.replace("nocheck", "nodoc"))
    assert load_patched(file).request != before.request


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("revision: 3", "revison: 3", r"one\.yaml:4:1: unknown key 'revison'; did you mean"),
        ('"2.1-6.1"', '"2.1-6.1+ih1"', r"one\.yaml:3:10: write the archive's version"),
        ('"2.1-6.1"', '"2_1"', r"one\.yaml:3:10: expected a version"),
        ("fixes: [CVE-2017-9937, CVE-2017-1]", "fixes: []", r"one\.yaml:8:12: expected at least 1"),
        ("fixes/limit", "../limit", r"one\.yaml:7:11: .*leads out of"),
        ("fixes/limit", "fixes/other", r"one\.yaml:7:11: .*cannot be read"),
        ("source-package", "image", r"one\.yaml:1:7: unknown value 'image'"),
        ("kind: source-package\n", "", r"one\.yaml:1:1: the key 'kind' is missing"),
        ('"13"', '"3"', r"one\.yaml:5:38: unknown value '3'"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(file, old, new, message):
    assert old in GOOD
    file.write_text(GOOD.replace(old, new))
    with pytest.raises(DefinitionError, match=message):
        load_patched(file)


def test_the_reader_of_images_says_which_verb_such_a_file_is_for(file):
    with pytest.raises(DefinitionError, match=r"one\.yaml:1:1: 'kind' is of.*package build"):
        load(file)
