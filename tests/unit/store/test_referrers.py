"""Referrers of one image are found without opening those of all others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.fakes.image import make_image

from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import Digest
from ironhull.oci.document import Document
from ironhull.oci.media_types import OCI_MANIFEST
from ironhull.store.index_blocks import SUBJECT
from ironhull.store.layout import ImageLayout
from ironhull.store.referrers import Referrers, list_documents


class Counting:
    """A layout that counts which documents are opened."""

    def __init__(self, layout: ImageLayout) -> None:
        self._layout = layout
        self.opened: list[Digest] = []

    def descriptors(self) -> list[Descriptor]:
        return self._layout.descriptors()

    def document(self, digest: Digest, media_type: str | None = None) -> Document:
        self.opened.append(digest)
        return self._layout.document(digest, media_type)


def referrer(layout: ImageLayout, subject: Descriptor, word: str) -> Document:
    blank = layout.blobs.put(b"{}")
    about = Descriptor("application/example", blank, 2).json()
    made = Document.of(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": about,
            "layers": [about],
            "subject": Descriptor(subject.media_type, subject.digest, subject.size).json(),
            "annotations": {"word": word},
        }
    )
    layout.blobs.put(made.raw)
    return made


def images(layout: ImageLayout, count: int) -> list[Descriptor]:
    found = [
        make_image(layout, [{"etc/motd": str(number)}], names=[f"app:{number}"])
        for number in range(count)
    ]
    for number, image in enumerate(found):
        list_documents(layout, [referrer(layout, image, f"of {number}")])
    return found


def test_only_the_referrers_of_the_image_asked_for_are_opened(tmp_path: Path) -> None:
    layout = ImageLayout(tmp_path, create=True)
    first, *_, last = images(layout, 20)
    counting = Counting(layout)
    (found,) = Referrers(counting).of(last.digest)
    assert found.annotations == {"word": "of 19"}
    referring = [each for each in counting.opened if each not in named(layout)]
    assert referring == [found.digest]
    assert Referrers(counting).of(first.digest)[0].annotations == {"word": "of 0"}


def named(layout: ImageLayout) -> set[Digest]:
    return {each.digest for each in layout.descriptors() if SUBJECT not in each.annotations}


def test_what_an_entry_says_of_its_subject_is_not_believed(tmp_path: Path) -> None:
    layout = ImageLayout(tmp_path, create=True)
    first, second = images(layout, 2)

    def swap(before: list[Descriptor]) -> list[Descriptor]:
        lie = {first.digest: second.digest, second.digest: first.digest}
        return [
            replace(each, annotations={SUBJECT: lie[Digest(each.annotations[SUBJECT])]})
            if SUBJECT in each.annotations
            else each
            for each in before
        ]

    layout.update(swap)
    referrers = Referrers(layout)
    assert (referrers.of(first.digest), referrers.of(second.digest)) == ([], [])
    assert len(referrers.digests()) == 2


def test_a_layout_of_others_that_names_no_subjects_is_read_as_before(tmp_path: Path) -> None:
    layout = ImageLayout(tmp_path, create=True)
    first, second = images(layout, 2)
    layout.update(lambda before: [replace(each, annotations={}) for each in before])
    assert not any(each.annotations for each in layout.descriptors())
    referrers = Referrers(layout)
    assert [len(referrers.of(each.digest)) for each in (first, second)] == [1, 1]


def test_the_subject_is_said_in_the_index_alone(tmp_path: Path) -> None:
    layout = ImageLayout(tmp_path, create=True)
    (image,) = images(layout, 1)
    (shown,) = Referrers(layout).of(image.digest)
    assert SUBJECT not in shown.annotations
    assert SUBJECT not in layout.document(shown.digest).value["annotations"]
