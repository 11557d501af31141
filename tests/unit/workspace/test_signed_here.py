"""A build signs unless a signature that this machine believes is there; who that is may change."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.unit.workspace.test_attesting import NOW
from tests.unit.workspace.test_workspace import workspace

from ironhull import Workspace
from ironhull.attest.attaching import referrer_of
from ironhull.attest.listing import LayoutPlace, read_bundles
from ironhull.oci.digest import Digest
from ironhull.signing.dsse import signers_of
from ironhull.signing.keyring import Keyring
from ironhull.signing.public_key import PublicKey
from ironhull.statements.kinds import SIGNATURE
from ironhull.store.layout import ImageLayout
from ironhull.store.referrers import list_documents
from ironhull.workspace.signed_here import is_signed_here


@pytest.fixture
def shop(tmp_path: Path) -> Workspace:
    made = workspace(tmp_path)
    Keyring(made.home.keys).generate("release", None, NOW)
    return made


def is_signed(shop: Workspace) -> bool:
    return is_signed_here(shop.machine, shop.show("app:1").image.descriptor)


def signers(shop: Workspace, *keys: PublicKey) -> dict[Digest, set[PublicKey]]:
    """Which of the keys have signed each manifest of the image."""
    found: dict[Digest, set[PublicKey]] = {}
    for each in shop.attestations("app:1"):
        if each.word == "signature":
            place = LayoutPlace(shop.home.store, each.attachment.digest)
            for bundle in read_bundles(place, each.attachment.manifest, 1 << 20):
                known = found.setdefault(Digest(each.attachment.subject), set())
                known.update(signers_of(bundle.envelope, keys))
    return found


def test_a_strangers_signature_is_no_reason_not_to_sign(shop: Workspace) -> None:
    theirs = Keyring(shop.home.keys).active()
    shop.build("app:1")
    # The image stays with what was said of it; who was told of the key is gone.
    shutil.rmtree(shop.home.keys)
    ours = Keyring(shop.home.keys).generate("ours", None, NOW)
    assert theirs is not None
    assert not is_signed(shop)
    shop.build("app:1")
    both = {ours.public, theirs.public}
    assert list(signers(shop, *both).values()) == [both, both]
    assert is_signed(shop)


def test_a_signature_of_whom_the_home_trusts_is_enough(shop: Workspace) -> None:
    theirs = Keyring(shop.home.keys).active()
    shop.build("app:1")
    shutil.rmtree(shop.home.keys)
    ring = Keyring(shop.home.keys)
    ours = ring.generate("ours", None, NOW)
    assert theirs is not None
    ring.trust("vendor", theirs.public.pem, NOW)
    shop.build("app:1")
    assert set().union(*signers(shop, ours.public, theirs.public).values()) == {theirs.public}


def test_a_retired_key_still_counts_and_a_revoked_one_does_not(shop: Workspace) -> None:
    shop.build("app:1")
    ring = Keyring(shop.home.keys)
    before, after = ring.rotate(None, NOW)
    shop.build("app:1")
    assert set().union(*signers(shop, before.public, after.public).values()) == {before.public}
    ring.revoke(before.name, "lost", NOW)
    assert not is_signed(shop)
    shop.build("app:1")
    assert all(after.public in found for found in signers(shop, after.public).values())
    assert is_signed(shop)


def test_a_signature_is_verified_once(shop: Workspace, tmp_path: Path) -> None:
    shop.build("app:1")
    assert is_signed(shop)
    notes = sorted(shop.home.signed.iterdir())
    assert len(notes) == len(signers(shop))
    code = (
        "import sys; from pathlib import Path; from ironhull.oci.descriptor import Descriptor;"
        "from ironhull.settings import Settings;"
        "from ironhull.workspace.machine import Machine;"
        "from ironhull.workspace.signed_here import is_signed_here;"
        "machine = Machine(Settings(home=Path(sys.argv[1]), catalog=Path(sys.argv[2])));"
        "assert is_signed_here(machine, Descriptor(sys.argv[4], sys.argv[3], int(sys.argv[5])));"
        "assert not sys.modules.keys() & {'cryptography', 'msgspec'}"
    )
    root = shop.show("app:1").image.descriptor
    words = [sys.executable, "-c", code, str(shop.home.root), str(tmp_path), root.digest,
             root.media_type, str(root.size)]  # fmt: skip
    subprocess.run(words, check=True)
    for note in notes:
        note.write_bytes(b"\xff")
    assert is_signed(shop)


@pytest.mark.parametrize("payload", [b"", b"[]", b"{}", b'{"mediaType": 1}'])
def test_what_is_listed_as_a_signature_and_is_none_does_not_count(
    shop: Workspace, payload: bytes
) -> None:
    root = shop.build("app:1").descriptor
    store: ImageLayout = shop.home.store
    Keyring(shop.home.keys).revoke("release", "lost", NOW)
    said = referrer_of(store.blobs, root, payload, SIGNATURE, "2026-01-01T00:00:00Z")
    list_documents(store, [said])
    assert not is_signed(shop)
