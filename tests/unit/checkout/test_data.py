"""The data of the tests: small, facts alone, and enough in a clone with nothing beside it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from outside import data
from tests.data.cut import cut
from tests.data.find import EXCERPTS, excerpt, whole
from tests.unit.checkout.test_collection import ROOT

PROSE = re.compile(r'"(?:details|description|overview|references|shortDescription|summary)"')
CODE = {".py", ".md"}
# A list of decisions, which no script cuts, and two small files that stand here whole.
DECIDED = {"debian-programs.tsv", "rebuilderd/amd64.pub", "rebuilderd/librust-as-slice-dev.link"}


def excerpts() -> dict[str, bytes]:
    found = [path for path in EXCERPTS.rglob("*") if path.is_file()]
    return {
        path.relative_to(EXCERPTS).as_posix(): path.read_bytes()
        for path in found
        if path.suffix not in CODE and "__pycache__" not in path.parts
    }


def test_the_excerpts_are_few_and_hold_no_prose():
    found = excerpts()
    assert sum(map(len, found.values())) < 400_000
    assert [name for name, text in found.items() if PROSE.search(text.decode())] == []


def test_the_excerpts_are_what_the_script_cuts_from_the_whole():
    whole("kev-2026-08-07.json")
    folder = data.whole_folder()
    assert folder is not None
    again = cut(folder)
    made = {name: text for name, text in excerpts().items() if name not in DECIDED}
    assert sorted(again) == sorted(made)
    assert [name for name, text in made.items() if again[name] != text] == []


def test_every_excerpt_is_described():
    text = (EXCERPTS / "README.md").read_text()
    for name in excerpts():
        assert re.search(rf"`{name.split('/')[0]}(/|`)", text), name


def test_an_excerpt_that_is_not_there_is_a_fault_of_the_test():
    with pytest.raises(FileNotFoundError, match=r"tests/data has no nothing\.json"):
        excerpt("nothing.json")


def test_the_whole_is_where_the_variable_says(tmp_path, monkeypatch):
    monkeypatch.setenv(data.VARIABLE, str(tmp_path))
    (tmp_path / "a.json").write_text(json.dumps({}))
    assert whole("a.json") == tmp_path / "a.json"
    with pytest.raises(FileNotFoundError, match=r"has no b\.json"):
        whole("b.json")
    monkeypatch.setenv(data.VARIABLE, str(tmp_path / "missing"))
    with pytest.raises(FileNotFoundError, match=r"IRONHULL_TEST_DATA is .*missing: expected"):
        whole("a.json")


@pytest.mark.parametrize("beside", [True, False])
def test_the_whole_is_beside_the_checkout_or_nowhere(tmp_path, monkeypatch, beside):
    monkeypatch.delenv(data.VARIABLE, raising=False)
    monkeypatch.setattr(data, "BESIDE", tmp_path / "data")
    if beside:
        (tmp_path / "data").mkdir()
        (tmp_path / "data/a.json").touch()
        assert whole("a.json") == tmp_path / "data/a.json"
        monkeypatch.setenv(data.VARIABLE, "")
    with pytest.raises(
        pytest.skip.Exception, match=r"left out: the whole data are not here: a\.js"
    ):
        whole("a.json")


def test_no_other_file_looks_beside_the_checkout():
    files = [
        path
        for folder in ("src", "tests", "benchmarks", "docs", "outside")
        for path in (ROOT / folder).rglob("*.py")
    ]
    looks = {path.relative_to(ROOT).as_posix() for path in files if _looks(path)}
    assert looks == {"outside/data.py"}


def _looks(path: Path) -> bool:
    return re.search(r"\bshared[/](?:data|reference|design)", path.read_text()) is not None
