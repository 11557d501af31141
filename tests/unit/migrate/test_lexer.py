"""The lexer keeps every byte, and finds the instructions that BuildKit's own parser finds."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from outside.dockerfile_rows import every

from ironhull.errors import MalformedError
from ironhull.migrate.dockerfile.instruction import SPACE, Instruction
from ironhull.migrate.dockerfile.lexer import Document, Kind, lex
from ironhull.migrate.dockerfile.stages import split
from ironhull.migrate.dockerfile.variables import split_words

dockerfile = pytest.importorskip("dockerfile", reason="needs a wheel of dockerfile, or Go")

LINES = [
    "FROM a",
    "FROM --platform=linux/amd64 a AS b",
    "RUN x",
    "RUN x \\",
    "  && y",
    "  && z \\",
    "# comment",
    "  # indented",
    "",
    "   ",
    "# escape=`",
    "# syntax=docker/dockerfile:1",
    "#check=skip=all",
    "RUN x `",
    "COPY <<EOF /a",
    "EOF",
    "RUN cat <<-'E' <<F",
    "\tE",
    "F",
    "E",
    'CMD ["a", "b"]',
    'CMD ["a", 1]',
    "CMD [a]",
    'CMD ["a"] # note',
    "ENTRYPOINT []",
    "ONBUILD RUN --mount=type=cache,target=/x y",
    "ONBUILD COPY <<EOF /b",
    "env A=b C='d e'",
    "ENV A b c",
    'LABEL a="b c" d=e\\ f',
    'HEALTHCHECK --interval=1s CMD ["a"]',
    "HEALTHCHECK NONE",
    'RUN --mount=type=bind,source="a b" x',
    "RUN -- x",
    "RUN --x",
    "ARG A=1",
    "RUN a <<<b",
    "RUN a 3<<EOF",
    "RUN a <<EOF>>b",
    "RUN x\\\\",
    "\\",
    'RUN "<<EOF"',
    "EXPOSE 80 81",
    "USER a",
    "WORKDIR /a b",
    'SHELL ["a"]',
    'VOLUME ["/a"]',
    "ADD a b",
    "\u00a0RUN x",
    "RUN x\\ ",
]


def ask(data: bytes) -> tuple[object, object]:
    """What BuildKit's parser and ours say: instructions, or that it is refused."""
    try:
        theirs: object = dockerfile.parse_string(data.decode())
    except dockerfile.GoParseError:
        theirs = "refused"
    try:
        ours: object = lex(data)
    except MalformedError:
        ours = "refused"
    return theirs, ours


def facts(instruction: Instruction) -> tuple[object, ...]:
    return (
        instruction.keyword,
        instruction.line,
        instruction.end_line,
        instruction.json is not None,
        tuple(
            f"--{flag.name}" if flag.value is None else f"--{flag.name}={flag.value}"
            for flag in instruction.flags
        ),
        value(instruction),
    )


def value(instruction: Instruction) -> object:
    """Arguments as BuildKit's parser gives them, as far as it takes them apart by one rule."""
    if instruction.json is not None:
        first = instruction.body.split()[:1]
        kind = (first[0].upper(),) if instruction.keyword == "HEALTHCHECK" else ()
        return (*kind, *instruction.json)
    if instruction.keyword in ("RUN", "CMD", "ENTRYPOINT", "USER", "WORKDIR", "STOPSIGNAL"):
        return (instruction.body,) if instruction.body else ()
    if instruction.keyword in ("COPY", "ADD", "EXPOSE", "FROM", "VOLUME"):
        return tuple(re.split(r"[\t\v\f\r ]+", instruction.body)) if instruction.body else ()
    return None


def same(theirs: object, ours: object) -> None:
    if theirs == "refused":
        return  # we may read more
    assert isinstance(ours, Document), "BuildKit takes it"
    assert isinstance(theirs, tuple)
    known = [each for each in ours.instructions if each.written]
    told = [each for each in theirs if each.cmd]
    assert [each.cmd.upper() for each in told] == [each.keyword for each in known]
    for one, two in zip(told, known, strict=True):
        mine = facts(two)
        if two.keyword == "ONBUILD":
            # It loses flags and heredocs of what is put off.
            assert (one.start_line, (one.sub_cmd or "").upper()) == (
                two.line, two.inner.keyword if two.inner else "")  # fmt: skip
            continue
        assert mine[:4] == (one.cmd.upper(), one.start_line, one.end_line, one.json)
        assert mine[4] == one.flags
        if mine[5] is not None:
            assert mine[5] == one.value


@pytest.mark.parametrize("row", every(), ids=lambda row: row.name)
def test_the_rows_are_read_as_buildkit_reads_them(row):
    same(*ask(row.source))
    assert lex(row.source).text == row.input


@settings(max_examples=1500, deadline=None)
@given(
    st.lists(st.sampled_from(LINES), max_size=12), st.sampled_from(["\n", "\r\n"]), st.booleans()
)
def test_lines_in_any_order_are_read_as_buildkit_reads_them(lines, end, ends):
    text = end.join(["FROM a", *lines]) + (end if ends else "")
    theirs, ours = ask(text.encode())
    same(theirs, ours)
    if isinstance(ours, Document):
        assert ours.text == text


@settings(max_examples=500, deadline=None)
@given(st.lists(st.sampled_from([line for line in LINES if "check" not in line]), max_size=8))
def test_directives_at_the_top_are_read_as_buildkit_reads_them(lines):
    # The oracle is of a time before the directive `check`, which it takes for a comment.
    theirs, ours = ask("\n".join([*lines, "FROM a", ""]).encode())
    same(theirs, ours)


@settings(max_examples=500, deadline=None)
@given(st.text(max_size=200), st.binary(max_size=60))
def test_every_byte_is_in_some_node(text, noise):
    data = text.encode("utf-8", "surrogatepass") + b"\nFROM a\n" + noise
    try:
        document = lex(data)
    except MalformedError:
        return
    assert document.text.encode("utf-8", "surrogateescape") == data
    at = 0
    for node in document.nodes:
        assert node.start == at
        assert document.text[at : at + len(node.text)] == node.text
        at += len(node.text)


@settings(max_examples=500, deadline=None)
@given(st.lists(st.sampled_from(LINES), max_size=10))
def test_each_sign_of_an_instruction_knows_its_place(lines):
    text = "\n".join(["FROM a", *lines])
    try:
        document = lex(text.encode())
    except MalformedError:
        return
    for instruction in document.instructions:
        for at, sign in enumerate(instruction.logical):
            assert text[instruction.offset(at)] == sign


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (b"", "no instruction"),
        (b"# only a comment\n", "no instruction"),
        (b"FROM a\nCOPY <<EOF /a\nx\n", "line 2: the heredoc EOF does not end"),
        (b"# escape=x\nFROM a\n", "line 1: escape=x is neither"),
        (b"# syntax=a\n# syntax=b\nFROM a\n", "line 2: the directive syntax stands twice"),
        (b"# check=a\n# check=b\nFROM a\n", "line 2: the directive check stands twice"),
        (b'FROM a\nRUN ["a", 1]\n', "line 2: the list behind RUN"),
    ],
)
def test_what_is_no_dockerfile_is_refused_with_its_line(text, what):
    with pytest.raises(MalformedError, match=what):
        lex(text)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (b"RUN x\n", "line 1: RUN stands before the first FROM"),
        (b"ARG A=1\n", "no FROM"),
        (b"FROM a\nFOO x\n", "line 2: FOO is no instruction"),
        (b"FROM a b\n", "line 1: expected FROM IMAGE"),
        (b"FROM\n", "line 1: expected FROM IMAGE"),
    ],
)
def test_what_has_no_stages_is_refused_with_its_line(text, what):
    with pytest.raises(MalformedError, match=what):
        split(lex(text))


def test_a_file_of_a_size_that_nobody_writes_is_refused():
    with pytest.raises(MalformedError, match="at most"):
        lex(b"FROM a\n" + b"#" * (1 << 20))


def test_a_byte_order_mark_and_crlf_are_kept():
    data = b"\xef\xbb\xbfFROM a\r\nRUN x \\\r\n y\r\n"
    document = lex(data)
    assert document.text.encode() == data
    assert [each.body for each in document.instructions] == ["a", "x  y"]


def test_bytes_that_are_no_utf_8_are_kept():
    data = b"FROM a\nLABEL x=\xff\xfe\n"
    assert lex(data).text.encode("utf-8", "surrogateescape") == data


def test_kinds_of_nodes():
    document = lex(b"# syntax=a\n\n# b\nFROM a\n")
    assert [node.kind for node in document.nodes] == [
        Kind.DIRECTIVE, Kind.BLANK, Kind.COMMENT, Kind.INSTRUCTION]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a=b c='d e' f=\"g\"", ["a=b", "c='d e'", 'f="g"']),
        (r"a=b\ c d", [r"a=b\ c", "d"]),
        ("", []),
    ],
)
def test_words_of_env_end_at_white_space_outside_of_quotes(text, words):
    assert split_words(text, "\\") == words


def test_white_space_is_what_go_calls_so():
    assert set(SPACE) >= set(" \t\n\r\v\f\x85\xa0")
