"""Jinja templates as less Python than Jinja makes of them: half the processor time of a page.

Jinja looks at every value three times before it is text, asks of each function whether it wants to
know the template, and looks for each attribute among the items too. Nothing of these templates
needs that. What they say is the same, and what stands in a page is escaped by the same rule.

A name that a value has not is an AttributeError here: items are written with brackets.
"""

from __future__ import annotations

import re
from typing import Any

from jinja2 import Environment, Template, nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.environment import TemplateModule
from jinja2.runtime import Context
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
        """`a.b`; blocks of a template are no attributes of `self`."""
        block = isinstance(node.node, nodes.Name) and node.node.name == "self"
        self.write("(")
        self.visit(node.node, frame)
        self.write(f")[{node.attr!r}]" if block else f").{node.attr}")

    def visit_Call(self, node: nodes.Call, frame: Frame, forward_caller: bool = False) -> None:  # noqa: N802
        """`f(a, b=c)`."""
        self.write("(")
        self.visit(node.node, frame)
        self.write(")(")
        for each in (*node.args, *node.kwargs):
            self.visit(each, frame)
            self.write(", ")
        self.write("caller=caller)" if forward_caller else ")")


class _Imported(Template):
    """A template of which others import: what it gives is the same for each of them."""

    def _get_default_module(self, ctx: Context | None = None) -> TemplateModule:
        return super()._get_default_module()


class Templates(Environment):
    """Templates that are written so, and do not change while the program runs.

    None of their functions asks for a context, and none of them imports with its context.
    """

    code_generator_class = _Plain
    template_class = _Imported
    written = staticmethod(written)

    def __init__(self, **options: Any) -> None:
        super().__init__(auto_reload=False, **options)
        self._loaded: dict[str, Template] = {}

    def get_template(
        self,
        name: str | Template,
        parent: str | None = None,
        globals: Any = None,  # noqa: A002
    ) -> Template:
        """As Jinja's; who asked for it before changes nothing."""
        if isinstance(name, Template):
            return name
        found = self._loaded.get(name)
        if found is None:
            found = self._loaded[name] = super().get_template(name, parent, globals)
        return found
