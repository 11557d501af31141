from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironhull.archive.interface import Repository
from ironhull.archive.mirror import CODENAMES, find_repositories
from ironhull.archive.trust import debian_keyring
from ironhull.errors import EnvironmentProblem, InputError

DEB822 = """\
# how this machine was made
Types: deb deb-src
URIs: https://mirror.example/debian/
Suites: bookworm bookworm-updates
# a comment in a stanza
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: https://mirror.example/debian-security
Suites: bookworm-security
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
"""
THIRD_PARTY = """\
Types: deb
URIs: https://node.example/node_20.x
Suites: nodistro
Components: main
Signed-By: /usr/share/keyrings/nodesource.gpg

Types: deb
URIs: https://docker.example/linux/debian
Suites: bookworm
Components: stable
Signed-By: /etc/apt/keyrings/docker.asc

Types: deb
URIs: https://tools.example
Suites: stable
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mDMEY865UxYJKwYBBAHaRw8BAQdAd7Z0srwuhlB6JKFkcf4HU4SSS/xcRfwEQWzr
 -----END PGP PUBLIC KEY BLOCK-----
"""


def found(
    tmp_path: Path, files: dict[str, str], distribution: str = "debian-13"
) -> list[tuple[str, str]]:
    """Names and addresses that these files of a machine lead to."""
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    apt = (tmp_path / "sources.list", tmp_path / "sources.list.d")
    return [(r.name, r.uri) for r in find_repositories(distribution, apt=apt)]


EXPECTED = [
    ("debian", "https://mirror.example/debian"),
    ("debian-security", "https://mirror.example/debian-security"),
]


def test_deb822_sources_of_another_release_give_the_address(tmp_path: Path) -> None:
    assert found(tmp_path, {"sources.list.d/debian.sources": DEB822}) == EXPECTED


def test_the_suites_are_those_of_the_distribution_asked_for(tmp_path: Path) -> None:
    (tmp_path / "d.sources").write_text(DEB822)
    main, security = find_repositories("debian-13", apt=[tmp_path])
    assert main.suites == ("trixie", "trixie-updates")
    assert security.suites == ("trixie-security",)
    assert main.components == ("main",)
    assert main.keyrings == (debian_keyring(),)
    assert find_repositories("debian-12", apt=[tmp_path])[1].suites == ("bookworm-security",)
    (sid,) = find_repositories("debian-sid", apt=[tmp_path])
    assert sid.suites == ("sid",)


def test_third_parties_disabled_ones_and_sources_are_not_asked(tmp_path: Path) -> None:
    files = {
        "sources.list": "deb-src https://src.example/debian trixie main\n"
        "deb cdrom:[Debian GNU/Linux 13]/ trixie main\n"
        "deb [arch=amd64 signed-by=/k.gpg] https://signed.example/debian trixie main\n"
        "deb https://cloud.example/apt cloud-sdk-bookworm main\n"
        "#deb https://off.example/debian trixie main\n",
        "sources.list.d/a.sources": THIRD_PARTY
        + "\nEnabled: no\nTypes: deb\nURIs: https://disabled.example/debian\nSuites: trixie\n"
        "Components: main\n",
        "sources.list.d/old.list.save": "deb https://saved.example/debian trixie main\n",
        "sources.list.d/z.sources": DEB822,
    }
    assert found(tmp_path, files) == EXPECTED


def test_a_source_without_a_key_that_only_looks_like_debian_does_not_win(tmp_path: Path) -> None:
    files = {
        "sources.list": "deb https://tools.example bookworm main\n"
        "deb http://mirror.example/debian bookworm main # the real one\n"
        "deb http://security.example/debian-security bookworm-security main\n"
    }
    assert found(tmp_path, files) == [
        ("debian", "http://mirror.example/debian"),
        ("debian-security", "http://security.example/debian-security"),
    ]


def test_one_line_sources_with_options_are_read(tmp_path: Path) -> None:
    line = "deb [ arch=amd64,arm64 trusted=yes ] http://m.example/x/debian stable main contrib\n"
    assert found(tmp_path, {"sources.list": line}) == [
        ("debian", "http://m.example/x/debian"),
        ("debian-security", "http://m.example/x/debian-security"),
    ]


def test_security_alone_leads_to_the_main_repository(tmp_path: Path) -> None:
    line = "deb http://m.example/debian-security bookworm-security main\n"
    assert found(tmp_path, {"sources.list": line}) == [
        ("debian", "http://m.example/debian"),
        ("debian-security", "http://m.example/debian-security"),
    ]


def test_a_list_of_mirrors_gives_its_first(tmp_path: Path) -> None:
    (tmp_path / "mirrors").write_text(
        "# ours\nhttps://one.example/debian/ priority:1\nhttps://b/\n"
    )
    line = f"deb mirror+file:{tmp_path}/mirrors bookworm main\n"
    assert found(tmp_path, {"sources.list": line})[0] == ("debian", "https://one.example/debian")


def test_a_list_of_mirrors_that_is_missing_or_empty_is_named(tmp_path: Path) -> None:
    line = f"deb mirror+file:{tmp_path}/mirrors bookworm main\n"
    with pytest.raises(EnvironmentProblem, match="mirrors, which cannot be read"):
        found(tmp_path, {"sources.list": line})
    (tmp_path / "mirrors").write_text("#\n")
    with pytest.raises(EnvironmentProblem, match="has no address"):
        found(tmp_path, {"sources.list": line})


@pytest.mark.parametrize("files", [{}, {"sources.list.d/node.sources": THIRD_PARTY}])
def test_no_mirror_says_what_to_set(tmp_path: Path, files: dict[str, str]) -> None:
    with pytest.raises(EnvironmentProblem) as caught:
        found(tmp_path, files)
    for way in ("--mirror URL", "IRONHULL_MIRROR=URL", 'mirror = "URL"', "sources.list.d"):
        assert way in str(caught.value)


def test_a_source_that_cannot_be_read_is_an_error_and_not_skipped(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentProblem, match=r"sources.list:2.*not a line"):
        found(tmp_path, {"sources.list": "\ndeb http://x.example/debian\n"})
    with pytest.raises(EnvironmentProblem, match=r"a.sources:1"):
        found(tmp_path, {"sources.list": "", "sources.list.d/a.sources": "nonsense\n"})


def addresses(mirror: str) -> list[str]:
    repositories = find_repositories("debian-13", mirror=mirror, apt=[])
    return [repository.uri for repository in repositories]


def test_the_setting_wins_over_the_machine(tmp_path: Path) -> None:
    (tmp_path / "d.sources").write_text(DEB822)
    own = find_repositories("debian-13", apt=[tmp_path])[0].uri
    given = "http://set.example/debian"
    assert find_repositories("debian-13", mirror=given, apt=[tmp_path])[0].uri == given
    assert find_repositories("debian-13", mirror=" ", apt=[tmp_path])[0].uri == own


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://m/debian/", ["http://m/debian", "http://m/debian-security"]),
        ("http://m/ http://s/x", ["http://m", "http://s/x"]),
        ("http://m/all", ["http://m/all", "http://m/all"]),
        ("/srv/mirror", ["file:///srv/mirror", "file:///srv/mirror"]),
        ("file:/srv/debian", ["file:/srv/debian", "file:/srv/debian-security"]),
        (
            "https://u:p@m:8443/debian",
            ["https://u:p@m:8443/debian", "https://u:p@m:8443/debian-security"],
        ),
    ],
)
def test_addresses_are_understood(text: str, expected: list[str]) -> None:
    assert addresses(text) == expected


def test_a_local_mirror_that_holds_security_itself_is_seen(tmp_path: Path) -> None:
    (tmp_path / "debian/dists/trixie-security").mkdir(parents=True)
    uri = (tmp_path / "debian").as_uri()
    assert addresses(str(tmp_path / "debian")) == [uri, uri]


@pytest.mark.parametrize(
    "text",
    [
        "mirror.example",
        "http://[",
        "ftp://m/debian",
        "http://",
        "a b c",
        "http://a http://b http://c",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="the setting `mirror`"):
        addresses(text)


def test_apt_lines_decide_the_suites_too(tmp_path: Path) -> None:
    (tmp_path / "own.gpg").write_bytes(b"key")
    text = (
        "deb http://m/debian trixie main; deb http://m/debian trixie-updates main\n"
        f"deb [signed-by={tmp_path}/own.gpg] http://m/own/ ./;deb-src http://m/debian trixie main;"
        "deb http://m/debian-security trixie-security main contrib"
    )
    assert find_repositories("debian-13", mirror=text) == [
        Repository(
            "debian",
            "http://m/debian",
            ("trixie", "trixie-updates"),
            ("main",),
            (debian_keyring(),),
        ),
        Repository("debian-2", "http://m/own", ("./",), (), (b"key",)),
        Repository(
            "debian-security",
            "http://m/debian-security",
            ("trixie-security",),
            ("main", "contrib"),
            (debian_keyring(),),
        ),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "deb http://m trixie",
        "deb x",
        "deb-src http://m trixie main",
        "deb [a b] http://m t m",
        "deb http://[ t m",
    ],
)
def test_wrong_apt_lines_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="mirror"):
        find_repositories("debian-13", mirror=text)


def test_own_keys_replace_debians() -> None:
    repositories = find_repositories("debian-13", mirror="http://m/debian", keyrings=[b"k"])
    assert {r.keyrings for r in repositories} == {(b"k",)}


def test_an_unknown_distribution_names_those_there_are() -> None:
    with pytest.raises(InputError) as caught:
        find_repositories("debian-99", mirror="http://m/debian")
    assert all(name in str(caught.value) for name in CODENAMES)


@given(st.text("deb-src []=+./:# ahtpfile\n;", max_size=60))
def test_any_text_as_a_mirror_is_understood_or_refused(text: str) -> None:
    try:
        repositories = find_repositories("debian-13", mirror=text, apt=[])
    except (InputError, EnvironmentProblem):
        return
    assert all(repository.uri and repository.suites for repository in repositories)
