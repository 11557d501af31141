"""One table makes reader, JSON Schema and reference: they cannot say different things."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from ironhull.definition.format import FORMAT
from ironhull.definition.schema import DIALECT, json_schema, reference
from ironhull.definition.shape import ReadMap
from ironhull.definition.text import parse
from ironhull.definition.tree import ListNode, MapNode, Node, Problems, Scalar, ScalarKind

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"
FILES = sorted((ROOT / "images").rglob("*.yaml"))
VALIDATOR = jsonschema.Draft202012Validator(json_schema())


def plain(node: Node) -> Any:
    """The tree as an editor that follows YAML 1.2 sees it."""
    match node:
        case MapNode():
            return {key: plain(entry.value) for key, entry in node.entries.items()}
        case ListNode():
            return [plain(item) for item in node.items]
        case Scalar(kind=ScalarKind.WHOLE):
            return (
                int(node.text, 0)
                if node.text.startswith("0") and node.text != "0"
                else int(node.text)
            )
        case Scalar(kind=ScalarKind.FLAG):
            return node.text.lower() == "true"
        case Scalar(kind=ScalarKind.NUMBER):
            return float(node.text)
        case Scalar(kind=ScalarKind.NULL):
            return None
        case _:
            return node.text


def judge(text: str) -> tuple[bool, bool]:
    """Whether the reader's table, and whether the schema, accept the text as one file."""
    problems = Problems()
    tree = parse(text.encode(), "web.yaml", problems)
    record = FORMAT.read(tree, problems)
    return isinstance(record, ReadMap) and not problems.errors, VALIDATOR.is_valid(plain(tree))


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())
    assert json_schema()["$schema"] == DIALECT
    assert json_schema()["additionalProperties"] is False


def test_every_map_with_fixed_keys_is_closed_and_every_key_is_described() -> None:
    def walk(value: Any) -> int:
        count = 0
        if isinstance(value, dict):
            if "properties" in value:
                assert value["additionalProperties"] is False
                for name, key in value["properties"].items():
                    assert key["description"], name
                    count += 1
            count += sum(walk(inner) for inner in value.values())
        elif isinstance(value, list):
            count += sum(walk(inner) for inner in value)
        return count

    assert walk(json_schema()) > 100


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_a_file_of_the_catalog_fits_the_schema(file: Path) -> None:
    tree = parse(file.read_bytes(), str(file), Problems())
    VALIDATOR.validate(plain(tree))


def test_the_catalog_has_files_to_validate() -> None:
    assert len(FILES) >= 17


BOTH_REFUSE = [
    "entrypiont: [a]",
    "ports: 80/tcp",
    "ports: [80]",
    "ports: ['80/http']",
    "environment: {A: 1}",
    "environment: {A-B: x}",
    "environment: [A]",
    "variant: runtim",
    "stop-signal: TERM",
    "work-dir: app",
    "work-dir: ''",
    "paths: [{type: file}]",
    "paths: [{path: /a}]",
    "paths: [{type: file, path: /a, mode: 755}]",
    "paths: [{type: file, path: /a, mode: '9'}]",
    "accounts: {users: [{name: a, uid: -1, gid: 0}]}",
    "accounts: {users: [{name: a, uid: 4294967295, gid: 0}]}",
    "accounts: {users: [{name: a, uid: '1', gid: 0}]}",
    "accounts: {users: [{name: a, gid: 0}]}",
    "accounts: {users: [{name: 'a:b', uid: 1, gid: 1}]}",
    "accounts: {root: yes}",
    "contents: {builds: [{name: a, privileg: true}]}",
    "contents: {artifacts: [{includes: [a]}]}",
    "contents: {packages: [Foo]}",
    "contents: {packages: ['!']}",
    "contents: {mappings: {a1: b}}",
    "tests: [{name: a, commands: [[]]}]",
    "tests: [{name: a, timeout: 0}]",
    "healthcheck: {}",
    "tags: [x y]",
    "name: ''",
    "fips-compliant: maybe",
    "image:",
]
BOTH_ACCEPT = [
    "{}",
    "includes: [../base.yaml]",
    "tags: ['${V}-debian13', '20']",
    "variant: ${VARIANT}",
    "work-dir: ${HOME_OF_APP}",
    "environment: {A: '', B: x}",
    "cmd: ['']",
    "accounts: {users: [{name: a, uid: 0o17, gid: 4294967294}]}",
    "tests: [{name: a, commands: [x, [y, z]]}]",
    "paths: [{type: directory, path: /a, mode: '1777', platforms: [linux/arm64]}]",
    "contents: {packages: [nodejs, '!perl', 'libstdc++6=14.2.0-19'], mappings: {a1: 'pkg:deb/x'}}",
    "dates: {release: 2023-04-18}",
    "hardening: {shell: true, package-database: dpkg}",
]


@pytest.mark.parametrize("text", BOTH_REFUSE)
def test_reader_and_schema_refuse_the_same(text: str) -> None:
    assert judge(text) == (False, False)


@pytest.mark.parametrize("text", BOTH_ACCEPT)
def test_reader_and_schema_accept_the_same(text: str) -> None:
    problems = Problems()
    tree = parse(text.encode(), "web.yaml", problems)
    assert VALIDATOR.is_valid(plain(tree))
    FORMAT.read(tree, problems)
    # A variable is replaced before the reader looks.
    assert not problems.errors or "${" in text


def test_the_published_schema_is_the_schema() -> None:
    published = (DOCS / "definition.schema.json").read_text()
    assert json.loads(published) == json_schema(), (
        "run: ironhull schema > docs/definition.schema.json"
    )


def test_the_command_prints_the_published_schema() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "ironhull.cli", "schema"], capture_output=True, text=True, check=True
    )
    assert result.stdout == (DOCS / "definition.schema.json").read_text()


def test_the_reference_in_the_docs_is_generated() -> None:
    text = (DOCS / "definition.md").read_text()
    begin, end = "<!-- keys: begin -->\n\n", "<!-- keys: end -->"
    assert begin in text
    generated = text[text.index(begin) + len(begin) : text.index(end)]
    assert generated == reference() + "\n", (
        "put what ironhull schema --format markdown prints there"
    )


def test_loading_a_definition_imports_a_reader_of_yaml_and_nothing_else() -> None:
    script = (
        "import sys; before = set(sys.modules)\n"
        "from pathlib import Path\n"
        "from ironhull.definition.reader import load\n"
        "load(Path(sys.argv[1]))\n"
        "tops = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "print(*sorted(tops - sys.stdlib_module_names))"
    )
    file = ROOT / "images/node/debian-13/20.yaml"
    result = subprocess.run(
        [sys.executable, "-c", script, str(file)], capture_output=True, text=True, check=True
    )
    ours = {name for name in result.stdout.split() if "cython" not in name}
    assert ours <= {"ironhull", "yaml", "_yaml"}


def test_the_examples_in_the_docs_are_definitions(tmp_path: Path) -> None:
    from ironhull.definition.reader import load

    text = (DOCS / "definition.md").read_text()
    blocks = [block.split("```")[0] for block in text.split("```yaml\n")[1:]]
    whole = [block for block in blocks if "\nimage:" in f"\n{block}"]
    assert whole
    shutil.copytree(ROOT / "images/_shared", tmp_path / "images/_shared")
    for number, block in enumerate(whole):
        folder = tmp_path / "images" / f"example{number}" / "debian-13"
        folder.mkdir(parents=True)
        (folder / "1.yaml").write_text(block)
        (folder / "web.conf").write_text("x")
        assert load(folder / "1.yaml").tags
