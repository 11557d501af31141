"""The manual of the rules, as docs/migrate.md has it."""

from __future__ import annotations

from ironhull.migrate.rules.rule import Rule
from ironhull.migrate.rules.table import RULES


def manual() -> str:
    """Each rule in Markdown, in its order: a table, then an example for each."""
    table = ["| rule | what | how sure |", "|---|---|---|"]
    table += [
        f"| [{rule.id}](#{rule.id}) | {rule.title} | {rule.confidence.value} |" for rule in RULES
    ]
    return "\n".join([*table, *(line for rule in RULES for line in _example(rule))]) + "\n"


def _example(rule: Rule) -> list[str]:
    lines = ["", f"### {rule.id}", "", f"{rule.title}: {rule.reason}.", ""]
    if rule.before == rule.after:
        return [*lines, "```dockerfile", *rule.before.splitlines(), "```"]
    lines += ["```diff", *(f"-{line}" for line in rule.before.splitlines())]
    return [*lines, *(f"+{line}" for line in rule.after.splitlines()), "```"]
