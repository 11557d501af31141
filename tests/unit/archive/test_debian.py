from __future__ import annotations

import dataclasses
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from tests.fakes.mirror import (
    TODAY,
    FakeDeb,
    FakeMirror,
    SigningKey,
    archive_key,
    flipped,
    hanging,
    make_repository,
    redirected,
    serving,
    shortened,
    status,
    truncated,
    usual,
)

from ironhull.archive.debian import ArchiveContext, DebianArchive, load_releases, open_archive
from ironhull.archive.interface import Archive, Download, Repository
from ironhull.archive.transfer import PATIENCE, Transfer
from ironhull.errors import (
    EnvironmentProblem,
    InputError,
    MalformedError,
    NetworkError,
    NotFoundError,
    UntrustedError,
)
from ironhull.oci.platform import Architecture

AMD64 = Architecture("amd64")
LIBC = FakeDeb.make(
    "libc6", "2.41-12", control={"Source": "glibc", "Multi-Arch": "same", "Depends": "libgcc-s1"}
)
OLD = FakeDeb.make("tool", "1.9-1", control={"Provides": "virtual (= 2:1), other"})
NEW = FakeDeb.make(
    "tool",
    "1.10-1+b1",
    control={"Source": "tool-src (1.10-1)", "Essential": "yes", "Provides": "virtual"},
)
ALL = FakeDeb.make("data", "1", architecture="all", control={"Provides": "other (= 3),\n third"})


def quick(note: Callable[[str], None]) -> Download:
    return Transfer(replace(PATIENCE, idle=0.4, whole=5, first_wait=0.01), note=note)


def never(note: Callable[[str], None]) -> Download:
    raise AssertionError("something was asked of the network")


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[FakeMirror]:
    with serving(make_repository(tmp_path / "mirror", [LIBC, OLD, ALL])) as mirror:
        yield mirror


@pytest.fixture
def context(tmp_path: Path) -> ArchiveContext:
    return ArchiveContext(tmp_path / "cache", clock=lambda: TODAY, transfer=quick)


def repository(mirror: FakeMirror | str, *suites: str, **other: object) -> Repository:
    uri = mirror if isinstance(mirror, str) else mirror.url
    made = Repository("debian", uri, suites or ("trixie",), keyrings=(archive_key().certificate,))
    return dataclasses.replace(made, **other)  # type: ignore[arg-type]


def opened(
    context: ArchiveContext, *repositories: Repository, architecture: str = "amd64"
) -> DebianArchive:
    return open_archive(load_releases(repositories, context), Architecture(architecture), context)


def later(context: ArchiveContext, **changes: object) -> ArchiveContext:
    return dataclasses.replace(context, **changes)  # type: ignore[arg-type]


def test_packages_are_found_with_all_that_their_stanzas_say(
    mirror: FakeMirror, context: ArchiveContext
) -> None:
    archive: Archive = opened(context, repository(mirror))
    (libc,) = archive.versions("libc6")
    assert libc.source == "glibc"
    assert libc.source_version == "2.41-12"
    assert libc.sha256 == LIBC.sha256
    assert (libc.size, libc.path) == (len(LIBC.data), LIBC.path)
    assert (libc.repository, libc.suite, libc.component) == ("debian", "trixie", "main")
    assert (libc.multi_arch, libc.depends, libc.essential) == ("same", "libgcc-s1", False)
    assert archive.architecture == "amd64"
    assert list(archive.names()) == ["data", "libc6", "tool"]
    assert archive.versions("nothing") == ()
    assert archive.versions("virtual") == ()


def test_the_highest_version_of_all_suites_is_first(
    tmp_path: Path, context: ArchiveContext
) -> None:
    root = make_repository(tmp_path / "m", [OLD])
    make_repository(root, [NEW], suite="trixie-updates")
    make_repository(tmp_path / "s", [OLD, NEW], suite="trixie-security", codename="trixie-security")
    security = repository((tmp_path / "s").as_uri(), "trixie-security", name="debian-security")
    archive = opened(context, repository(root.as_uri(), "trixie", "trixie-updates"), security)
    assert [(p.version, p.suite) for p in archive.versions("tool")] == [
        ("1.10-1+b1", "trixie-updates"),
        ("1.10-1+b1", "trixie-security"),
        ("1.9-1", "trixie"),
        ("1.9-1", "trixie-security"),
    ]
    newest = archive.versions("tool")[0]
    assert (newest.source, newest.source_version, newest.essential) == ("tool-src", "1.10-1", True)


def test_providers_come_with_the_version_they_provide(
    tmp_path: Path, context: ArchiveContext
) -> None:
    root = make_repository(tmp_path / "m", [NEW, OLD, ALL, LIBC])
    archive = opened(context, repository(root.as_uri()))
    assert [(p.name, p.version, v) for p, v in archive.providers("virtual")] == [
        ("tool", "1.9-1", "2:1"),
        ("tool", "1.10-1+b1", None),
    ]
    assert [(p.name, v) for p, v in archive.providers("other")] == [("data", "3"), ("tool", None)]
    assert [(p.name, v) for p, v in archive.providers("third")] == [("data", None)]
    assert archive.providers("tool") == ()


def test_each_architecture_sees_its_own_packages_and_those_of_all(
    tmp_path: Path, context: ArchiveContext
) -> None:
    arm = FakeDeb.make("tool", "2", architecture="arm64")
    for separate in (False, True):
        root = make_repository(
            tmp_path / f"m{separate}",
            [OLD, arm, ALL],
            architectures=("amd64", "arm64"),
            separate_all=separate,
        )
        releases = load_releases([repository(root.as_uri())], context)
        for name, version in (("amd64", "1.9-1"), ("arm64", "2")):
            archive = open_archive(releases, Architecture(name), context)
            assert [p.version for p in archive.versions("tool")] == [version]
            assert [p.architecture for p in archive.versions("data")] == ["all"]
            assert archive.releases == tuple(r.record for r in releases)


def test_the_release_is_recorded_as_read(mirror: FakeMirror, context: ArchiveContext) -> None:
    (found,) = load_releases([repository(mirror)], context)
    record = found.record
    assert (record.repository, record.suite, record.codename) == ("debian", "trixie", "trixie")
    assert record.date == "2026-11-23T12:00:00Z"
    assert record.valid_until == "2026-11-30T12:00:00Z"
    assert record.signed_by == archive_key().fingerprint
    data = (mirror.root / "dists/trixie/InRelease").read_bytes()
    assert record.digest == FakeDeb("", "", data).sha256


def test_by_hash_is_asked_first_and_the_name_if_it_is_not_there(
    tmp_path: Path, mirror: FakeMirror, context: ArchiveContext
) -> None:
    opened(context, repository(mirror))
    assert "/by-hash/SHA256/" in mirror.paths()[-1]
    for folder in (mirror.root / "dists").rglob("by-hash"):
        folder.rename(folder.with_name("gone"))
    opened(later(context, cache=tmp_path / "second"), repository(mirror))
    assert "/by-hash/SHA256/" in mirror.paths()[-2]
    assert mirror.paths()[-1].endswith("binary-amd64/Packages.xz")


def test_a_mirror_without_by_hash_or_xz_does(tmp_path: Path, context: ArchiveContext) -> None:
    for n, endings in enumerate([("", ".gz"), ("",), (".xz",)]):
        root = make_repository(tmp_path / f"m{n}", [OLD], by_hash=False, endings=endings)
        archive = opened(context, repository(root.as_uri(), name=f"r{n}"))
        assert archive.versions("tool")


def test_a_repository_that_is_one_folder_does(tmp_path: Path, context: ArchiveContext) -> None:
    for suite in ("./", "flat/"):
        root = make_repository(tmp_path / suite.strip("./"), [OLD, ALL], suite=suite, by_hash=False)
        own = repository(root.as_uri(), suite, name=f"own{suite}", components=())
        archive = opened(context, own)
        assert list(archive.names()) == ["data", "tool"]


def test_an_index_is_read_once_and_a_release_each_time(
    mirror: FakeMirror, context: ArchiveContext
) -> None:
    opened(context, repository(mirror)).close()
    before = len(mirror.requests)
    opened(context, repository(mirror)).close()
    assert mirror.paths()[before:] == ["/dists/trixie/InRelease"]
    assert mirror.requests[-1].headers["cache-control"] == "no-cache"


def test_offline_works_from_what_was_verified_before(
    mirror: FakeMirror, context: ArchiveContext
) -> None:
    opened(context, repository(mirror))
    offline = later(context, offline=True, transfer=never, clock=lambda: TODAY + timedelta(days=99))
    assert opened(offline, repository(mirror)).versions("tool")


def test_offline_says_what_was_never_read(
    tmp_path: Path, mirror: FakeMirror, context: ArchiveContext
) -> None:
    offline = later(context, offline=True, transfer=never)
    with pytest.raises(EnvironmentProblem, match="trixie: was never read on this machine"):
        opened(offline, repository(mirror))
    releases = load_releases([repository(mirror)], context)
    with pytest.raises(EnvironmentProblem, match="package index that was never read"):
        open_archive(releases, AMD64, offline)


def test_a_release_that_was_changed_in_the_cache_is_not_believed(
    mirror: FakeMirror, context: ArchiveContext
) -> None:
    opened(context, repository(mirror))
    (cached,) = (context.cache / "releases").glob("*.InRelease")
    cached.write_bytes(cached.read_bytes().replace(b"Origin: Test", b"Origin: Tess"))
    with pytest.raises(UntrustedError, match="changed after it was signed"):
        opened(later(context, offline=True), repository(mirror))


# What a hostile or broken mirror may do.


def test_a_release_signed_by_a_stranger_is_refused(tmp_path: Path, context: ArchiveContext) -> None:
    root = make_repository(tmp_path / "m", [OLD], key=SigningKey.generate("stranger"))
    with pytest.raises(UntrustedError, match="not in the keyring"):
        opened(context, repository(root.as_uri()))


def test_a_release_with_one_byte_changed_is_refused(
    mirror: FakeMirror, context: ArchiveContext
) -> None:
    text = (mirror.root / "dists/trixie/InRelease").read_bytes()
    mirror.fail("InRelease", flipped(text.index(b"Label")))
    with pytest.raises(UntrustedError, match=r"debian trixie .*changed after it was signed"):
        opened(context, repository(mirror))


def test_an_expired_release_is_refused_unless_it_is_a_snapshot(
    mirror: FakeMirror, context: ArchiveContext
) -> None:
    late = later(context, clock=lambda: TODAY + timedelta(days=8))
    with pytest.raises(UntrustedError, match="expired on 2026-11-30"):
        opened(late, repository(mirror))
    assert opened(later(late, allow_expired=True), repository(mirror)).versions("tool")


def test_an_old_release_that_is_replayed_is_refused(
    mirror: FakeMirror, context: ArchiveContext
) -> None:
    old = (mirror.root / "dists/trixie/InRelease").read_bytes()
    make_repository(mirror.root, [NEW], date=TODAY + timedelta(minutes=5))
    assert opened(context, repository(mirror)).versions("tool")[0].version == "1.10-1+b1"
    (mirror.root / "dists/trixie/InRelease").write_bytes(old)
    with pytest.raises(UntrustedError, match="older than the 2026-11-23 12:05:00 UTC"):
        opened(context, repository(mirror))
    # The refused one is not kept either: offline, the newer one still holds.
    offline = later(context, offline=True)
    assert opened(offline, repository(mirror)).releases[0].date == "2026-11-23T12:05:00Z"


def test_a_snapshot_is_neither_refused_as_old_nor_remembered(
    mirror: FakeMirror, context: ArchiveContext
) -> None:
    opened(context, repository(mirror))
    make_repository(mirror.root, [OLD], date=datetime.fromisoformat("2020-01-01T00:00:00+00:00"))
    snapshot = later(context, allow_expired=True)
    assert opened(snapshot, repository(mirror)).releases[0].date == "2020-01-01T00:00:00Z"
    (state,) = (context.cache / "seen").glob("*.json")
    assert "2026-11-23" in json.loads(state.read_text())[archive_key().fingerprint]


@pytest.mark.parametrize("fault", [flipped(70), shortened(60), flipped(-1)])
def test_packages_that_are_not_those_of_the_release_are_refused(
    mirror: FakeMirror, context: ArchiveContext, fault: Callable[..., bool]
) -> None:
    (by_hash,) = [
        p for p in (mirror.root / "dists").rglob("by-hash/SHA256/*") if p.read_bytes()[1:3] == b"7z"
    ]
    mirror.fail(by_hash.name, fault)
    mirror.fail("Packages.xz", fault)
    with pytest.raises(UntrustedError, match=r"expected .* bytes with sha256"):
        opened(context, repository(mirror))
    assert not list((context.cache / "indexes").rglob("*.sqlite"))
    mirror.fail("Packages.xz", usual)
    assert opened(context, repository(mirror)).versions("tool")


def test_the_release_of_another_suite_is_refused(
    mirror: FakeMirror, context: ArchiveContext
) -> None:
    make_repository(mirror.root, [NEW], suite="bookworm")
    wrong = (mirror.root / "dists/bookworm/InRelease").read_bytes()
    (mirror.root / "dists/trixie/InRelease").write_bytes(wrong)
    with pytest.raises(UntrustedError, match="release file of bookworm, not of 'trixie'"):
        opened(context, repository(mirror))


def test_a_suite_may_be_asked_for_by_either_of_its_names(
    tmp_path: Path, context: ArchiveContext
) -> None:
    root = make_repository(tmp_path / "m", [OLD], suite="trixie", release={"Suite": "stable"})
    assert opened(context, repository(root.as_uri(), "trixie")).versions("tool")


def test_an_unknown_suite_is_named(mirror: FakeMirror, context: ArchiveContext) -> None:
    with pytest.raises(NotFoundError, match=r"debian trixie-security .*has no such suite"):
        opened(context, repository(mirror, "trixie", "trixie-security"))


def test_a_repository_that_a_definition_names_is_not_blamed_on_the_mirror(
    mirror: FakeMirror, context: ArchiveContext
) -> None:
    own = replace(repository(mirror, "nowhere"), place="images/web/debian-13/1.yaml:7:5")
    with pytest.raises(NotFoundError) as caught:
        opened(context, own)
    gone = replace(own, uri="http://127.0.0.1:1/debian")
    with pytest.raises(NetworkError) as unreachable:
        opened(context, gone)
    for text in (str(caught.value), str(unreachable.value)):
        assert "images/web/debian-13/1.yaml:7:5" in text
        assert "mirror" not in text
    assert own == replace(own, place="")


def test_an_unknown_component_or_architecture_names_those_there_are(
    mirror: FakeMirror, context: ArchiveContext
) -> None:
    with pytest.raises(InputError, match=r"unknown component 'contribs' \(it has: main\)"):
        opened(context, repository(mirror, components=("contribs",)))
    with pytest.raises(InputError, match=r"no architecture arm64 \(it has: amd64\)"):
        opened(context, repository(mirror), architecture="arm64")


def test_components_of_a_security_suite_are_named_without_their_prefix(
    tmp_path: Path, context: ArchiveContext
) -> None:
    root = make_repository(tmp_path / "m", [OLD], release={"Components": "updates/main"})
    assert opened(context, repository(root.as_uri())).versions("tool")


def test_a_listed_index_that_the_mirror_lacks_is_named(
    mirror: FakeMirror, context: ArchiveContext
) -> None:
    for end in ("Packages.xz", "Packages"):
        mirror.fail(end, status(404))
    for path in (mirror.root / "dists").rglob("by-hash/SHA256/*"):
        path.unlink()
    with pytest.raises(
        NotFoundError, match="release file lists it, and the mirror does not have it"
    ):
        opened(context, repository(mirror))


def test_a_release_that_lists_no_packages_is_refused(
    tmp_path: Path, context: ArchiveContext
) -> None:
    table = f"\n {'0' * 64} 1 main/binary-amd64/Release"
    root = make_repository(tmp_path / "m", [OLD], release={"SHA256": table})
    with pytest.raises(NotFoundError, match="lists no Packages file of component 'main' for amd64"):
        opened(context, repository(root.as_uri()))


def test_a_suite_without_packages_is_no_error(tmp_path: Path, context: ArchiveContext) -> None:
    for n, endings in enumerate([("", ".xz"), (".xz",)]):
        root = make_repository(tmp_path / f"m{n}", [], endings=endings)
        assert opened(context, repository(root.as_uri(), name=f"r{n}")).names() == []


def test_a_release_that_leads_out_of_the_repository_is_refused(
    tmp_path: Path, context: ArchiveContext
) -> None:
    release = {
        "Architectures": "../../x",
        "SHA256": f"\n {'0' * 64} 5 main/binary-../../x/Packages",
    }
    root = make_repository(tmp_path / "m", [OLD], release=release)
    with pytest.raises(MalformedError, match="not a path inside a repository"):
        opened(context, repository(root.as_uri()), architecture="../../x")


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (truncated(100), "the transfer broke off"),
        (shortened(100), "cut off"),
        (hanging(0), "does not answer in time"),
        (redirected("/{n}/InRelease"), "redirected without end"),
        (status(500), "the server answers 500"),
        (status(403), "the server answers 403"),
    ],
)
def test_a_mirror_that_misbehaves_gives_one_clear_error(
    mirror: FakeMirror, context: ArchiveContext, fault: Callable[..., bool], said: str
) -> None:
    if said == "the transfer broke off":
        mirror.fail("InRelease", fault, truncated(0))
    else:
        mirror.fail("InRelease", fault)
    with pytest.raises((NetworkError, UntrustedError), match=said) as caught:
        opened(context, repository(mirror))
    assert "\n" not in str(caught.value)
    assert "InRelease" in str(caught.value)


def test_a_mirror_that_recovers_is_enough(mirror: FakeMirror, context: ArchiveContext) -> None:
    mirror.fail("InRelease", status(503, retry_after="0"), truncated(10), usual)
    assert opened(context, repository(mirror)).versions("tool")


def test_a_missing_mirror_is_named(context: ArchiveContext) -> None:
    with serving(Path("/nonexistent")) as gone:
        url = gone.url
    with pytest.raises(NetworkError, match=f"debian trixie: {url}.*no server answers.*--mirror"):
        opened(context, repository(url))
    with pytest.raises(NotFoundError, match="debian: the mirror /nonexistent is not a folder"):
        opened(context, repository("file:///nonexistent"))


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (("Size: ", "Size: x"), "Size is not a number"),
        (("SHA256: ", "SHA256: 0"), "SHA256 is not one"),
        (("Filename: pool", "Filename: ../pool"), "not a path inside a repository"),
        (("Filename: pool", "Filename: /pool"), "not a path inside a repository"),
        (("Version: 9", "Version: x"), "not a Debian version"),
        (("Version: 9\n", ""), "has no Version field"),
        (("Source: s", "Source: s ("), "Source is not"),
        (("Source: s", "Source: s (x)"), "not a Debian version"),
    ],
)
def test_a_stanza_that_is_wrong_is_named_when_it_is_asked_for(
    tmp_path: Path, context: ArchiveContext, change: tuple[str, str], fault: str
) -> None:
    good = FakeDeb.make("wrong", "9", control={"Source": "s"}).stanza()
    root = make_repository(tmp_path / "m", [OLD], extra_stanzas=good.replace(*change))
    archive = opened(context, repository(root.as_uri()))
    assert archive.versions("tool")
    with pytest.raises(MalformedError, match=fault):
        archive.versions("wrong")


def test_a_name_that_is_none_is_refused(tmp_path: Path, context: ArchiveContext) -> None:
    root = make_repository(tmp_path / "m", [], extra_stanzas="Package: ../x\nProvides: it\n")
    with pytest.raises(MalformedError, match="not one that Debian Policy"):
        opened(context, repository(root.as_uri())).providers("it")


def test_repositories_have_different_names(context: ArchiveContext) -> None:
    with pytest.raises(InputError, match="one name"):
        load_releases([repository("file:///a"), repository("file:///b")], context)
    with pytest.raises(InputError, match="no repository"):
        load_releases([], context)


def test_threads_share_an_archive_and_its_making(
    mirror: FakeMirror, context: ArchiveContext
) -> None:
    releases = load_releases([repository(mirror)], context)
    failures: list[BaseException] = []

    def work() -> None:
        try:
            archive = open_archive(releases, AMD64, context)
            for _ in range(50):
                assert archive.versions("tool")
                assert archive.providers("virtual")
                archive._versions.clear()
                archive._providers.clear()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sum("by-hash" in path for path in mirror.paths()) == 1


def test_a_release_file_that_did_not_change_is_not_sent_again_but_verified(
    mirror: FakeMirror, context: ArchiveContext
) -> None:
    first = load_releases([repository(mirror.url)], context)
    mirror.requests.clear()
    assert load_releases([repository(mirror.url)], context) == first
    (asked,) = mirror.requests
    assert asked.headers["if-none-match"].startswith('"')
    late = dataclasses.replace(context, clock=lambda: TODAY + timedelta(days=400))
    with pytest.raises(UntrustedError, match="expired"):
        load_releases([repository(mirror.url)], late)


def test_a_release_file_that_changed_comes_whole(
    mirror: FakeMirror, context: ArchiveContext
) -> None:
    (first,) = load_releases([repository(mirror.url)], context)
    make_repository(mirror.root, [NEW], date=TODAY + timedelta(hours=1))
    later = dataclasses.replace(context, clock=lambda: TODAY + timedelta(hours=2))
    (second,) = load_releases([repository(mirror.url)], later)
    assert second.record.date > first.record.date


def test_a_kept_release_file_that_was_damaged_is_asked_for_again(
    mirror: FakeMirror, context: ArchiveContext
) -> None:
    first = load_releases([repository(mirror.url)], context)
    for kept in (context.cache / "releases").glob("*.InRelease"):
        kept.write_bytes(kept.read_bytes() + b"x")
    mirror.requests.clear()
    assert load_releases([repository(mirror.url)], context) == first
    assert "if-none-match" not in mirror.requests[0].headers


def test_a_server_that_says_unchanged_unasked_is_not_believed(
    mirror: FakeMirror, context: ArchiveContext
) -> None:
    mirror.fail("InRelease", status(304))
    with pytest.raises(NetworkError, match="304"):
        load_releases([repository(mirror.url)], context)
