"""The listing of tags after a change is what reading the whole file would give."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import digest_of
from ironhull.oci.media_types import OCI_MANIFEST
from ironhull.registry.server import listing
from ironhull.registry.server.listing import Tags
from ironhull.store.index_blocks import NAME
from ironhull.store.layout import ImageLayout


def descriptor(number: int, name: str = "") -> Descriptor:
    return Descriptor(
        OCI_MANIFEST, digest_of(str(number).encode()), 10 + number, {NAME: name} if name else {}
    )


@pytest.fixture
def layout(tmp_path: Path) -> ImageLayout:
    return ImageLayout(tmp_path / "layout", create=True)


def anew(layout: ImageLayout) -> listing.Listing:
    return listing._listing(layout.descriptors())


@pytest.mark.parametrize("seed", range(20))
def test_any_changes_give_what_reading_all_gives(layout: ImageLayout, seed: int) -> None:
    chance = random.Random(seed)
    tags, other = Tags(layout), Tags(layout)
    names = [f"{repository}:{tag}" for repository in ("a", "b/c") for tag in ("1", "2", "latest")]
    for number in range(25):
        match chance.randrange(5):
            case 0 | 1:
                tags.point(*chance.choice(names).rsplit(":", 1), descriptor(chance.randrange(9)))
            case 2:
                gone = chance.choice(["1", "2", "latest"])
                tags.remove(chance.choice(["a", "b/c"]), lambda tag, _, gone=gone: tag == gone)
            case 3:
                # As a build does: an entry without a tag, or with a name that is none.
                added = descriptor(100 + number, chance.choice(["", "no tag at all"]))
                layout.update(lambda before, added=added: [*before, added])
            case _:
                # Somebody else writes, two entries with one name among others.
                double = [descriptor(number, "a:1"), descriptor(number + 1, "a:1")]
                layout.update(lambda before, double=double: [*before[1:], *double])
        assert tags.listing() == anew(layout)
        if chance.randrange(3) == 0:
            assert other.listing() == anew(layout)


def test_tags_of_repositories_in_which_nothing_changed_stay_the_same(layout: ImageLayout) -> None:
    tags = Tags(layout)
    tags.point("a", "1", descriptor(1))
    tags.point("b", "1", descriptor(2))
    before = tags.listing()
    tags.point("a", "2", descriptor(3))
    after = tags.listing()
    assert after.tags["b"] is before.tags["b"]
    assert sorted(after.tags["a"]) == ["1", "2"]
    assert sorted(before.tags["a"]) == ["1"]


def test_a_name_is_split_once_however_often_others_are_pushed(
    layout: ImageLayout, monkeypatch: pytest.MonkeyPatch
) -> None:
    tags = Tags(layout)
    layout.update(lambda _: [descriptor(number, f"a:{number}") for number in range(500)])
    tags.listing()
    split: list[str] = []
    real = listing.split_ref_name

    def counted(name: str) -> tuple[str, str] | None:
        split.append(name)
        return real(name)

    monkeypatch.setattr(listing, "split_ref_name", counted)
    tags.point("b", "1", descriptor(1000))
    assert len(tags.listing().tags["a"]) == 500
    assert split == ["b:1"]
