"""Jinja templates as less Python than Jinja makes of them: half the processor time of a page.

Jinja looks at every value three times before it is text, asks of each function whether it wants to
know the template, and looks for each attribute among the items too. Nothing of these templates
needs that. What they say is the same, and what stands in a page is escaped by the same rule.

A name that a value has not is an AttributeError here: items are written with brackets.
"""

from __future__ import annotations

import re
from typing import Any

from jinja2 import Environment, nodes
from jinja2.compiler import CodeGenerator, Frame
from markupsafe import escape

_NOT_PLAIN = re.compile("[&<>\"']").search


def written(value: Any) -> str:
    """A value as it stands in a page: `escape`, without a copy of what has nothing to escape."""
    kind = value.__class__
    if kind is str and _NOT_PLAIN(value) is None:
        return value  # type: ignore[no-any-return]
    return str(value) if kind is int or kind is float else escape(value)


class _Plain(CodeGenerator):
    """Writes attributes and calls as Python has them, and blocks as one piece each."""

    def writeline(self, x: str, node: nodes.Node | None = None, extra: int = 0) -> None:
        """A line; a block's text goes as one through all templates that it stands in."""
        head, block, rest = x.partition("yield from ")
        super().writeline(f"{head}yield concat({rest})" if block else x, node, extra)

    def _output_child_pre(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        self.write("environment.written(")

    def visit_Getattr(self, node: nodes.Getattr, frame: Frame) -> None:  # noqa: N802
        """`a.b`; of a template's blocks, which are no attributes, as Jinja does it."""
        if isinstance(node.node, nodes.Name) and node.node.name == "self":
            super().visit_Getattr(node, frame)
            return
        self.write("(")
        self.visit(node.node, frame)
        self.write(f").{node.attr}")

    def visit_Call(self, node: nodes.Call, frame: Frame, forward_caller: bool = False) -> None:  # noqa: N802
        """`f(a, b=c)`."""
        self.write("(")
        self.visit(node.node, frame)
        self.write(")(")
        for each in (*node.args, *node.kwargs):
            self.visit(each, frame)
            self.write(", ")
        self.write("caller=caller)" if forward_caller else ")")


class Templates(Environment):
    """An environment whose templates are written so; none of its functions asks for a context."""

    code_generator_class = _Plain
    written = staticmethod(written)
