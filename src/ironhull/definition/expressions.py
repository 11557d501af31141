"""`#{ … }` in a definition: what depends on the platform or the variant, evaluated where simple.

    choice  = either [ "?" choice ":" choice ]
    either  = both { "||" both }
    both    = equal { "&&" equal }
    equal   = operand [ ( "==" | "!=" ) operand ]
    operand = "!" operand | "(" choice ")" | text in quotes | true | false | target.NAME

All else of such a language is an error: nothing is ever taken for text without a word.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ironhull.values import dataclass

Value = str | bool
MAX_EXPRESSION = 500
MAX_DEPTH = 40
_WORD = re.compile(
    r"\s*(?:(?P<text>\"[^\"\\]*\"|'[^'\\]*')|(?P<name>[A-Za-z_][A-Za-z0-9_.]*)"
    r"|(?P<sign>==|!=|&&|\|\||[?:!()]))"
)


class NotSimpleError(ValueError):
    """What is not evaluated, and why; never leaves the room."""


def evaluate(expression: str, target: Mapping[str, Value]) -> Value:
    """The value of what stands between `#{` and `}`; `target` has the names that it may use.

    KeyError for a name of `target` without a value, NotSimpleError for all that is not simple.
    """
    if len(expression) > MAX_EXPRESSION:
        raise NotSimpleError(f"{len(expression)} characters, the limit is {MAX_EXPRESSION}")
    parser = _Parser(_words(expression), target)
    value = parser.choice()
    if parser.here < len(parser.words):
        raise NotSimpleError(f"not understood from {parser.words[parser.here]!r:.40} on")
    return value


def _words(expression: str) -> list[str]:
    words = []
    position = 0
    while position < len(expression.rstrip()):
        found = _WORD.match(expression, position)
        if found is None:
            raise NotSimpleError(f"not understood from {expression[position:].strip()!r:.40} on")
        words.append(found[0].strip())
        position = found.end()
    return words


@dataclass(slots=True)
class _Parser:
    """Reads and evaluates at once; both sides of a choice are read, so that both are right."""

    words: list[str]
    target: Mapping[str, Value]
    here: int = 0
    depth: int = 0

    def choice(self) -> Value:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise NotSimpleError(f"nested more than {MAX_DEPTH} levels deep")
        value = self._either()
        if self._takes("?"):
            yes = self.choice()
            if not self._takes(":"):
                raise NotSimpleError("a choice has no ':'")
            no = self.choice()
            value = yes if _truth(value) else no
        self.depth -= 1
        return value

    def _either(self) -> Value:
        value = self._both()
        while self._takes("||"):
            other = self._both()
            value = _truth(value) or _truth(other)
        return value

    def _both(self) -> Value:
        value = self._equal()
        while self._takes("&&"):
            other = self._equal()
            value = _truth(value) and _truth(other)
        return value

    def _equal(self) -> Value:
        value = self._operand()
        for sign in ("==", "!="):
            if self._takes(sign):
                return (value == self._operand()) == (sign == "==")
        return value

    def _operand(self) -> Value:
        if self.here == len(self.words):
            raise NotSimpleError("something is missing at the end")
        negated = False
        while self._takes("!"):
            negated = not negated
        if self._takes("("):
            value = self.choice()
            if not self._takes(")"):
                raise NotSimpleError("a bracket is not closed")
        else:
            value = self._literal()
        return not _truth(value) if negated else value

    def _literal(self) -> Value:
        word = self.words[self.here] if self.here < len(self.words) else ""
        self.here += 1
        if word[:1] in ('"', "'"):
            return word[1:-1]
        if word in ("true", "false"):
            return word == "true"
        if word in NAMES:
            return self.target[word]
        raise NotSimpleError(f"{word!r:.40} is not known (known: {', '.join(NAMES)})")

    def _takes(self, sign: str) -> bool:
        if self.here < len(self.words) and self.words[self.here] == sign:
            self.here += 1
            return True
        return False


NAMES = ("target.arch", "target.os", "target.dev", "target.flavor", "target.fips")
"""What a definition is told of the image that is made; the first two depend on the platform."""
OF_THE_PLATFORM = frozenset(NAMES[:2])


def _truth(value: Value) -> bool:
    if not isinstance(value, bool):
        raise NotSimpleError(f"{value!r:.40} is a text where true or false is needed")
    return value
