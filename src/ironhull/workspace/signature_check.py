"""Whether a signature that is attached to an image is by a key that this machine believes."""

from __future__ import annotations

from ironhull.attest.listing import LayoutPlace
from ironhull.errors import InputError
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import Digest
from ironhull.signing.keyring import Keyring
from ironhull.statements.kinds import SIGNATURE
from ironhull.verify.opening import open_bundle
from ironhull.verify.refusal import Reason, RefusedError
from ironhull.verify.trust import NamedKey, Trust
from ironhull.workspace.machine import Machine
from ironhull.workspace.signing_keys import KEYLESS, signer_of

MAX_BUNDLE = 1 << 20
"""Bytes of a signature's bundle; ours have some two thousand."""


def is_believed(
    machine: Machine, place: LayoutPlace, signature: Descriptor, manifest: Digest
) -> bool:
    """Whether a referrer is a signature of the manifest by a key of the home or of the settings.

    None of a revoked key is. Where an identity signs, whoever verifies has to say which ones count:
    here each certificate does. Errors of `signer_of` for a key file that cannot be read.
    """
    trust = believed_keys(machine)
    try:
        (layer,) = place.document(signature).layers
        if layer.size > MAX_BUNDLE:
            return False
        open_bundle(place.read(layer), manifest, frozenset({SIGNATURE}), trust)
    except RefusedError as error:
        return machine.settings.signer == KEYLESS and error.reason is Reason.CERTIFICATE
    except (InputError, ValueError):
        # Whatever it is, it is no signature of ours.
        return False
    return True


def believed_keys(machine: Machine) -> Trust:
    """The keys of the home, and of the key file that the settings name; none that is revoked."""
    named = []
    if machine.settings.signer not in (None, KEYLESS):
        named = [NamedKey("signer", signer_of(machine).public)]
    return Trust.of(named, Keyring(machine.home.keys).known(), whole=True)
