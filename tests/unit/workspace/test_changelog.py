"""The changelog of a rebuild: two builds from a signed mirror, published one after the other."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.fakes.deb import file, program
from tests.fakes.mirror import FakeDeb, make_repository
from tests.fakes.running_server import serving
from tests.unit.workspace.test_attesting import with_key
from tests.unit.workspace.test_workspace import workspace

from ironhull import Workspace
from ironhull.changes.document import document_of
from ironhull.errors import InputError, NotFoundError


def words(*versions: str, more: str = "") -> bytes:
    return gzip.compress(
        "".join(
            f"app ({version}) trixie; urgency=medium\n\n  * What {version} brings.{more}\n\n"
            " -- Ada <ada@example.invalid>  Thu, 01 Jan 2026 00:00:00 +0000\n\n"
            for version in versions
        ).encode()
    )


def offer(folder: Path, *versions: str, more: str = "") -> None:
    """The mirror has the first of the versions, whose changelog speaks of all."""
    files = {
        "usr/bin/app": program(versions[0]),
        "usr/share/doc/app/changelog.Debian.gz": file(words(*versions, more=more)),
    }
    deb = FakeDeb.make("app", versions[0], files=files)
    shutil.rmtree(folder / "mirror", ignore_errors=True)
    for suite in ("trixie", "trixie-updates", "trixie-security"):
        make_repository(
            folder / "mirror",
            [deb] if suite == "trixie" else [],
            suite=suite,
            date=datetime.now(UTC),
        )


@pytest.fixture
def published(tmp_path: Path) -> Iterator[tuple[Workspace, str]]:
    """A shop whose app:1 was published in version 1.0-1, then in 1.2-1."""
    shop = workspace(tmp_path)
    with_key(shop)
    offer(tmp_path, "1.0-1")
    shop.build("app:1")
    with serving(tmp_path / "served") as server:
        where = f"127.0.0.1:{server.port}/app:1"
        shop.push("app:1", where)
        offer(tmp_path, "1.2-1", "1.1-1", "1.0-1")
        shop.build("app:1", update=True)
        shop.push("app:1", where)
        yield shop, where


def test_the_record_says_what_came_before(published: tuple[Workspace, str]) -> None:
    shop, where = published
    document = document_of(shop.changelog(where))
    assert document["before"]["name"].startswith(where.removesuffix(":1") + "@sha256:")
    assert document["before"]["digest"] != document["after"]["digest"]
    [change] = document["packages"]["changed"]
    assert (change["name"], change["before"], change["after"]) == ("app", "1.0-1", "1.2-1")
    [source] = document["sources"]
    assert [entry["version"] for entry in source["entries"]] == ["1.2-1", "1.1-1"]
    assert source["entries"][1]["text"] == ["* What 1.1-1 brings."]


def test_the_older_image_may_be_named(published: tuple[Workspace, str]) -> None:
    shop, where = published
    older = document_of(shop.changelog(where))["before"]["name"]
    document = document_of(shop.changelog("app:1", since=older))
    assert [entry["version"] for entry in document["sources"][0]["entries"]] == ["1.2-1", "1.1-1"]


def test_the_other_way_round_nobody_tells(published: tuple[Workspace, str]) -> None:
    shop, where = published
    older = document_of(shop.changelog(where))["before"]["name"]
    [source] = document_of(shop.changelog(older, since="app:1"))["sources"]
    assert source["entries"] is None
    assert source["unknown"] == "an older version than before"


def test_files_that_are_gone_are_fetched_again_or_it_is_said(
    published: tuple[Workspace, str], tmp_path: Path
) -> None:
    shop, where = published
    shutil.rmtree(shop.home.packages.root)
    [source] = document_of(shop.changelog(where))["sources"]
    assert len(source["entries"]) == 2
    shutil.rmtree(shop.home.packages.root)
    offer(tmp_path, "1.3-1")
    [source] = document_of(shop.changelog(where))["sources"]
    assert source["entries"] is None
    assert "app 1.2-1" in source["unknown"]


def test_an_image_that_is_nowhere_published_needs_the_older_one(tmp_path: Path) -> None:
    shop = workspace(tmp_path)
    offer(tmp_path, "1.0-1")
    shop.build("app:1")
    with pytest.raises(NotFoundError, match="name the older image with --since"):
        shop.changelog("app:1")
    with pytest.raises(InputError, match="has no tag"):
        shop.changelog("127.0.0.1:1/app")
