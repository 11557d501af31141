"""VEX attached to images counts on the catalog's pages by whom the server believes alone."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.fakes.advisories import bring, osv, write_records
from tests.fakes.asgi import ask
from tests.fakes.image import make_image
from tests.fakes.signer import FakeSigner
from tests.fakes.sigstore_services import IDENTITY, ISSUER, SigstoreServices
from tests.fakes.vex import said

from ironhull.attest.attaching import referrer_of
from ironhull.attest.bundle import BUNDLE_TYPE
from ironhull.attest.statement import Subject, render_statement
from ironhull.catalog.live import Remembered
from ironhull.catalog.web import CatalogSite
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import Digest, hex_of
from ironhull.registry.server.access import Access
from ironhull.registry.server.app import application
from ironhull.registry.server.contents import Contents
from ironhull.registry.server.entries import entry_of
from ironhull.registry.server.limits import Limits
from ironhull.registry.server.publishing import store_manifest
from ironhull.registry.server.registry import Registry
from ironhull.registry.server.request_log import RequestLog
from ironhull.registry.server.uploads import Uploads
from ironhull.settings import Settings
from ironhull.signing.dsse import signed_bundle
from ironhull.signing.keyless import KeylessSigner
from ironhull.signing.keyring import Keyring
from ironhull.statements.kinds import VEX
from ironhull.store.referrers import list_documents
from ironhull.workspace.catalog_serving import catalog_site
from ironhull.workspace.catalog_trust import Believed
from ironhull.workspace.cataloguing import Gatherer
from ironhull.workspace.machine import Machine
from ironhull.workspace.verifying import ChosenIdentity, VerifyChoices

NOW = datetime(2026, 11, 29, tzinfo=UTC)
CVE = "CVE-2026-0001"
OS_RELEASE = 'ID=debian\nVERSION_ID="13"\nVERSION_CODENAME=trixie\nPRETTY_NAME="Debian 13"\n'
OPENSSL = "Package: openssl\nStatus: install ok installed\nArchitecture: amd64\nVersion: 3.0-1\n\n"
PAGE, API = "/images/app/-/1/vulnerabilities", "/api/v1/images/app/-/1/vulnerabilities"


class Shop:
    """A registry with an affected image, its pages, and people who say something of it."""

    def __init__(self, folder: Path, chosen: VerifyChoices | None = None) -> None:
        self.machine = Machine(Settings(folder / "home", folder, max_advisory_age=None))
        self.layout = self.machine.home.store
        self.ring = Keyring(self.machine.home.keys)
        self.ours, self.stranger = FakeSigner(), FakeSigner()
        self.ring.trust("team", self.ours.public.pem, NOW)
        self.image = self.make("app:1")
        advice = osv(CVE, "openssl", {"Debian:13": "3.0-2"})
        bring(self.machine.home.advisories, osv_debian=write_records(folder / "osv", [advice]))
        self.contents = Contents(self.layout, Limits())
        self.registry = Registry(
            self.contents, Uploads(self.contents, Limits()), Access(None), Limits(),
            RequestLog(io.StringIO()),
        )  # fmt: skip
        self.start(chosen)

    def start(self, chosen: VerifyChoices | None = None) -> None:
        """The pages, as after a start of the server."""
        self.believed = Believed(self.machine, chosen)
        self.site: CatalogSite = catalog_site(self.machine, self.registry, self.believed)
        self.app = application(self.registry, self.site)
        index = self.site.site.index
        self.gatherer = Gatherer(self.machine, index, self.contents, self.believed)

    def make(self, *names: str, extra: str = "") -> Descriptor:
        layer = {"etc/os-release": OS_RELEASE, "var/lib/dpkg/status": OPENSSL + extra}
        return make_image(self.layout, [layer], names=names, index=False)

    def bundle(self, signer: FakeSigner | KeylessSigner, about: Descriptor, **more: Any) -> bytes:
        value = {
            "@context": "https://openvex.dev/ns/v0.2.0",
            "@id": "https://example.org/vex/1",
            "author": "Jane <jane@example.org>",
            "timestamp": "2026-11-01T00:00:00Z",
            "version": 1,
            "statements": [said(CVE, f"pkg:oci/app@{about.digest}", **more)],
        }
        subject = Subject("app", {"sha256": hex_of(about.digest)})
        return signed_bundle(render_statement([subject], VEX, msgspec.json.encode(value)), signer)

    def push(self, bundle: bytes, repository: str = "app", to: Descriptor | None = None) -> Digest:
        """As a client does who may push: a referrer of the image."""
        made = referrer_of(self.layout.blobs, to or self.image, bundle, VEX, "2026-11-01T00:00:00Z")
        store_manifest(self.contents, repository, entry_of(made), made.raw)
        return made.digest

    def status(self) -> str:
        """What the API says now; pages have to say the same."""
        answer = ask(self.app, "GET", API)
        (found,) = answer.json["findings"]
        after = 0 if found["status"] in ("not_affected", "fixed") else 1
        assert f"<b>{after}</b> after VEX, 1 raw" in ask(self.app, "GET", PAGE).body.decode()
        image = ask(self.app, "GET", "/api/v1/images/app/-/1").json
        assert (image["findings_raw"], image["findings_after_vex"]) == (1, after)
        of_all = ask(self.app, "GET", f"/api/v1/vulnerabilities/{CVE}").json
        means = {each["means"] for each in of_all["images"] if each["image"] == "app"}
        assert means == {"not_affected" if not after else found["status"]}
        return str(found["status"])

    def gathered(self) -> str:
        assert self.gatherer.due()
        self.gatherer.round()
        # A minute later: what is only newly known may be shown with that delay.
        self.site._shelves.forget()
        live = self.site.site.live
        assert isinstance(live, Remembered)
        live.forget()
        return self.status()


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    made = Shop(tmp_path)
    assert made.gathered() == "affected"
    return made


def test_a_statement_by_a_key_of_the_ring_counts_with_who_said_it_and_where(shop: Shop) -> None:
    digest = shop.push(shop.bundle(shop.ours, shop.image))
    assert shop.gathered() == "not_affected"
    (found,) = ask(shop.app, "GET", API).json["findings"]
    assert found["before"] == "affected"
    assert found["evidence"] == digest
    assert found["said_by"].startswith("team (")
    page = ask(shop.app, "GET", PAGE).body.decode()
    assert "VEX signed by team (" in page
    assert "(without it: affected)" in page
    assert f'href="/images/app/-/1/attestations#{digest}"' in page
    attached = ask(shop.app, "GET", "/images/app/-/1/attestations").body.decode()
    assert f'<tr id="{digest}">' in attached
    assert "✓ team (" in attached
    of_all = ask(shop.app, "GET", f"/vulnerabilities/{CVE}").body.decode()
    assert "(VEX signed by team (" in of_all
    assert not shop.gatherer.due()


def test_a_statement_by_a_key_that_nobody_trusts_counts_for_nothing(shop: Shop) -> None:
    digest = shop.push(shop.bundle(shop.stranger, shop.image))
    assert shop.gathered() == "affected"
    value = ask(shop.app, "GET", "/api/v1/images/app/-/1/attestations").json
    ((refused, why),) = value["verification"]["refused"]
    assert refused == digest
    assert "no signature of it is by one of the 1 keys" in why


def test_a_statement_without_a_signature_counts_for_nothing(shop: Shop) -> None:
    signed = msgspec.json.decode(shop.bundle(shop.ours, shop.image))
    signed["dsseEnvelope"]["signatures"] = []
    shop.push(msgspec.json.encode(signed))
    assert shop.gathered() == "affected"


def test_a_statement_whose_words_were_changed_counts_for_nothing(shop: Shop) -> None:
    other, own = (
        msgspec.json.decode(shop.bundle(shop.ours, shop.image, status=status))
        for status in ("under_investigation", "not_affected")
    )
    other["dsseEnvelope"]["payload"] = own["dsseEnvelope"]["payload"]
    shop.push(msgspec.json.encode(other))
    assert shop.gathered() == "affected"


def test_a_statement_about_another_image_counts_for_nothing_here(shop: Shop) -> None:
    other = shop.make("other:1", extra=OPENSSL.replace("openssl", "bash"))
    shop.push(shop.bundle(shop.ours, other))
    assert shop.gathered() == "affected"


def test_a_plain_document_counts_for_nothing(shop: Shop) -> None:
    layer = Descriptor("application/json", shop.layout.blobs.put(b"{}"), 2)
    made = referrer_of(shop.layout.blobs, shop.image, b"{}", VEX, "2026-11-01T00:00:00Z")
    value = {**made.value, "artifactType": "application/vnd.openvex", "layers": [layer.json()]}
    raw = msgspec.json.encode(value)
    shop.layout.blobs.put(raw)
    document = type(made).parse(raw, made.media_type)
    store_manifest(shop.contents, "app", entry_of(document), raw)
    assert shop.gathered() == "affected"


def test_a_revoked_key_is_out_with_the_next_answer_before_anything_is_gathered(
    shop: Shop,
) -> None:
    shop.push(shop.bundle(shop.ours, shop.image))
    assert shop.gathered() == "not_affected"
    shop.ring.revoke("team", "lost", NOW)
    assert shop.status() == "affected"
    assert shop.gathered() == "affected"
    assert not shop.gatherer.due()


def test_who_is_revoked_while_a_scan_is_made_does_not_come_in_behind(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.push(shop.bundle(shop.ours, shop.image))
    keep = shop.believed.keep

    def late(*given: Any) -> None:
        shop.ring.revoke("team", "lost", NOW)
        keep(*given)

    monkeypatch.setattr(shop.believed, "keep", late)
    assert shop.gathered() == "affected"


def test_a_key_that_is_trusted_later_is_heard_with_the_next_round(shop: Shop) -> None:
    shop.push(shop.bundle(shop.stranger, shop.image))
    assert shop.gathered() == "affected"
    shop.ring.trust("partner", shop.stranger.public.pem, NOW)
    assert shop.gathered() == "not_affected"


def test_with_keys_that_were_named_the_ring_does_not_count_but_for_what_it_revoked(
    shop: Shop, tmp_path: Path
) -> None:
    named = tmp_path / "partner.pub"
    named.write_bytes(shop.stranger.public.pem)
    shop.push(shop.bundle(shop.ours, shop.image))
    assert shop.gathered() == "not_affected"
    shop.start(VerifyChoices(keys=[named]))
    assert shop.status() == "affected"
    shop.push(shop.bundle(shop.stranger, shop.image))
    assert shop.gathered() == "not_affected"
    named.unlink()
    assert shop.status() == "affected"
    named.write_bytes(shop.stranger.public.pem)
    assert shop.gathered() == "not_affected"
    shop.ring.trust("partner", shop.stranger.public.pem, NOW)
    shop.ring.revoke("partner", "left", NOW)
    assert shop.status() == "affected"


def test_a_damaged_ring_makes_nobody_believed(shop: Shop) -> None:
    shop.push(shop.bundle(shop.ours, shop.image))
    assert shop.gathered() == "not_affected"
    (shop.ring.folder / "keys.json").write_text("{")
    assert shop.status() == "affected"


def test_what_is_said_in_one_repository_does_not_show_in_another(shop: Shop) -> None:
    bundle = shop.bundle(shop.ours, shop.image)
    shop.push(bundle)
    assert shop.gathered() == "not_affected"
    shop.layout.tag(shop.image, ["public/copy:1"])
    assert shop.gathered() == "affected"
    shop.push(bundle, "public/copy")
    assert shop.gathered() == "not_affected"


def test_a_statement_that_is_taken_back_counts_no_more(shop: Shop) -> None:
    digest = shop.push(shop.bundle(shop.ours, shop.image))
    assert shop.gathered() == "not_affected"
    shop.contents.delete_manifest("app", digest)
    assert shop.gathered() == "affected"


def test_of_two_statements_the_newer_counts(shop: Shop) -> None:
    shop.push(shop.bundle(shop.ours, shop.image))
    newer = shop.bundle(
        shop.ours, shop.image, status="affected", timestamp="2026-11-20T00:00:00Z",
        action_statement="update it",
    )  # fmt: skip
    shop.push(newer)
    assert shop.gathered() == "affected"
    (found,) = ask(shop.app, "GET", API).json["findings"]
    assert found["said_by"].startswith("team (")


def test_what_a_build_attached_counts_where_the_store_has_the_image(shop: Shop) -> None:
    made = referrer_of(
        shop.layout.blobs, shop.image, shop.bundle(shop.ours, shop.image), VEX,
        "2026-11-01T00:00:00Z",
    )  # fmt: skip
    assert made.value["artifactType"] == BUNDLE_TYPE
    list_documents(shop.layout, [made])
    assert shop.gathered() == "not_affected"


def test_hostile_words_of_a_statement_are_shown_and_do_nothing(shop: Shop) -> None:
    words = "<script>alert(1)</script>" + "x" * 5000
    shop.push(shop.bundle(shop.ours, shop.image, impact_statement=words))
    assert shop.gathered() == "not_affected"
    page = ask(shop.app, "GET", PAGE).body.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert len(ask(shop.app, "GET", API).json["findings"][0]["statement"]) == 2000


def test_a_statement_larger_than_pages_read_counts_for_nothing(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ironhull.workspace.catalog_attached.MAX_VEX", 100)
    shop.push(shop.bundle(shop.ours, shop.image))
    assert shop.gathered() == "affected"
    monkeypatch.setattr("ironhull.workspace.catalog_attached.MAX_DOCUMENT", 100)
    live = shop.site.site.live
    assert isinstance(live, Remembered)
    live.forget()
    (refused,) = live.verification("app:1").refused
    assert "more than is read for a page" in refused[1]


def test_an_index_of_before_keeps_what_it_alone_remembers(shop: Shop) -> None:
    index = shop.site.site.index
    with index._file.writing() as database:
        database.execute("DROP TABLE vouched")
    index.close()
    shop.start()
    assert [each.tag for each in shop.site.site.index.moves("app")] == ["1"]
    shop.push(shop.bundle(shop.ours, shop.image))
    assert shop.gathered() == "not_affected"


@pytest.fixture(scope="module")
def services() -> Iterator[SigstoreServices]:
    with SigstoreServices() as made:
        yield made


def test_an_identity_is_believed_by_the_root_that_was_named_as_long_as_it_stands_there(
    tmp_path: Path, services: SigstoreServices
) -> None:
    root = tmp_path / "trusted_root.json"
    root.write_text(json.dumps(services.trusted_root))
    whom = VerifyChoices(identity=ChosenIdentity(IDENTITY, ISSUER, root))
    shop = Shop(tmp_path, whom)
    config = json.dumps(services.trust_config).encode()
    other = KeylessSigner(config, services.token(identity="eve@example.org"))
    shop.push(shop.bundle(other, shop.image))
    shop.push(shop.bundle(shop.ours, shop.image))
    assert shop.gathered() == "affected"
    shop.push(shop.bundle(KeylessSigner(config, services.token()), shop.image))
    assert shop.gathered() == "not_affected"
    (found,) = ask(shop.app, "GET", API).json["findings"]
    assert found["said_by"].startswith(f"{IDENTITY} (")
    root.write_text("{}")
    assert shop.status() == "affected"
