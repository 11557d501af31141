from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ironhull.registry.client.challenge import Challenge, parse_challenges


def test_bearer_challenge_gives_its_parameters() -> None:
    header = (
        'Bearer realm="https://auth.example/token",service="registry.example",'
        'scope="repository:a/b:pull,push"'
    )
    assert parse_challenges([header]) == [
        Challenge(
            "bearer",
            {
                "realm": "https://auth.example/token",
                "service": "registry.example",
                "scope": "repository:a/b:pull,push",
            },
        )
    ]


def test_several_challenges_in_one_header_are_told_apart() -> None:
    found = parse_challenges(['Basic realm="x", charset=UTF-8, Bearer realm=y'])
    assert found == [
        Challenge("basic", {"realm": "x", "charset": "UTF-8"}),
        Challenge("bearer", {"realm": "y"}),
    ]


def test_quoted_characters_are_unquoted() -> None:
    assert parse_challenges([r'Basic realm="a\"b\\c"'])[0].parameters == {"realm": 'a"b\\c'}


def test_a_scheme_alone_is_a_challenge() -> None:
    assert parse_challenges(["Negotiate"]) == [Challenge("negotiate", {})]


@given(st.lists(st.text(max_size=200), max_size=3))
def test_any_text_is_parsed_without_an_exception(headers: list[str]) -> None:
    parse_challenges(headers)


def test_a_long_hostile_header_takes_no_time() -> None:
    parse_challenges(['Bearer realm="' + "\\" * 100_000, "a=" * 100_000, "," * 100_000])
