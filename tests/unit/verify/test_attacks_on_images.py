"""Attacks on the whole image: the index, its manifests, its tags, and how many have signed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.image import make_image, make_manifest
from tests.fakes.signed_image import SIGNATURE, VEX, SignedImage, said_about
from tests.fakes.signer import FakeSigner

from ironhull.errors import InputError, MalformedError, NotFoundError, UntrustedError
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.document import Document
from ironhull.signing.keyring import KnownKey
from ironhull.verify.evidence import collect
from ironhull.verify.signed import Signers, agreed, signed
from ironhull.verify.trust import NamedKey, Trust


def two(*signers: FakeSigner) -> Signers:
    return Signers(2, ("a", "b"), frozenset(each.public.fingerprint for each in signers))


def test_control_the_image_as_it_was_published_is_signed(image: SignedImage) -> None:
    evidence = image.collect()
    outcome = signed(evidence)
    assert outcome.status == "pass"
    assert evidence.root.digest == image.root.digest
    assert [str(each.platform) for each in evidence.images] == ["linux/amd64", "linux/arm64"]
    assert all(each.of_type((SIGNATURE,)) for each in evidence.subjects)


# -- the index and its manifests ------------------------------------------------------------------


def republished(image: SignedImage, change: Callable[[list[Any]], list[Any]]) -> None:
    """Let the name point at an index with other manifests: a new one, for its digest follows."""
    value = image.layout.document(image.root.digest).value
    index = Document.of({**value, "manifests": change(value["manifests"])})
    image.layout.blobs.put(index.raw)
    image.root = index.descriptor()
    image.layout.tag(image.root, ["app:1"])


def evil(image: SignedImage) -> dict[str, Any]:
    return make_manifest(image.layout, [{"etc/motd": "evil\n"}]).json()


@pytest.mark.parametrize(
    "change",
    [
        lambda image: lambda listed: [evil(image), listed[1]],
        lambda image: lambda listed: [*listed, evil(image)],
        lambda image: lambda listed: listed[:1],
        lambda image: lambda listed: listed[::-1],
        lambda image: (
            lambda listed: [
                {**listed[0], "platform": listed[1]["platform"]},
                {**listed[1], "platform": listed[0]["platform"]},
            ]
        ),
    ],
    ids=["swapped", "added", "left out", "reordered", "platforms exchanged"],
)
def test_an_index_that_was_changed_is_not_the_one_that_was_signed(
    image: SignedImage, change: Any
) -> None:
    republished(image, change(image))
    outcome = signed(image.collect())
    assert outcome.status == "fail"
    assert "no signature that counts" in outcome.found
    assert image.root.digest in outcome.needed


def test_a_place_that_gives_another_manifest_for_a_digest_of_the_signed_index(
    image: SignedImage,
) -> None:
    place, swapped = image.place(), image.layout.document(evil(image)["digest"])

    class Lying:
        read, referrers = place.read, place.referrers

        def document(self, descriptor: Descriptor) -> Document:
            wanted = descriptor.digest == image.manifests[0].digest
            return swapped if wanted else place.document(descriptor)

    with pytest.raises(UntrustedError, match=f"is {swapped.digest}"):
        collect(Lying(), place.root(), image.trust())


def test_a_blob_of_the_layout_that_was_overwritten_under_its_digest(image: SignedImage) -> None:
    path = image.layout.blobs.path(image.manifests[0].digest)
    path.write_bytes(path.read_bytes().replace(b"sha256", b"sha257", 1))
    with pytest.raises(UntrustedError, match="damaged"):
        image.collect()


def test_the_signature_of_the_version_before_attached_to_this_one(image: SignedImage) -> None:
    before = image.root
    republished(image, lambda listed: [evil(image), *listed[1:]])
    said = said_about(before, SIGNATURE, {})
    image.attach(image.root, SIGNATURE, {}, statement=lambda value: said)
    outcome = signed(image.collect())
    assert outcome.status == "fail"
    assert f"statement-of-another-image: a statement about {before.digest}" in outcome.found


def test_an_index_without_an_image_is_no_image(image: SignedImage) -> None:
    republished(image, lambda listed: [])
    with pytest.raises(NotFoundError, match="lists no image"):
        image.collect()


def resigned(image: SignedImage, change: Callable[[list[Any]], list[Any]]) -> None:
    """Another index, signed as it is: by whoever wants rules to look away from a part of it."""
    republished(image, change)
    image.attach(image.root, SIGNATURE, {})


def test_an_index_in_the_index_hides_no_image(image: SignedImage) -> None:
    inner = image.root.json()
    resigned(image, lambda listed: [*listed, inner])
    with pytest.raises(MalformedError, match="only an index of images can be verified"):
        image.collect()
    with pytest.raises(MalformedError, match="only an index of images can be verified"):
        image.collect(None, "linux/amd64")


def test_an_image_that_is_marked_as_an_attestation_is_looked_at(image: SignedImage) -> None:
    marks = {"vnd.docker.reference.type": "attestation-manifest"}
    resigned(image, lambda listed: [listed[0], {**listed[1], "annotations": marks}])
    assert len(image.collect().images) == 2


def test_control_an_attestation_of_buildkit_is_no_image(image: SignedImage) -> None:
    marks = {"vnd.docker.reference.type": "attestation-manifest"}
    nowhere = {"os": "unknown", "architecture": "unknown"}
    resigned(
        image,
        lambda listed: [*listed, {**evil(image), "platform": nowhere, "annotations": marks}],
    )
    assert len(image.collect().images) == 2


def test_two_images_for_one_platform_are_both_looked_at(image: SignedImage) -> None:
    resigned(image, lambda listed: [*listed, evil(image)])
    assert len(image.collect(None, "linux/amd64").images) == 2


def test_a_platform_that_the_signed_index_does_not_have(image: SignedImage) -> None:
    with pytest.raises(NotFoundError, match="it has: linux/amd64, linux/arm64"):
        image.collect(None, "linux/s390x")


def test_one_platform_is_still_bound_by_the_index(image: SignedImage) -> None:
    arm = {"platform": image.manifests[1].json()["platform"]}
    republished(image, lambda listed: [listed[0], {**evil(image), **arm}])
    evidence = image.collect(None, "linux/amd64")
    assert [each.digest for each in evidence.images] == [image.manifests[0].digest]
    assert signed(evidence).status == "fail", "the manifest is signed, what names it is not"


def test_a_tag_that_moves_while_it_is_verified(image: SignedImage) -> None:
    """The place is asked for what the name means once; all else goes by digest."""
    place, root = image.place(), image.place().root()
    other = make_image(image.layout, [{"etc/motd": "evil\n"}], names=())

    class Moving:
        read, referrers = place.read, place.referrers

        def document(self, descriptor: Descriptor) -> Document:
            image.layout.tag(other, ["app:1"])
            return place.document(descriptor)

    evidence = collect(Moving(), root, image.trust())
    assert image.layout.find("app:1").digest == other.digest
    assert evidence.root.digest == image.root.digest
    assert [each.digest for each in evidence.images] == [each.digest for each in image.manifests]


# -- statements without a signature of the image --------------------------------------------------


def test_statements_alone_do_not_sign_the_image(tmp_path: Path) -> None:
    image = SignedImage(tmp_path, signed=False)
    image.attach(image.descriptor(image.root.digest), VEX, {})
    outcome = signed(image.collect())
    assert outcome.status == "fail"
    assert "1 statement about it, but no signature of the image" in outcome.found


def test_an_image_without_anything(tmp_path: Path) -> None:
    outcome = signed(SignedImage(tmp_path, signed=False).collect())
    assert outcome.status == "fail"
    assert outcome.found == "no signature that counts"


def test_signed_manifests_do_not_sign_the_index(tmp_path: Path) -> None:
    image = SignedImage(tmp_path, signed=False)
    for each in image.manifests:
        image.attach(image.descriptor(each.digest), SIGNATURE, {})
    assert signed(image.collect()).status == "fail"


def test_what_was_refused_is_said_where_a_signature_is_missed(tmp_path: Path) -> None:
    image = SignedImage(tmp_path, signed=False)
    image.attach(image.descriptor(image.root.digest), SIGNATURE, {}, signers=(FakeSigner(),))
    assert "refused: signed-by-nobody-known" in signed(image.collect()).found


# -- thresholds -----------------------------------------------------------------------------------


def test_control_two_keys_make_two(tmp_path: Path) -> None:
    image, second = SignedImage(tmp_path), FakeSigner()
    image.attach(image.descriptor(image.root.digest), SIGNATURE, {}, signers=(second,))
    evidence = image.collect(image.trust(image.signer, second))
    assert signed(evidence, two(image.signer, second)).status == "pass"


def test_control_two_signatures_in_one_envelope_make_two(tmp_path: Path) -> None:
    image, second = SignedImage(tmp_path, signed=False), FakeSigner()
    both = (image.signer, second)
    image.attach(image.descriptor(image.root.digest), SIGNATURE, {}, signers=both)
    assert signed(image.collect(image.trust(*both)), two(*both)).status == "pass"


@pytest.mark.parametrize("signatures", [2, 16])
def test_signatures_of_one_key_in_one_envelope_are_one(tmp_path: Path, signatures: int) -> None:
    image, second = SignedImage(tmp_path, signed=False), FakeSigner()
    often = (image.signer,) * signatures
    image.attach(image.descriptor(image.root.digest), SIGNATURE, {}, signers=often)
    evidence = image.collect(image.trust(image.signer, second))
    outcome = signed(evidence, two(image.signer, second))
    assert outcome.status == "fail"
    assert "alone" in outcome.found


def test_two_referrers_of_one_key_are_one(image: SignedImage) -> None:
    second = FakeSigner()
    root = image.descriptor(image.root.digest)
    image.attach(root, SIGNATURE, {}, statement=lambda value: {**value, "more": 1})
    evidence = image.collect(image.trust(image.signer, second))
    assert len(evidence.root.of_type((SIGNATURE,))) == 2
    assert signed(evidence, two(image.signer, second)).status == "fail"


def test_two_names_of_one_key_are_one(image: SignedImage) -> None:
    key = image.signer.public
    trust = Trust.of([NamedKey("a", key), NamedKey("b", key)], (), whole=False)
    assert [each.name for each in trust.believed] == ["a"]
    assert signed(image.collect(trust), two(image.signer, FakeSigner())).status == "fail"


def test_a_key_that_is_believed_but_not_of_those_that_are_wanted(image: SignedImage) -> None:
    wanted = Signers(1, ("release",), frozenset({FakeSigner().public.fingerprint}))
    outcome = signed(image.collect(), wanted)
    assert outcome.status == "fail"
    assert outcome.needed.endswith("by 1 of release")


def test_two_keys_that_say_different_things_do_not_agree(image: SignedImage) -> None:
    second = FakeSigner()
    root = image.descriptor(image.root.digest)
    image.attach(root, VEX, {"version": 1})
    image.attach(root, VEX, {"version": 2}, signers=(second,))
    both = two(image.signer, second)
    statements = image.collect(image.trust(image.signer, second)).root.of_type((VEX,))
    assert len(statements) == 2
    assert agreed(statements, both) == ()
    image.attach(root, VEX, {"version": 2})
    statements = image.collect(image.trust(image.signer, second)).root.of_type((VEX,))
    assert {each.predicate for each in agreed(statements, both)} == {b'{"version": 2}'}


# -- keys -----------------------------------------------------------------------------------------


def known(signer: FakeSigner, state: Any) -> KnownKey:
    return KnownKey("ours", signer.public, state, "")


def test_a_key_that_was_retired_still_counts(image: SignedImage) -> None:
    trust = Trust.of((), [known(image.signer, "retired")], whole=True)
    assert signed(image.collect(trust)).status == "pass"


@pytest.mark.parametrize("whole", [True, False])
def test_a_revoked_key_does_not_count_even_where_it_is_named(
    image: SignedImage, whole: bool
) -> None:
    named = [NamedKey("ours.pub", image.signer.public), NamedKey("b", FakeSigner().public)]
    trust = Trust.of(named, [known(image.signer, "revoked")], whole=whole)
    outcome = signed(image.collect(trust))
    assert outcome.status == "fail"
    assert "signed-by-revoked-key" in outcome.found


def test_a_descriptor_of_the_list_that_lies_about_the_size(image: SignedImage) -> None:
    """What the list says is a hint: the referrer's own manifest, by its digest, decides."""
    place = image.place()

    class Lying:
        document, read = place.document, place.read

        def referrers(self, digest: Any) -> Any:
            return [replace(each, size=1, artifact_type="x/y") for each in place.referrers(digest)]

    assert signed(collect(Lying(), place.root(), image.trust())).status == "pass"


def test_a_list_that_leaves_the_signature_out(image: SignedImage) -> None:
    place = image.place()

    class Silent:
        document, read = place.document, place.read

        def referrers(self, digest: Any) -> Any:
            return []

    assert signed(collect(Silent(), place.root(), image.trust())).status == "fail"


def test_a_list_that_names_a_signature_under_another_type(image: SignedImage) -> None:
    place = image.place()

    class Lying:
        document, read = place.document, place.read

        def referrers(self, digest: Any) -> Any:
            marks = {"in-toto.io/predicate-type": VEX}
            return [replace(each, annotations=marks) for each in place.referrers(digest)]

    outcome = signed(collect(Lying(), place.root(), image.trust()))
    assert outcome.status == "fail"


def test_a_signature_that_cannot_be_asked_for_is_an_error_and_no_answer(
    image: SignedImage,
) -> None:
    place = image.place()

    class Broken:
        document, read = place.document, place.read

        def referrers(self, digest: Any) -> Any:
            raise InputError("it does not answer")

    with pytest.raises(InputError, match="does not answer"):
        collect(Broken(), place.root(), image.trust())
