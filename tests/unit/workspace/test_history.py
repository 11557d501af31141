"""History: publications recorded by push and copy, read again, held against what is served."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.fakes.publication import chain
from tests.fakes.registry import FakeRegistry
from tests.fakes.signed_image import SIGNATURE, SignedImage
from tests.fakes.signer import FakeSigner
from tests.unit.vex.test_repository import document

from ironhull import Workspace
from ironhull.errors import InputError, NotFoundError
from ironhull.oci.digest import Digest
from ironhull.oci.reference import Reference
from ironhull.publication.reading import Complaint
from ironhull.publication.refusal import LogReason, LogRefusedError
from ironhull.publication.registry_log import LOG_TAG, log_manifest
from ironhull.publication.tiles import pack
from ironhull.signing.keyring import Keyring
from ironhull.statements.kinds import VEX
from ironhull.verify.refusal import Reason
from ironhull.workspace.attesting import AttestChoices
from ironhull.workspace.catalog_live import MachineLive
from ironhull.workspace.history import history_json
from ironhull.workspace.standing import older_than_seen, standing
from ironhull.workspace.verifying import VerifyChoices, trust_of
from ironhull.workspace.vex_publishing import publish_vex

NOW = datetime.now(UTC)


class Shop:
    """A home with a key, images that it signed, and a registry."""

    def __init__(self, folder: Path, registry: FakeRegistry) -> None:
        self.folder, self.registry = folder, registry
        self.workspace = Workspace.open(home=folder / "home", images=folder)
        self.ring = Keyring(self.workspace.home.keys)
        self.ring.generate("release", None, NOW)
        self.repository = f"{registry.host}/app"
        self.roots: dict[int, Digest] = {}

    def image(self, number: int) -> Path:
        """A layout with an image that has three signatures."""
        folder = self.folder / f"image{number}"
        if not folder.exists():
            made = SignedImage(folder, layers=[{"version": str(number)}], names=["app:1"])
            self.roots[number] = made.root.digest
        return folder / "layout"

    def publish(self, number: int, tag: str = "1") -> int | None:
        return self.workspace.copy(self.source(number), f"{self.repository}:{tag}").record

    def source(self, number: int) -> str:
        return f"oci:{self.image(number)}:app:1"

    def root(self, number: int) -> Digest:
        self.image(number)
        return self.roots[number]

    def put_log(self, lines: tuple[bytes, ...]) -> None:
        tiles = pack(lines)
        for tile in (b"{}", *tiles):
            self.registry.put_blob("app", tile)
        manifest = log_manifest(tiles)
        self.registry.put_manifest("app", LOG_TAG, manifest.media_type, manifest.raw)

    def lines(self) -> tuple[bytes, ...]:
        data = (self.workspace.home.publications / "app/tiles/000000.jsonl").read_bytes()
        return tuple(data.splitlines())

    def client(self) -> Workspace:
        """Somebody else, who believes the key."""
        client = Workspace.open(home=self.folder / "client", images=self.folder)
        ring = Keyring(client.home.keys)
        if not ring.known():
            pem = (self.workspace.home.keys / "release.pub").read_bytes()
            ring.trust("release", pem, NOW)
        return client

    def complaint(self, reference: str = "") -> Complaint:
        found = self.client().history(reference or self.repository).complaints
        assert len(found) == 1, found
        return found[0]


@pytest.fixture
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shop]:
    with FakeRegistry(referrers_api=getattr(request, "param", True)) as registry:
        yield Shop(tmp_path, registry)


either_registry = pytest.mark.parametrize(
    "shop", [True, False], ids=["referrers API", "no referrers API"], indirect=True
)


def refused(shop: Shop, reference: str = "") -> str:
    with pytest.raises(LogRefusedError) as caught:
        shop.client().history(reference or shop.repository)
    return caught.value.reason


@either_registry
def test_what_was_published_is_read_by_who_believes_the_key(shop: Shop) -> None:
    assert [shop.publish(1), shop.publish(2), shop.publish(2, "latest")] == [1, 2, 3]
    found = shop.client().history(shop.repository)
    assert found.complaints == ()
    assert found.repository == "app"
    assert found.states == {1: "replaced", 2: "current", 3: "current"}
    said = found.entries[1].record.publication
    assert said.image == shop.root(2)
    assert {each.platform for each in said.platforms} == {"linux/amd64", "linux/arm64"}
    assert {each.type for each in said.statements} == {SIGNATURE}
    assert len({each.subject for each in said.statements}) == 3
    assert found.age < timedelta(minutes=5)
    written = history_json(found)
    assert written["newest"] == 3
    assert json.loads(json.dumps(written)) == written


def test_a_tag_in_the_reference_shows_its_records_alone(shop: Shop) -> None:
    shop.publish(1)
    shop.publish(2, "2")
    found = shop.client().history(f"{shop.repository}:2")
    assert [each.record.number for each in found.shown] == [2]
    assert len(found.entries) == 2
    digest = shop.root(1)
    found = shop.client().history(f"{shop.repository}@{digest}")
    assert [each.record.number for each in found.shown] == [1]


def test_a_publisher_reads_his_own_record_without_a_registry(shop: Shop) -> None:
    shop.publish(1)
    found = shop.workspace.history("app:1")
    assert len(found.entries) == 1
    assert found.states == {}
    with pytest.raises(NotFoundError, match="there are: app"):
        shop.workspace.history("other:1")


def test_nothing_is_recorded_where_no_key_signs_or_it_is_not_wanted(shop: Shop) -> None:
    source = shop.source(1)
    client = Workspace.open(home=shop.folder / "keyless", images=shop.folder)
    assert client.copy(source, f"{shop.repository}:1").record is None
    done = shop.workspace.copy(source, f"{shop.repository}:1", record=False)
    assert done.record is None
    assert LOG_TAG not in shop.client().tags(shop.repository)
    with pytest.raises(NotFoundError, match="no record of publications"):
        shop.client().history(shop.repository)


def test_a_home_that_only_believes_others_keys_signs_nothing(shop: Shop) -> None:
    client = shop.client()
    assert not client.machine.signs
    assert client.copy(shop.source(1), f"{shop.repository}:1").record is None
    shop.ring.revoke("release", "stolen", NOW)
    assert not shop.workspace.machine.signs


def test_a_record_names_the_vex_that_was_published(shop: Shop) -> None:
    folder, target = shop.folder / "vex", f"{shop.repository}:1"
    shop.workspace.copy(shop.source(1), "app:1")
    with pytest.raises(NotFoundError, match="vex publish"):
        shop.workspace.push("app:1", target, vex_set=folder)
    assert shop.registry.seen == []
    said = document("pkg:oci/app@sha256%3A" + "a" * 64, "CVE-1")
    shop.workspace.attest("app:1", AttestChoices(types=(), predicates={VEX: said}))
    made = publish_vex(shop.workspace.machine, folder)
    shop.workspace.push("app:1", target, vex_set=folder)
    found = shop.client().history(target).entries[-1].record.publication.vex_set
    assert found is not None
    assert (found.number, found.digest) == (made.number, made.digest)


def test_copies_to_a_layout_are_no_publications(shop: Shop) -> None:
    source = shop.source(1)
    assert shop.workspace.copy(source, f"oci:{shop.folder / 'other'}:app").record is None
    assert not shop.workspace.home.publications.exists()


def test_a_key_that_cannot_be_used_is_said_before_anything_is_sent(shop: Shop) -> None:
    shop.ring.generate("locked", b"secret", NOW)
    with pytest.raises(InputError, match="--no-record"):
        shop.publish(1)
    assert shop.registry.seen == []


def test_no_image_gets_the_records_tag(shop: Shop) -> None:
    with pytest.raises(LogRefusedError, match="is not a record of publications") as caught:
        shop.workspace.copy(shop.source(1), f"{shop.repository}:{LOG_TAG}")
    assert caught.value.reason is LogReason.WRONG_LAYOUT
    assert ("app", LOG_TAG) not in shop.registry.manifests


def test_a_mirror_gets_image_and_record_through_an_archive_and_loses_none(shop: Shop) -> None:
    shop.publish(1)
    client, record = shop.client(), f"{shop.repository}:{LOG_TAG}"
    archives = [shop.folder / "image.tar", shop.folder / "record.tar"]
    client.copy(record, str(shop.folder / "old.tar"))
    shop.publish(2)
    client.copy(f"{shop.repository}:1", str(archives[0]))
    client.copy(record, str(archives[1]))
    with FakeRegistry() as mirror:
        for archive, tag in zip(archives, ("1", LOG_TAG), strict=True):
            client.copy(str(archive), f"{mirror.host}/app:{tag}")
        found = client.history(f"{mirror.host}/app")
        assert found.complaints == ()
        assert found.states == {1: "gone", 2: "current"}
        with pytest.raises(LogRefusedError) as caught:
            client.copy(str(shop.folder / "old.tar"), f"{mirror.host}/app:{LOG_TAG}")
        assert caught.value.reason is LogReason.ROLLED_BACK


# -- attacks ------------------------------------------------------------------------------------


def test_a_record_that_was_rolled_back_is_refused_by_who_saw_more(shop: Shop) -> None:
    shop.publish(1)
    shop.publish(2)
    shop.client().history(shop.repository)
    shop.put_log(shop.lines()[:1])
    assert refused(shop) == LogReason.ROLLED_BACK
    del shop.registry.manifests["app", LOG_TAG]
    assert refused(shop) == LogReason.ROLLED_BACK


def test_a_forked_record_is_refused_by_who_saw_the_other(shop: Shop) -> None:
    shop.publish(1)
    shop.client().history(shop.repository)
    before = shop.lines()
    # The publisher himself begins anew, as a stolen home would.
    (shop.workspace.home.publications / "app").rename(shop.folder / "moved")
    del shop.registry.manifests["app", LOG_TAG]
    shop.publish(2)
    assert shop.lines()[0] != before[0]
    assert refused(shop) == LogReason.FORKED


def test_a_refused_record_is_not_remembered(shop: Shop) -> None:
    shop.publish(1)
    other = chain(3, FakeSigner())
    good = shop.lines()
    shop.put_log(other)
    assert refused(shop) == Reason.UNKNOWN_KEY
    shop.put_log(good)
    assert shop.client().history(shop.repository).complaints == ()


def test_a_record_by_a_revoked_key_is_refused(shop: Shop) -> None:
    shop.publish(1)
    client = shop.client()
    Keyring(client.home.keys).trust("other", FakeSigner().public.pem, NOW)
    Keyring(client.home.keys).revoke("release", "stolen", NOW)
    assert refused(shop) == Reason.REVOKED_KEY


def test_a_record_of_another_repository_is_refused(shop: Shop) -> None:
    shop.publish(1)
    shop.registry.manifests |= {
        ("other", reference): found
        for (name, reference), found in shop.registry.manifests.items()
        if name == "app"
    }
    shop.registry.blobs |= {
        ("other", digest): data
        for (name, digest), data in shop.registry.blobs.items()
        if name == "app"
    }
    assert refused(shop, f"{shop.registry.host}/other") == LogReason.OTHER_REPOSITORY


@either_registry
def test_a_statement_that_is_missing_is_said(shop: Shop) -> None:
    shop.publish(1)
    digest = shop.client().history(shop.repository).entries[0].record.publication.statements[0]
    if shop.registry.referrers_api:
        del shop.registry.manifests["app", digest.referrer]
    else:
        del shop.registry.manifests["app", f"sha256-{digest.subject[7:]}"]
    found = shop.complaint()
    assert found.reason is LogReason.OMITTED
    assert digest.referrer in found.message


def test_a_tag_that_was_moved_back_is_said(shop: Shop) -> None:
    shop.publish(1)
    old = shop.registry.manifests["app", "1"]
    shop.publish(2)
    shop.registry.manifests["app", "1"] = old
    found = shop.complaint()
    assert found.reason is LogReason.ROLLED_BACK
    assert shop.root(1) in found.message
    assert shop.complaint(f"{shop.repository}:1") == found


def test_a_tag_that_was_moved_without_a_record_is_said(shop: Shop) -> None:
    shop.publish(1)
    source = shop.source(2)
    shop.workspace.copy(source, f"{shop.repository}:1", record=False)
    assert shop.complaint().reason is LogReason.UNRECORDED


def test_a_record_that_is_frozen_is_said_where_a_limit_is_given(shop: Shop) -> None:
    shop.publish(1)
    found = shop.client().history(shop.repository, max_age=timedelta(0))
    assert [each.reason for each in found.complaints] == [LogReason.FROZEN]
    found = shop.client().history(shop.repository, max_age=timedelta(days=1))
    assert found.complaints == ()


def test_a_tag_and_an_image_that_are_gone_are_said_and_no_fault(shop: Shop) -> None:
    shop.publish(1)
    shop.publish(2)
    for reference in ("1", shop.root(1)):
        del shop.registry.manifests["app", reference]
    found = shop.client().history(shop.repository)
    assert found.complaints == ()
    assert found.states == {1: "gone", 2: "replaced"}


# -- across an air gap --------------------------------------------------------------------------


def test_an_export_is_read_and_continued_and_never_taken_back(shop: Shop) -> None:
    shop.publish(1)
    export = shop.folder / "export"
    shop.client().history(shop.repository, export=export)
    assert sorted(p.name for p in export.iterdir() if p.name != ".lock") == [
        "checkpoint.json",
        "tiles",
    ]
    client = shop.client()
    assert len(client.history(str(export)).entries) == 1
    old = (export / "tiles/000000.jsonl").read_bytes(), (export / "checkpoint.json").read_bytes()
    shop.publish(2)
    client.history(shop.repository, export=export)
    found = client.history(str(export))
    assert (found.repository, len(found.entries), found.states) == ("app", 2, {})
    (export / "tiles/000000.jsonl").write_bytes(old[0])
    (export / "checkpoint.json").write_bytes(old[1])
    assert refused(shop, str(export)) == LogReason.ROLLED_BACK


def test_an_export_into_a_folder_of_another_history_is_refused(shop: Shop) -> None:
    shop.publish(1)
    export = shop.folder / "export"
    other = Workspace.open(home=shop.folder / "other", images=shop.folder)
    Keyring(other.home.keys).generate("other", None, NOW)
    source = shop.source(2)
    other.copy(source, f"{shop.registry.host}/other:1")
    other.history(f"{shop.registry.host}/other", export=export)
    with pytest.raises(LogRefusedError) as caught:
        shop.client().history(shop.repository, export=export)
    assert caught.value.reason is LogReason.FORKED


# -- for the policy's rule ----------------------------------------------------------------------


def test_an_image_stands_as_its_newest_record_says(shop: Shop) -> None:
    shop.publish(1)
    shop.publish(2)
    client = shop.client()
    machine, trust = client.machine, trust_of(client.machine, ())
    reference = f"{shop.repository}:1"
    assert older_than_seen(machine, reference, shop.root(2), trust) == ""
    found = standing(machine, reference, shop.root(2), trust)
    assert found.entry is not None
    assert (found.entry.record.number, found.newest, found.missing) == (2, 2, ())
    platform = found.entry.record.publication.platforms[0].digest
    assert older_than_seen(machine, reference, platform, trust) == ""
    assert "rolled-back" in older_than_seen(machine, reference, shop.root(1), trust)
    unknown = Digest("sha256:" + "0" * 64)
    assert "tag-moved-without-record" in older_than_seen(machine, reference, unknown, trust)
    shop.put_log(shop.lines()[:1])
    assert "rolled-back" in older_than_seen(machine, reference, shop.root(1), trust)


def test_where_there_is_no_record_nobody_can_say(shop: Shop) -> None:
    layout = f"oci:{shop.image(1)}"
    trust = trust_of(shop.workspace.machine, ())
    with pytest.raises(NotFoundError, match="no repository"):
        older_than_seen(shop.workspace.machine, layout, shop.root(1), trust)
    reference = str(Reference.parse(f"{shop.registry.host}/nothing"))
    with pytest.raises(NotFoundError, match="no record of publications"):
        older_than_seen(shop.workspace.machine, reference, shop.root(1), trust)


def test_the_rule_of_a_policy_is_decided_by_the_record(shop: Shop) -> None:
    shop.publish(1)
    client = shop.client()
    policy = shop.folder / "policy.yaml"
    policy.write_text("name: newest\nversion: 1\nrecord:\n  not-older-than-seen: required\n")
    reference = f"{shop.repository}:1"

    def outcome(image: str = reference) -> tuple[str, str]:
        found = client.verify(image, policy=policy).outcomes
        return next((each.status, each.found) for each in found if each.rule.startswith("record."))

    assert outcome()[0] == "pass"
    old = shop.registry.manifests["app", "1"]
    shop.publish(2)
    shop.registry.manifests["app", "1"] = old
    status, said = outcome()
    assert status == "fail"
    assert said.startswith("rolled-back: 1 is")
    del shop.registry.manifests["app", LOG_TAG]
    assert outcome()[0] == "fail"
    assert outcome(f"oci:{shop.image(1)}:app:1")[0] == "unknown"


def test_the_catalog_shows_the_record_by_whom_it_believes_and_says_why_it_believes_none(
    shop: Shop,
) -> None:
    shop.publish(1)
    shop.publish(2)
    machine = shop.workspace.machine
    found = MachineLive(machine).publications("app")
    assert [each.digest for each in found.publications] == [shop.root(2), shop.root(1)]
    assert found.problem == ""
    stranger = shop.folder / "stranger.pub"
    stranger.write_bytes(FakeSigner().public.pem)
    others = MachineLive(machine, chosen=VerifyChoices(keys=(stranger,))).publications("app")
    assert others.publications == ()
    assert others.problem
    path = machine.home.publications / "app/tiles/000000.jsonl"
    path.write_bytes(shop.lines()[1] + b"\n")
    cut = MachineLive(machine).publications("app")
    assert cut.publications == ()
    assert cut.problem
