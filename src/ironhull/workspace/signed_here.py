"""Whether an image of the store has a signature that this machine believes.

All that a build in which nothing changed asks, so it is answered without cryptography where it can
be: a signature is verified once, and a note of it is kept in the cache for as long as the keys are
the same. What strangers attached, to a registry of this store or to an image that was pulled, is
no reason not to sign.
"""

from __future__ import annotations

from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from ironhull.attest.listing import LayoutPlace, type_of
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import Digest, hex_of
from ironhull.statements.kinds import SIGNATURE
from ironhull.store.files import replace_file
from ironhull.workspace.machine import Machine


def is_signed_here(machine: Machine, root: Descriptor) -> bool:
    """Whether each manifest of an image, index and platforms, has a signature that is believed.

    Those of the home's keys are, and of the key file that the settings name, whatever else it is
    that signs now; none of a revoked key. Where an identity signs, whoever verifies has to say
    which ones count: here each certificate does.
    """
    layout = machine.home.store
    place = LayoutPlace(layout, root.digest)
    document = layout.document(root.digest, root.media_type)
    return all(
        _is_signed(machine, place, manifest.digest)
        for manifest in (*([root] if document.is_index else []), *(document.manifests or (root,)))
    )


def _is_signed(machine: Machine, place: LayoutPlace, manifest: Digest) -> bool:
    signatures = [each for each in place.referrers(manifest) if type_of(each) == SIGNATURE]
    if not signatures:
        return False
    note = machine.home.signed / hex_of(manifest)
    keys = _keys(machine)
    with suppress(OSError, ValueError):
        kept, _, referrer = note.read_text().partition(" ")
        if kept == keys and any(each.digest == referrer for each in signatures):
            return True
    # Cryptography, for which nobody waits who builds what is there already.
    from ironhull.workspace.signature_check import is_believed

    for each in signatures:
        if is_believed(machine, place, each, manifest):
            replace_file(note, f"{keys} {each.digest}".encode(), durable=False)
            return True
    return False


def _keys(machine: Machine) -> str:
    """What changes with the keys that are believed."""
    signer = machine.settings.signer or ""
    digest = sha256(signer.encode())
    for path in (machine.home.keys / "keys.json", Path(signer)):
        digest.update(b"\0")
        with suppress(OSError):
            digest.update(sha256(path.read_bytes()).digest())
    return digest.hexdigest()
