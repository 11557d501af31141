from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.work import ends

from ironhull.debian.names import DebianVersion
from ironhull.debian.relation import (
    MAX_ALTERNATIVES,
    MAX_CLAUSES,
    MAX_FIELD,
    Relation,
    parse_clause,
    parse_provides,
    parse_relation,
    parse_relations,
)
from ironhull.errors import MalformedError

NAMES = st.from_regex(r"[a-z0-9][a-z0-9+.-]{1,20}", fullmatch=True)
VERSIONS = st.from_regex(r"([0-9]:)?[0-9][a-z0-9.+~]{0,8}(-[0-9a-z.+~]{1,5})?", fullmatch=True)
OPERATORS = st.sampled_from(["<<", "<=", "=", ">=", ">>"])


def test_a_field_is_clauses_of_alternatives() -> None:
    first, second = parse_relations("libc6 (>= 2.36), default-mta |  mail-transport-agent")
    assert first.alternatives == (Relation("libc6", ">=", DebianVersion("2.36")),)
    assert [relation.name for relation in second.alternatives] == [
        "default-mta",
        "mail-transport-agent",
    ]
    assert second.text == "default-mta | mail-transport-agent"


def test_a_field_may_be_empty_folded_and_end_in_a_comma() -> None:
    assert parse_relations("") == ()
    assert parse_relations(" \n ") == ()
    assert [clause.text for clause in parse_relations("a1,\n b2 (= 1) ,,")] == ["a1", "b2 (= 1)"]


def test_spaces_around_the_version_do_not_count() -> None:
    assert parse_relation(" foo(>=1.0) ") == parse_relation("foo  ( >=  1.0 )")


def test_the_old_single_operators_mean_or_equal() -> None:
    assert parse_relation("foo (< 2)").operator == "<="
    assert parse_relation("foo (> 2)").operator == ">="


@given(NAMES, OPERATORS, VERSIONS, st.sampled_from(["", ":any", ":native", ":amd64"]))
def test_a_relation_written_and_read_again_is_the_same(
    name: str, operator: str, version: str, qualifier: str
) -> None:
    relation = parse_relation(f"{name}{qualifier} ({operator} {version})")
    assert parse_relation(str(relation)) == relation
    assert relation.version == version
    assert relation.qualifier == qualifier.removeprefix(":")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "foo bar",
        "foo (2.0)",
        "foo (>= )",
        "foo (~ 2)",
        "foo (>= 2) (<< 3)",
        "foo (>= 1 2)",
        "foo (>= x!y)",
        "-foo",
        "foo:",
        "foo:ANY",
        "foo [amd64",
        "foo <!nocheck",
        "../foo",
        "foo | ",
        "| foo",
        "foo\x00",
    ],
)
def test_what_is_no_relation_is_refused_with_its_text(text: str) -> None:
    with pytest.raises(MalformedError):
        parse_clause(text)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_and_nothing_else(text: str) -> None:
    for parse in (parse_relations, parse_provides):
        with suppress(MalformedError):
            assert isinstance(parse(text), tuple)


def test_hostile_white_space_costs_linear_time() -> None:
    with ends(), pytest.raises(MalformedError):
        parse_relations("foo" + " " * (MAX_FIELD - 10) + "!")


def test_fields_without_end_are_refused() -> None:
    with pytest.raises(MalformedError, match="limit"):
        parse_relations("a" * (MAX_FIELD + 1))
    with pytest.raises(MalformedError, match="limit"):
        parse_relations("a1," * (MAX_CLAUSES + 1))
    with pytest.raises(MalformedError, match="limit"):
        parse_relations("|".join(["a1"] * (MAX_ALTERNATIVES + 1)))


def test_an_unversioned_relation_holds_for_anything() -> None:
    relation = parse_relation("awk")
    assert relation.holds_for(None)
    assert relation.holds_for(DebianVersion("1.0"))


def test_a_versioned_relation_needs_a_version_that_fits() -> None:
    relation = parse_relation("foo (>= 1.0-2)")
    assert relation.holds_for(DebianVersion("1.0-2"))
    assert relation.holds_for(DebianVersion("1.0-2+deb13u1"))
    assert not relation.holds_for(DebianVersion("1.0-2~bpo1"))
    assert not relation.holds_for(None)


def test_the_any_qualifier_is_only_for_packages_that_allow_it() -> None:
    relation = parse_relation("python3:any")
    assert relation.admits("allowed", "amd64")
    assert not relation.admits("foreign", "amd64")
    assert not relation.admits("no", "amd64")


def test_an_architecture_qualifier_is_only_for_the_image_s_own() -> None:
    assert parse_relation("libc6:amd64").admits("same", "amd64")
    assert not parse_relation("libc6:i386").admits("same", "amd64")
    assert parse_relation("libc6:native").admits("no", "amd64")
    assert parse_relation("libc6").admits("no", "amd64")


def test_architecture_lists_and_profiles_are_understood() -> None:
    relation = parse_relation("foo (>= 1) [amd64 arm64] <!nocheck>")
    assert relation.architectures == ("amd64", "arm64")
    assert relation.profiles == (("!nocheck",),)
    assert relation.applies_on("amd64")
    assert not relation.applies_on("armhf")
    assert parse_relation("foo [!i386]").applies_on("amd64")
    assert not parse_relation("foo [!i386]").applies_on("i386")
    assert not parse_relation("foo <cross>").applies_on("amd64")
    assert parse_relation("foo <cross> <!nodoc>").applies_on("amd64")


def test_provides_gives_names_with_or_without_version() -> None:
    assert parse_provides("awk, libfoo-dev (= 1.2)") == (("awk", None), ("libfoo-dev", "1.2"))


@pytest.mark.parametrize("field", ["a1 | b2", "a1 (>= 2)"])
def test_provides_with_alternatives_or_other_operators_is_refused(field: str) -> None:
    with pytest.raises(MalformedError):
        parse_provides(field)
