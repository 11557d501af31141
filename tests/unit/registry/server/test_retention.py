"""What repositories need not keep: by number, by age, what no tag leads to; what always stays."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.fakes.image import make_image
from tests.unit.registry.server.conftest import Site, described

from ironhull.errors import InputError
from ironhull.oci.digest import Digest, hex_of
from ironhull.oci.document import canonical
from ironhull.oci.media_types import OCI_INDEX, OCI_MANIFEST
from ironhull.registry.server.retention import going, let_go
from ironhull.registry.server.retention_rules import Retention
from ironhull.registry.server.rules import Rules, read_rules_file
from ironhull.registry.server.sweep import sweep

NOW = 1_800_000_000.0
DAY = 86400.0


def dated(site: Site, digest: Digest, days: float, repository: str = "app") -> None:
    """Let a manifest have been pushed so many days ago."""
    path = site.registry.contents.records.folder(repository, "_manifests") / hex_of(digest)
    os.utime(path, (NOW, NOW - days * DAY))


def image(site: Site, tag: str, days: float, repository: str = "app") -> Digest:
    digest = site.push_image(repository, tag, f"layer of {tag}".encode())
    dated(site, digest, days, repository)
    return digest


def keep(site: Site, *rules: Retention, immutable: tuple[str, ...] = ()) -> None:
    site.registry.contents.rules = Rules(immutable=immutable, retentions=rules)


def gone(site: Site) -> list[str]:
    return [tag.tag for each in let_go(site.registry.contents, NOW) for tag in each.tags]


def left(site: Site, repository: str = "app") -> list[str]:
    tags: list[str] = site.ask("GET", f"/v2/{repository}/tags/list").json["tags"]
    return tags


def test_without_a_rule_everything_stays(site: Site) -> None:
    image(site, "old", 1000)
    keep(site, Retention(("other/*",), keep=1))
    assert gone(site) == []


def test_the_newest_stay_by_number(site: Site) -> None:
    for days, tag in enumerate(["d", "a", "c", "b"]):
        image(site, tag, days)
    keep(site, Retention(("app",), keep=2))
    assert gone(site) == ["c", "b"]
    assert left(site) == ["a", "d"]


def test_by_age_alone_all_that_are_old_go(site: Site) -> None:
    for days in (1, 29, 31, 100):
        image(site, f"t{days}", days)
    keep(site, Retention(("*",), older_than=30 * DAY))
    assert gone(site) == ["t31", "t100"]


def test_by_number_and_age_only_what_both_let_go(site: Site) -> None:
    for days in (50, 60, 70, 1):
        image(site, f"t{days}", days)
    keep(site, Retention(("app",), keep=2, older_than=55 * DAY))
    assert gone(site) == ["t60", "t70"]
    assert left(site) == ["t1", "t50"]


def test_protected_and_immutable_tags_stay(site: Site) -> None:
    for tag in ("latest", "v1", "x"):
        image(site, tag, 100)
    rule = Retention(("app",), older_than=DAY, protect=("*:latest",))
    keep(site, rule, immutable=("app:v*",))
    assert gone(site) == ["x"]


def test_the_first_rule_that_names_a_repository_holds(site: Site) -> None:
    for tag in ("a", "b"):
        image(site, tag, 100)
    keep(site, Retention(("app",), keep=5), Retention(("*",), keep=1))
    assert gone(site) == []


def test_showing_changes_nothing_and_says_what_would_go(site: Site) -> None:
    new, old = image(site, "new", 1), image(site, "old", 9)
    keep(site, Retention(("app",), keep=1, untagged=DAY))
    (shown,) = going(site.registry.contents, NOW)
    assert shown.json() == {
        "repository": "app",
        "tags": [{"tag": "old", "digest": old}],
        "manifests": [old],
        "tags_left": 1,
    }
    assert left(site) == ["new", "old"]
    assert let_go(site.registry.contents, NOW) == [shown]
    assert site.ask("GET", f"/v2/app/manifests/{old}").status == 404
    assert site.ask("GET", f"/v2/app/manifests/{new}").status == 200


def test_an_image_without_a_tag_stays_unless_the_rule_speaks_of_it(site: Site) -> None:
    old = image(site, "1", 9)
    image(site, "2", 1)
    keep(site, Retention(("app",), keep=1))
    assert gone(site) == ["1"]
    assert site.ask("GET", f"/v2/app/manifests/{old}").status == 200


def test_what_a_tag_leads_to_stays_through_indexes_and_referrers(site: Site) -> None:
    part = image(site, "part", 99)
    size = site.layout.blobs.size(part)
    entry = {"mediaType": OCI_MANIFEST, "digest": part, "size": size}
    index = canonical({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]})
    site.put_manifest("app", "index", index, OCI_INDEX)
    site.ask("DELETE", "/v2/app/manifests/part")
    sbom = site.push_referrer("app", part, "x/sbom")
    signature = site.push_referrer("app", sbom, "x/signature")
    lost = image(site, "lost", 99)
    about_lost = site.push_referrer("app", lost, "x/sbom")
    site.ask("DELETE", "/v2/app/manifests/lost")
    for digest in (part, sbom, signature, lost, about_lost, described(index, "")["digest"]):
        dated(site, digest, 99)
    keep(site, Retention(("app",), untagged=30 * DAY))
    (found,) = let_go(site.registry.contents, NOW)
    assert set(found.manifests) == {lost, about_lost}
    assert not found.tags
    referrers = site.ask("GET", f"/v2/app/referrers/{lost}").json["manifests"]
    assert referrers == []
    for digest in (part, sbom, signature):
        assert site.ask("GET", f"/v2/app/manifests/{digest}").status == 200


def test_signatures_by_tag_count_for_nothing_and_go_with_their_image(site: Site) -> None:
    new, old = image(site, "new", 5), image(site, "old", 9)
    for digest, days in ((new, 4), (old, 8)):
        image(site, f"sha256-{hex_of(digest)}.sig", days)
    keep(site, Retention(("app",), keep=1, untagged=DAY))
    assert gone(site) == ["old", f"sha256-{hex_of(old)}.sig"]
    assert left(site) == ["new", f"sha256-{hex_of(new)}.sig"]


def test_what_was_built_here_never_goes(site: Site, tmp_path: Path) -> None:
    make_image(site.layout, names=["app:built"])
    image(site, "pushed", 99)
    keep(site, Retention(("app",), older_than=DAY, untagged=DAY))
    assert gone(site) == ["pushed"]
    assert left(site) == ["built"]


def test_the_sweep_gives_the_room_back(site: Site) -> None:
    image(site, "old", 9)
    image(site, "new", 1)
    keep(site, Retention(("app",), keep=1, untagged=DAY))
    let_go(site.registry.contents, NOW)
    site.age()
    assert sweep(site.registry.contents, site.registry.uploads, NOW).blobs == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('repositories = ["*"]', "one of keep, older-than and untagged at least"),
        ("keep = 3", "expected repositories"),
        ('repositories = ["*"]\nkeep = 0', "expected a number from 1"),
        ('repositories = ["*"]\nkeep = true', "expected a number from 1"),
        ('repositories = ["*"]\nolder-than = "3 weeks"', "a text such as 90s, 15m, 12h or 30d"),
        ('repositories = ["*"]\nkeep = 1\nprotect = ["latest"]', "'latest' is not REPOSITORY:TAG"),
        ('repositories = ["*"]\nkeep = 1\ndays = 3', "expected repositories"),
    ],
)
def test_a_wrong_rule_is_an_error_that_says_where(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(f"[[retention]]\n{text}\n")
    with pytest.raises(InputError) as caught:
        read_rules_file(path)
    assert said in str(caught.value)
    assert str(caught.value).startswith(f"{path}: retention 1")


def test_a_rule_is_read_with_its_times(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(
        '[[retention]]\nrepositories = ["team/*"]\nkeep = 10\nolder-than = "90d"\n'
        'untagged = "7d"\nprotect = ["*:latest"]\n'
    )
    rules, _ = read_rules_file(path)
    assert rules.retention_of("team/a") == Retention(
        ("team/*",), 10, 90 * DAY, 7 * DAY, ("*:latest",)
    )
    assert rules.retention_of("other") is None
