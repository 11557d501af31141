from pathlib import Path

import pytest

from ironhull.definition.draft import Change, Draft, change_text, draft_text
from ironhull.definition.reader import read
from ironhull.errors import DefinitionError

TRAPS = 'a "b" \\ ${HOME} #{ x } : - last'


def read_text(folder: Path, text: str, name: str = "1.yaml"):
    path = folder / name
    path.write_text(text)
    loaded = read(path, {}, folder)
    assert not loaded.warnings
    return loaded.definition


def test_a_draft_is_a_definition_that_says_what_was_asked_for(tmp_path):
    draft = Draft(
        "web", "1", ("lighttpd",), ("lighttpd", "-D"), ("8080/tcp", "53/udp"), "/data",
        {"TRAPS": TRAPS}, {"/etc/web.conf": TRAPS}, "/x", ("lighttpd", "-v"),
        left_out=("perl",), deleted=("/etc/init.d",), idle=("/usr/lib/x.so",),
    )  # fmt: skip
    found = read_text(tmp_path, draft_text(draft))
    assert (found.image, found.tags, found.cmd) == ("web", ("1", "1-debian13"), ("lighttpd", "-D"))
    packages = {item.name: item.excluded for item in found.packages}
    assert (packages["lighttpd"], packages["perl"], packages["base-files"]) == (False, True, False)
    assert found.environment["TRAPS"] == TRAPS
    edits = {edit.path: edit for edit in found.paths}
    assert edits["/etc/web.conf"].content == TRAPS.encode()
    assert edits["/data"].uid == 65532
    assert "/etc/init.d" in edits
    assert (found.ports, found.volumes) == (("8080/tcp", "53/udp"), ("/data",))
    assert found.keep.idle == ("/usr/lib/x.so",)
    assert [test.name for test in found.tests] == ["it answers", "it does its job"]
    assert found.accounts.run_as == "nonroot"


def test_a_package_that_is_asked_for_is_not_kept_out_and_there_is_always_a_test(tmp_path):
    found = read_text(tmp_path, draft_text(Draft("awk", "1", ("mawk",))))
    assert [item.excluded for item in found.packages if item.name == "mawk"] == [False]
    assert found.tests


@pytest.mark.parametrize("authorities", [(), ("corp.crt",)])
def test_a_change_is_the_original_and_what_is_different(tmp_path, authorities):
    (tmp_path / "old.yaml").write_text(draft_text(Draft("old", "1", ("nodejs",))))
    (tmp_path / "corp.crt").write_text("pem")
    change = Change("old.yaml", "new", ("git",), {"TRAPS": TRAPS}, authorities)
    found = read_text(tmp_path, change_text(change), "new.yaml")
    assert found.image == "new"
    assert {"nodejs", "git"} <= {item.name for item in found.packages}
    assert found.environment["TRAPS"] == TRAPS
    local = "/usr/local/share/ca-certificates"
    assert [e.path for e in found.paths if e.path.startswith(local)] == [
        f"{local}/{name}" for name in authorities
    ]


@pytest.mark.parametrize("name", ['A: "1"\nlabels:\n  x', "A, B: x", "a b", "x # y"])
def test_the_name_of_a_variable_says_nothing_else_in_a_definition(tmp_path, name):
    draft = Draft("web", "1", ("nodejs",), environment={name: "v"})
    change = Change("old.yaml", "new", (), {name: "v"})
    (tmp_path / "old.yaml").write_text(draft_text(Draft("old", "1", ("nodejs",))))
    for text in (draft_text(draft), change_text(change)):
        with pytest.raises(DefinitionError, match=r"expected a name like|is not allowed here"):
            read_text(tmp_path, text, "new.yaml")


@pytest.mark.parametrize("name", ["NO", "null", "y", "on"])
def test_names_that_yaml_takes_for_values_are_names(tmp_path, name):
    found = read_text(tmp_path, draft_text(Draft("web", "1", ("nodejs",), environment={name: "v"})))
    assert found.environment[name] == "v"
