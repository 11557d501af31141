import json
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st
from license_expression import get_spdx_licensing

from ironhull.sbom.copyright import licence_of
from ironhull.sbom.licences import debian_licence, spdx_expression, spdx_name
from ironhull.sbom.license_list import exceptions, licences

LICENSING = get_spdx_licensing()


def unknown_names(expression: str) -> list[str]:
    """What is in an expression and neither on the list nor a reference; raises if it is none."""
    parsed = LICENSING.parse(expression, validate=False)
    known = {*licences().values(), *exceptions().values()}
    return [
        key
        for key in LICENSING.license_keys(parsed)
        if key not in known and not key.startswith("LicenseRef-")
    ]


def test_the_list_is_that_of_the_schema_of_cyclonedx() -> None:
    text = (resources.files("cyclonedx.schema") / "_res/spdx.SNAPSHOT.schema.json").read_text()
    assert {*licences().values(), *exceptions().values()} == set(json.loads(text)["enum"])
    assert not set(licences()) & set(exceptions())
    assert "LLVM-exception" in exceptions().values()
    assert "GPL-2.0-only" in licences().values()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("GPL-2+", "GPL-2.0-or-later"),
        ("GPL-2", "GPL-2.0-only"),
        ("GPL-3.0+", "GPL-3.0-or-later"),
        ("GPL3+", "GPL-3.0-or-later"),
        ("GPLv2", "GPL-2.0-only"),
        ("GPL-1+", "GPL-1.0-or-later"),
        ("GPL-2.0-only", "GPL-2.0-only"),
        ("LGPL-2.1+", "LGPL-2.1-or-later"),
        ("LGPL-2", "LGPL-2.0-only"),
        ("AGPL-3", "AGPL-3.0-only"),
        ("GFDL-NIV-1.3+", "GFDL-1.3-no-invariants-or-later"),
        ("GFDL-1.2", "GFDL-1.2-only"),
        ("Expat", "MIT"),
        ("apache-2.0", "Apache-2.0"),
        ("BSD-3-clause", "BSD-3-Clause"),
        ("Artistic", "Artistic-1.0"),
        ("CC0", "CC0-1.0"),
        ("GPL-3+ with GCC exception", "GPL-3.0-or-later WITH GCC-exception-3.1"),
        ("GPL-2+ with Libtool exception", "GPL-2.0-or-later WITH Libtool-exception"),
        ("GPL-3+ with autoconf exception", "GPL-3.0-or-later WITH Autoconf-exception-3.0"),
        ("GPL-2+ with OpenSSL exception", None),
        ("GPL-4", None),
        ("LGPL-1", None),
        ("GPL", None),
        ("BSD-3-clause~Google", None),
        ("public-domain", None),
        ("custom", None),
    ],
)
def test_debians_short_names_are_those_of_the_list_or_of_none(name, expected) -> None:
    assert spdx_name(name) == expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (["Expat"], "MIT"),
        (["Expat", "GPL-2+"], "GPL-2.0-or-later AND MIT"),
        (["GPL-1+ or Artistic"], "GPL-1.0-or-later OR Artistic-1.0"),
        (["GPL-1+ or Artistic", "Expat"], "(GPL-1.0-or-later OR Artistic-1.0) AND MIT"),
        (["GPL-2+ or Artistic-2.0, and BSD-2-clause"],
         "(GPL-2.0-or-later OR Artistic-2.0) AND BSD-2-Clause"),
        (["GPL-2 or Expat and ISC"], "GPL-2.0-only OR (MIT AND ISC)"),
        (["Expat and Expat"], "MIT"),
        (["Perl"], "Artistic-1.0-Perl OR GPL-1.0-or-later"),
    ],
)  # fmt: skip
def test_combinations_bind_as_the_format_of_copyright_files_says(said, expected) -> None:
    assert debian_licence(said, {}, "").expression == expected
    assert unknown_names(expected) == []


def test_a_licence_that_the_list_lacks_is_a_reference_with_the_packages_own_text() -> None:
    found = debian_licence(["Foo or Expat", "Foo"], {"Foo": "Do what you like."}, "")
    (text,) = found.texts
    assert (text.name, text.text) == ("Foo", "Do what you like.")
    assert text.id.startswith("LicenseRef-Foo-")
    assert found.expression == f"{text.id} AND ({text.id} OR MIT)"
    other = debian_licence(["Foo"], {"Foo": "Do what I like."}, "")
    assert other.texts[0].id != text.id


@given(
    st.lists(
        st.lists(
            st.one_of(
                st.sampled_from(
                    ["GPL-2+", "Expat", "or", "and", "with", "exception", ",", "and/or", "Perl"]
                ),
                st.text(max_size=8),
            ),
            max_size=8,
        ).map(" ".join),
        min_size=1,
        max_size=4,
    )
)
def test_whatever_a_copyright_file_names_the_expression_is_one(said) -> None:
    found = debian_licence(said, {}, "")
    assert unknown_names(found.expression) == []
    used = {key for key in LICENSING.license_keys(found.expression) if key.startswith("License")}
    assert used == {text.id for text in found.texts}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("MIT", "MIT"),
        ("mit", "MIT"),
        ("(mit or apache-2.0)", "(MIT OR Apache-2.0)"),
        ("GPL-2.0-only WITH Classpath-exception-2.0", "GPL-2.0-only WITH Classpath-exception-2.0"),
        ("Apache-2.0+ AND (MIT OR ISC)", "Apache-2.0+ AND (MIT OR ISC)"),
        ("MIT AND", ""),
        ("AND MIT", ""),
        ("(MIT", ""),
        ("MIT)", ""),
        ("MIT ISC", ""),
        ("MIT WITH ISC", ""),
        ("GPL-2.0 WITH Classpath-exception-2.0 WITH Bison-exception-2.2", ""),
        ("(MIT) WITH Classpath-exception-2.0", ""),
        ("SEE LICENSE IN LICENSE.txt", ""),
        ("UNLICENSED", ""),
        ("", ""),
        ("()", ""),
    ],
)
def test_a_packages_own_expression_counts_if_it_is_one_of_the_lists_names(text, expected) -> None:
    assert spdx_expression(text) == expected


@given(st.lists(st.sampled_from(["MIT", "GPL-2.0-only", "(", ")", "AND", "or", "WITH",
                                 "Classpath-exception-2.0", "x"]), max_size=12))  # fmt: skip
def test_an_expression_that_is_taken_is_one_for_others_too(tokens) -> None:
    found = spdx_expression(" ".join(tokens))
    assert not found or unknown_names(found) == []


COPYRIGHT = """\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: thing

Files: *
Copyright: 2020 Somebody
License: GPL-2+
 Long text.
 .
 More text.

Files: lib/*
Copyright: 2021 Else
License: Odd

License: Odd
 Odd is
 .
 odd.

License: Unused
 Nobody is under it.
"""


def test_a_machine_readable_file_gives_the_licences_of_its_files_paragraphs() -> None:
    found = licence_of(COPYRIGHT.encode(), "/usr/share/doc/thing/copyright")
    (odd,) = found.texts
    assert found.expression == f"GPL-2.0-or-later AND {odd.id}"
    assert odd.text == "Odd is\n\nodd."
    assert "/usr/share/doc/thing/copyright" in found.comment
    assert licence_of(COPYRIGHT.replace("\n", "\r\n").encode(), "/x").expression


def test_a_file_for_people_gives_no_licence_but_the_texts_that_it_points_at() -> None:
    text = b"It was packaged.\nLicense: GPL, see /usr/share/common-licenses/GPL-2.\n"
    found = licence_of(text, "/usr/share/doc/thing/copyright")
    assert (found.expression, found.texts) == ("", ())
    assert "GPL-2" in found.comment
    assert licence_of(b"", "/x").expression == ""
    assert licence_of(b"Format: 1.0\n\n\xff\xfe", "/x").expression == ""


@given(st.binary(max_size=300).map(lambda rest: b"Format: 1\n\nFiles: *\nLicense: " + rest))
def test_any_bytes_after_the_format_give_an_expression_or_none(data) -> None:
    found = licence_of(data, "/usr/share/doc/x/copyright")
    assert not found.expression or unknown_names(found.expression) == []
