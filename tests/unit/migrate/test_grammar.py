"""The editors' grammar of Dockerfiles, a second oracle: it sees the instructions that we see."""

from __future__ import annotations

import pytest
import tree_sitter
import tree_sitter_containerfile
from outside.dockerfile_rows import Row, every

from ironhull.migrate.dockerfile.lexer import lex

ROWS = every()


def instructions(data: bytes) -> list[tuple[str, int]]:
    """Keyword and first line of each, as the grammar has them; it has to take all of the text."""
    grammar = tree_sitter.Language(tree_sitter_containerfile.language())
    root = tree_sitter.Parser(grammar).parse(data).root_node
    assert not root.has_error
    return [
        (node.type.removesuffix("_instruction").upper(), node.start_point[0] + 1)
        for node in root.named_children
        if node.type.endswith("_instruction")
    ]


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_the_grammar_has_the_same_instructions_before_and_after(row: Row) -> None:
    for data in (row.source, row.migrated().text):
        ours = [
            (node.instruction.keyword, node.line)
            for node in lex(data).nodes
            if node.instruction is not None
        ]
        assert ours
        assert instructions(data) == ours
