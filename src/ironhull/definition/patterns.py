"""Regular expressions out of definitions: compiled only if they cannot run forever.

Python's engine backtracks, so a repeated group that itself repeats or chooses (`(a+)+`, `(a|a)*`)
can take exponential time. Such groups are refused. What is left is polynomial in the length of the
text; its degree is bounded by the number of repetitions, so that few are allowed.
"""

from __future__ import annotations

import re

MAX_PATTERN = 300
MAX_REPETITIONS = 4


def compile_pattern(text: str, groups: int = 0) -> re.Pattern[str] | str:
    """The compiled expression with at least `groups` groups, or what is wrong with it."""
    if len(text) > MAX_PATTERN:
        return f"a regular expression of {len(text)} characters, the limit is {MAX_PATTERN}"
    try:
        compiled = re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        return f"not a regular expression: {text!r:.100} ({error})"
    nested, repetitions = _measure(text)
    if nested:
        return (
            f"the regular expression {text!r:.100} repeats a group that repeats or chooses itself; "
            "that can take forever: repeat single characters or classes"
        )
    if repetitions > MAX_REPETITIONS:
        return (
            f"the regular expression {text!r:.100} has {repetitions} repetitions, the limit is "
            f"{MAX_REPETITIONS}"
        )
    if compiled.groups < groups:
        return f"the regular expression {text!r:.100} has no group: put (…) around what is wanted"
    return compiled


def _measure(text: str) -> tuple[bool, int]:
    """Whether a group that varies is repeated or referred to, and the number of repetitions."""
    stack: list[bool] = []
    """For each open group: whether it repeats or chooses anything so far."""
    varies, repetitions, index = False, 0, 0
    while index < len(text):
        char = text[index]
        if char == "\\":
            if text[index + 1 : index + 2].isdigit() and text[index + 1] != "0":
                return True, repetitions
            index += 1
        elif char == "[":
            index = _end_of_class(text, index)
        elif char == "(":
            if text.startswith(("(?P=", "(?("), index):
                return True, repetitions
            stack.append(varies)
            varies = False
            # The question mark of `(?` is no repetition.
            index += text.startswith("(?", index)
        elif char == ")":
            repeated = text[index + 1 : index + 2] in {"*", "+", "{"}
            if repeated and varies:
                return True, repetitions
            varies = (stack.pop() if stack else False) or varies or repeated
        elif char in "*+{":
            varies, repetitions = True, repetitions + 1
        elif char == "|":
            varies = True
        index += 1
    return False, repetitions


def _end_of_class(text: str, start: int) -> int:
    """The index of the `]` that closes the class opened at `start`."""
    index = start + 1
    if text[index : index + 1] == "^":
        index += 1
    if text[index : index + 1] == "]":
        index += 1
    while index < len(text) and text[index] != "]":
        index += 2 if text[index] == "\\" else 1
    return index
