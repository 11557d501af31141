"""Publications recorded: in the home and in a registry that may misbehave at any step."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.image import make_image
from tests.fakes.publication import chain
from tests.fakes.registry import FakeRegistry, hang_up
from tests.fakes.signer import FakeSigner

from ironhull.errors import InputError, NetworkError
from ironhull.oci.digest import digest_of
from ironhull.oci.document import Document
from ironhull.oci.reference import Reference
from ironhull.publication.chain import open_chain, record_in
from ironhull.publication.folder import LogFolder, folder_of
from ironhull.publication.refusal import LogReason, LogRefusedError
from ironhull.publication.registry_log import (
    LOG_TAG,
    LOG_TYPE,
    fetch_log,
    log_manifest,
    store_log,
)
from ironhull.publication.tiles import Lines, pack
from ironhull.publication.writing import Publisher
from ironhull.registry.client.access import Registries
from ironhull.registry.client.places import RegistryTarget
from ironhull.registry.client.repository import Repository
from ironhull.signing.interface import Signer
from ironhull.store.layout import ImageLayout
from ironhull.transport.patience import Patience
from ironhull.verify.refusal import Reason
from ironhull.verify.trust import NamedKey, Trust

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
QUICK = Patience(attempts=2, first_wait=0.01, longest_wait=0.1, whole=2.0, connect=2.0, idle=2.0)


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Shop:
    """A repository of a fake registry, and a home that publishes to it."""

    folder: Path
    registry: FakeRegistry
    repository: Repository
    signer: FakeSigner
    clock: Clock
    publisher: Publisher

    def image(self, number: int) -> Document:
        layout = ImageLayout(self.folder / "layout", create=True)
        root = make_image(layout, [{"version": str(number)}], platforms=("linux/amd64",))
        return layout.document(root.digest)

    def bring_parts(self, root: Document) -> None:
        """What has to be there before the image's index."""
        for child in root.manifests:
            self.registry.put_manifest("base/app", child.digest, child.media_type, b"{}")

    def publish(self, number: int, *tags: str, publisher: Publisher | None = None) -> int:
        chosen = publisher or self.publisher
        root = self.image(number)
        given = list(tags or ("1",))
        done = chosen.publish(self.repository, given, root, (), lambda: None)
        return done.number

    def elsewhere(self, signer: Signer | None = None) -> Publisher:
        """Another home, of the same publisher or another."""
        return replace(
            self.publisher,
            publications=self.folder / "elsewhere",
            signer=signer or self.signer,
        )

    @property
    def home(self) -> LogFolder:
        return LogFolder(folder_of(self.publisher.publications, "base/app"))

    @property
    def there(self) -> Lines:
        return fetch_log(self.repository) or ()


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    signer, clock = FakeSigner(), Clock()
    with FakeRegistry() as registry, Registries(patience=QUICK) as opened:
        reference = Reference.parse(f"{registry.host}/base/app")
        repository = opened.repository(reference, write=True)
        trust = Trust((NamedKey("release", signer.public),))
        publisher = Publisher(tmp_path / "publications", signer, trust, clock)
        yield Shop(tmp_path, registry, repository, signer, clock, publisher)


def test_each_publication_is_a_record_in_home_and_registry(shop: Shop) -> None:
    assert [shop.publish(1), shop.publish(2), shop.publish(2, "1", "latest")] == [1, 2, 3]
    entries = open_chain(shop.there, "base/app", shop.publisher.trust)
    assert shop.home.lines() == shop.there
    assert [each.record.publication.tags for each in entries] == [("1",), ("1",), ("1", "latest")]
    assert entries[1].record.previous == entries[0].digest
    said = entries[1].record.publication
    assert said.image == shop.image(2).digest
    assert [each.platform for each in said.platforms] == ["linux/amd64"]
    assert said.published == NOW


def test_the_registry_has_a_plain_artifact_whose_layers_are_the_tiles(shop: Shop) -> None:
    shop.publish(1)
    manifest = shop.repository.fetch_manifest(LOG_TAG)
    assert manifest.value["artifactType"] == LOG_TYPE
    assert manifest.subject is None
    tile = shop.repository.read_blob(manifest.layers[0])
    assert tile == (shop.home.root / "tiles/000000.jsonl").read_bytes()


def test_a_publication_that_changes_nothing_is_recorded_once_a_day(shop: Shop) -> None:
    assert [shop.publish(1), shop.publish(1)] == [1, 1]
    shop.clock.now += timedelta(hours=23)
    assert shop.publish(1) == 1
    shop.clock.now += timedelta(hours=1)
    assert shop.publish(1) == 2


def test_a_tag_that_goes_back_is_a_record_of_its_own(shop: Shop) -> None:
    assert [shop.publish(1), shop.publish(2), shop.publish(1)] == [1, 2, 3]


def test_a_clock_that_goes_back_does_not_make_the_record_go_back(shop: Shop) -> None:
    shop.publish(1)
    shop.clock.now -= timedelta(days=400)
    shop.publish(2)
    assert record_in(shop.there[1]).publication.published == NOW
    open_chain(shop.there, "base/app", shop.publisher.trust)


def test_the_257th_record_begins_a_tile_and_the_full_one_is_not_sent_again(shop: Shop) -> None:
    changes = {number: {"repository": "base/app"} for number in range(1, 257)}
    shop.home.write(chain(256, shop.signer, changes))
    store_log(shop.repository, shop.home.lines())
    shop.registry.seen.clear()
    assert shop.publish(1) == 257
    assert len(shop.there) == 257
    assert len(shop.registry.requests("POST", r"/blobs/uploads/")) == 1
    assert sorted(p.name for p in (shop.home.root / "tiles").iterdir()) == [
        "000000.jsonl",
        "000001.jsonl",
    ]


def test_another_home_of_the_publisher_goes_on_from_the_registry(shop: Shop) -> None:
    shop.publish(1)
    assert shop.publish(2, publisher=shop.elsewhere()) == 2
    assert shop.publish(3) == 3
    assert len(shop.home.lines()) == 3


def test_records_of_a_stranger_are_not_gone_on_from_and_no_tag_is_moved(shop: Shop) -> None:
    changes = {1: {"repository": "base/app"}}
    store_log(shop.repository, chain(1, FakeSigner(), changes))
    moved: list[str] = []
    with pytest.raises(LogRefusedError, match="key trust") as caught:
        shop.publisher.publish(shop.repository, ["1"], shop.image(1), (), lambda: moved.append("1"))
    assert caught.value.reason is Reason.UNKNOWN_KEY
    assert moved == []
    assert not shop.home.exists


def test_a_fork_is_refused_with_both_digests_and_no_tag_is_moved(shop: Shop) -> None:
    shop.publish(1)
    mine = digest_of(shop.there[0])
    changes = {1: {"repository": "base/app"}}
    other = chain(2, shop.signer, changes)
    store_log(shop.repository, other)
    moved: list[str] = []
    with pytest.raises(LogRefusedError) as caught:
        shop.publisher.publish(shop.repository, ["1"], shop.image(2), (), lambda: moved.append("1"))
    assert caught.value.reason is LogReason.FORKED
    assert mine in str(caught.value)
    assert digest_of(other[0]) in str(caught.value)
    assert moved == []
    assert len(shop.home.lines()) == 1


def test_a_registry_that_lost_records_gets_them_back(shop: Shop) -> None:
    for number in (1, 2, 3):
        shop.publish(number)
    store_log(shop.repository, shop.home.lines()[:1])
    assert shop.publish(3) == 3
    assert shop.there == shop.home.lines()
    del shop.registry.manifests["base/app", LOG_TAG]
    assert shop.publish(4) == 4
    assert len(shop.there) == 4


def test_two_pushes_at_once_from_one_home_are_one_after_the_other(shop: Shop) -> None:
    images = [shop.image(number) for number in range(6)]
    order: list[int] = []

    def run(number: int) -> None:
        shop.publisher.publish(
            shop.repository, [f"t{number}"], images[number], (), lambda: order.append(number)
        )

    threads = [threading.Thread(target=run, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tags = [record_in(line).publication.tags for line in shop.there]
    assert tags == [(f"t{number}",) for number in order]
    assert len(tags) == 6


def test_a_publisher_who_was_slower_signs_on_top_of_the_faster_one(shop: Shop) -> None:
    """Between reading the record and moving the tags, another home publishes."""
    shop.publish(1)
    fast = shop.elsewhere()
    shop.publisher.publish(
        shop.repository, ["1"], shop.image(3), (), lambda: shop.publish(2, publisher=fast)
    )
    images = [record_in(line).publication.image for line in shop.there]
    assert images == [shop.image(number).digest for number in (1, 2, 3)]
    assert shop.home.lines() == shop.there


def test_a_record_that_was_written_over_is_signed_again_on_top(shop: Shop) -> None:
    shop.publish(1)
    stranger = chain(1, shop.signer, {2: {"repository": "base/app"}}, before=shop.there)

    def lose(handler: Any) -> bool:
        handler.receive()
        put_log(shop, stranger)
        handler.answer(201)
        return True

    shop.registry.fail("PUT", f"/manifests/{LOG_TAG}", lose)
    assert shop.publish(3) == 3
    assert shop.there[:2] == stranger


def test_a_publisher_who_keeps_being_overtaken_says_so(shop: Shop) -> None:
    others = iter(range(100, 200))
    given = {"repository": "base/app"}

    def overtake(handler: Any) -> bool:
        """Answers as if it had kept our manifest, and has another's, with one more record."""
        handler.receive()
        base = kept(shop)
        said = given | {"tags": [f"x{next(others)}"]}
        put_log(shop, chain(1, shop.signer, {len(base) + 1: said}, before=base))
        handler.answer(201)
        return True

    shop.registry.fail("PUT", f"/manifests/{LOG_TAG}", overtake, times=50)
    with pytest.raises(NetworkError, match="push again"):
        shop.publish(1)


@pytest.fixture
def conditional(shop: Shop) -> Shop:
    """Its registry knows conditions of tags, as `ironhull serve` does."""
    shop.registry.takes_together = shop.repository.session.together = True
    return shop


@pytest.mark.parametrize("already", [0, 1])
def test_where_the_registry_knows_conditions_nobody_is_written_over(
    conditional: Shop, already: int
) -> None:
    """Another publisher writes at the last moment, and sees his own record there."""
    shop = conditional
    for number in range(already):
        shop.publish(number)
    faster = shop.elsewhere()

    def overtake(handler: Any) -> bool:
        assert shop.publish(8, publisher=faster) == already + 1
        return False

    shop.registry.fail("PUT", f"/manifests/{LOG_TAG}", overtake)
    assert shop.publish(9) == already + 2
    images = [record_in(line).publication.image for line in shop.there]
    assert images == [shop.image(number).digest for number in (*range(already), 8, 9)]
    assert shop.home.lines() == shop.there


def test_a_record_that_was_kept_though_the_answer_was_lost_is_no_second_one(
    conditional: Shop,
) -> None:
    shop = conditional
    shop.publish(1)

    def keep_and_hang_up(handler: Any) -> bool:
        value = handler.receive()
        kind = handler.headers["content-type"]
        shop.registry.put_manifest("base/app", LOG_TAG, kind, value)
        return hang_up(handler)

    shop.registry.fail("PUT", f"/manifests/{LOG_TAG}", keep_and_hang_up)
    assert shop.publish(2) == 2
    assert len(shop.there) == 2


def test_where_the_registry_knows_conditions_a_record_costs_three_requests(
    conditional: Shop,
) -> None:
    shop = conditional
    shop.publish(1)
    shop.publish(2)
    shop.registry.seen.clear()
    shop.publish(3)
    assert [seen.method for seen in shop.registry.seen] == ["GET", "POST", "PUT"]


def give_along(shop: Shop, number: int, tags: list[str]) -> tuple[RegistryTarget, list[str]]:
    """Publish a new image with its record on its way beside it; what was asked for after that."""
    root = shop.image(number)
    shop.bring_parts(root)
    target, after = RegistryTarget(shop.repository, tags), list[str]()

    def give_tags() -> None:
        target.store(root)
        target.publish(root, ())
        shop.registry.seen.clear()

    shop.publisher.publish(shop.repository, tags or ["1"], root, (), give_tags, target)
    after += [f"{seen.method} {seen.path.rpartition('/')[2]}" for seen in shop.registry.seen]
    return target, after


def test_a_record_gets_its_tag_in_the_request_of_the_image_right_after_the_image(
    conditional: Shop,
) -> None:
    shop = conditional
    shop.registry.takes_tags = True
    shop.publish(1)
    for count, number in enumerate((2, 3), start=2):
        target, after = give_along(shop, number, ["1", "2"])
        assert (target.record_given, after) == (True, [])
        assert shop.registry.order[-3:] == ["manifest 1", "manifest 2", f"manifest {LOG_TAG}"]
        assert len(shop.there) == count
        assert shop.home.lines() == shop.there


@pytest.mark.parametrize("tags", [[], ["1"]])
def test_a_record_that_comes_with_the_image_is_put_under_its_tag_where_it_was_not_given(
    conditional: Shop, tags: list[str]
) -> None:
    shop = conditional
    shop.publish(1)
    target, after = give_along(shop, 2, tags)
    assert (target.record_given, after) == (False, [f"PUT {LOG_TAG}"])
    assert len(shop.there) == 2
    assert shop.home.lines() == shop.there


def test_a_record_that_others_have_gone_on_from_meanwhile_is_signed_anew_on_theirs(
    conditional: Shop,
) -> None:
    shop = conditional
    shop.registry.takes_tags = True
    shop.publish(1)
    faster = shop.elsewhere()
    root, target = shop.image(3), RegistryTarget(shop.repository, ["1"])
    shop.bring_parts(root)

    def give_tags() -> None:
        shop.publish(2, publisher=faster)
        target.store(root)
        target.publish(root, ())

    shop.publisher.publish(shop.repository, ["1"], root, (), give_tags, target)
    assert not target.record_given
    assert len(shop.there) == 3
    assert shop.home.lines() == shop.there


def put_log(shop: Shop, lines: Lines) -> None:
    """Straight into the fake's memory."""
    tiles = pack(lines)
    for tile in (b"{}", *tiles):
        shop.registry.put_blob("base/app", tile)
    manifest = log_manifest(tiles)
    shop.registry.put_manifest("base/app", LOG_TAG, manifest.media_type, manifest.raw)


def kept(shop: Shop) -> Lines:
    """What the fake has, asked without a request."""
    found = shop.registry.manifests.get(("base/app", LOG_TAG))
    if found is None:
        return ()
    tiles = [
        shop.registry.blobs["base/app", layer["digest"]] for layer in json.loads(found[1])["layers"]
    ]
    return tuple(line for tile in tiles for line in tile.splitlines())


@pytest.mark.parametrize("step", ["blobs/uploads", f"manifests/{LOG_TAG}"])
def test_what_a_killed_push_left_is_repaired_by_the_next(shop: Shop, step: str) -> None:
    """The tag is moved, and the registry dies before the record is whole."""
    shop.publish(1)

    def die(handler: Any) -> bool:
        handler.hang_up()
        return True

    for method in ("POST", "PUT"):
        shop.registry.fail(method, step, die, times=99)
    moved: list[int] = []
    with pytest.raises(NetworkError):
        shop.publisher.publish(shop.repository, ["1"], shop.image(2), (), lambda: moved.append(2))
    assert moved == [2]
    assert len(shop.there) == len(shop.home.lines()) == 1
    shop.registry._faults.clear()
    assert shop.publish(2) == 2
    assert shop.there == shop.home.lines()


def test_a_home_that_died_after_the_registry_had_the_record_catches_up(shop: Shop) -> None:
    shop.publish(1)
    before = shop.home.lines()
    shop.publish(2)
    for path in (shop.home.root / "tiles").iterdir():
        path.write_bytes(b"".join(line + b"\n" for line in before))
    (shop.home.root / "checkpoint.json").write_text(
        json.dumps({"number": 1, "digest": digest_of(before[0])})
    )
    assert shop.publish(2) == 2
    assert shop.home.lines() == shop.there


def test_a_registry_that_takes_no_such_artifact_is_done_without_a_record(shop: Shop) -> None:
    def refuse(handler: Any) -> bool:
        handler.error(400, "MANIFEST_INVALID")
        return True

    shop.registry.fail("PUT", f"/manifests/{LOG_TAG}", refuse, times=9)
    with pytest.raises(NetworkError, match="--no-record"):
        shop.publish(1)
    assert not shop.home.exists


def test_the_records_own_tag_is_no_tag_for_images(shop: Shop) -> None:
    with pytest.raises(InputError, match="record of publications"):
        shop.publish(1, LOG_TAG)


def test_something_else_under_the_tag_is_not_written_over(shop: Shop) -> None:
    root = shop.image(1)
    shop.registry.put_manifest("base/app", LOG_TAG, root.media_type, root.raw)
    with pytest.raises(LogRefusedError) as caught:
        shop.publish(1)
    assert caught.value.reason is LogReason.WRONG_LAYOUT


def test_what_is_too_much_to_record_is_said_before_anything_is_moved(shop: Shop) -> None:
    with pytest.raises(InputError, match="no-record"):
        shop.publish(1, *(f"t{number}" for number in range(101)))
    assert shop.there == ()


def test_one_more_record_costs_five_requests_beside_the_tags(shop: Shop) -> None:
    """Two looks before it is signed, its tile, its manifest, and one look at what is there."""
    shop.publish(1)
    shop.publish(2)
    shop.registry.seen.clear()
    shop.publish(3)
    about = [seen for seen in shop.registry.seen if not seen.path.endswith("/manifests/1")]
    assert [seen.method for seen in about] == ["GET", "GET", "POST", "PUT", "GET"]
