import json
import os
import subprocess
import sys
from contextlib import nullcontext
from dataclasses import replace
from threading import Thread

import pytest
from tests.fakes.image import File, make_image

from ironhull.errors import InputError, MalformedError, NotFoundError, UntrustedError
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import digest_of
from ironhull.oci.document import Document
from ironhull.oci.media_types import OCI_INDEX, OCI_MANIFEST
from ironhull.progress import Silent
from ironhull.store import index_blocks, index_file
from ironhull.store.clean import prune, usage, verify
from ironhull.store.copy import copy_image
from ironhull.store.files import create_held, replace_file
from ironhull.store.home import Home
from ironhull.store.index_file import Index
from ironhull.store.layout import REF_NAME, ImageLayout


def image(layout: ImageLayout, text: bytes = b"hello"):
    return make_image(layout, [{"etc/x": File(text)}])


def test_a_new_layout_is_valid_and_empty(tmp_path):
    layout = ImageLayout(tmp_path / "l", create=True)
    assert json.loads((tmp_path / "l/oci-layout").read_text()) == {"imageLayoutVersion": "1.0.0"}
    assert layout.descriptors() == []


def test_a_folder_that_is_no_layout_is_refused(tmp_path):
    with pytest.raises(NotFoundError, match="not an OCI image layout"):
        ImageLayout(tmp_path)


@pytest.mark.parametrize("text", ["{", "[]", '{"manifests": 1}', '{"manifests": [1]}'])
def test_a_damaged_index_is_refused(tmp_path, text):
    layout = ImageLayout(tmp_path, create=True)
    (tmp_path / "index.json").write_text(text)
    with pytest.raises(MalformedError):
        layout.descriptors()


def test_an_index_is_read_once_for_as_long_as_it_is_the_same(tmp_path, monkeypatch):
    layout = ImageLayout(tmp_path / "store", create=True)
    layout.tag(Descriptor("a/b", digest_of(b"1"), 1), ["one:1"])
    index_file._remembered.clear()
    parsed = []
    real = Descriptor.from_json
    monkeypatch.setattr(Descriptor, "from_json", lambda value: parsed.append(1) or real(value))
    first = layout.descriptors()
    first.clear()
    assert [len(ImageLayout(tmp_path / "store").descriptors()) for _ in range(5)] == [1] * 5
    assert len(parsed) == 1
    layout.tag(Descriptor("a/b", digest_of(b"2"), 1), ["one:1"])
    assert ImageLayout(tmp_path / "store").find("one:1").digest == digest_of(b"2")


def test_of_an_index_that_another_process_has_changed_only_what_is_new_is_parsed(
    tmp_path, monkeypatch
):
    layout = ImageLayout(tmp_path / "store", create=True)
    for number in range(3):
        layout.tag(Descriptor("a/b", digest_of(b"%d" % number), 1), [f"one:{number}"])
    assert len(layout.descriptors()) == 3
    code = (
        "import sys; from pathlib import Path; from ironhull.store.layout import ImageLayout;"
        "from ironhull.oci.descriptor import Descriptor;"
        f"ImageLayout(Path({str(tmp_path / 'store')!r})).tag("
        f"Descriptor('a/b', {digest_of(b'new')!r}, 1), ['new:1'])"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    parsed = []
    real = Descriptor.from_json
    monkeypatch.setattr(Descriptor, "from_json", lambda value: parsed.append(1) or real(value))
    names = [each.annotations[REF_NAME] for each in layout.descriptors()]
    assert names == ["new:1", "one:0", "one:1", "one:2"]
    assert len(parsed) == 1


def test_what_was_written_is_known_until_somebody_else_writes(tmp_path, monkeypatch):
    layout = ImageLayout(tmp_path / "layout", create=True)
    layout.tag(Descriptor("a/b", digest_of(b"1"), 1), ["app:1"])
    parsed = []
    real = Index.read_again
    monkeypatch.setattr(
        Index, "read_again", lambda before, raw: parsed.append(1) or real(before, raw)
    )
    first = layout.descriptors()
    layout.tag(Descriptor("a/b", digest_of(b"2"), 1), ["app:2"])
    assert [each.annotations[REF_NAME] for each in layout.descriptors()] == ["app:1", "app:2"]
    assert layout.descriptors()[0] is first[0]
    assert parsed == []
    index = layout.root / "index.json"
    raw = index.read_bytes()
    replace_file(index, raw.replace(b"app:2", b"app:3"))
    assert [each.annotations[REF_NAME] for each in layout.descriptors()] == ["app:1", "app:3"]
    assert parsed == [1]


def test_what_was_written_is_seen_as_it_is_read(tmp_path):
    layout = ImageLayout(tmp_path / "layout", create=True)
    made = image(layout)
    layout.update(lambda _: [replace(made, annotations={"b": "\u00e4", "a": "1"})])
    here = layout.descriptors()
    code = (
        "import sys, pathlib; from ironhull.store.layout import ImageLayout;"
        "print(*map(repr, ImageLayout(pathlib.Path(sys.argv[1])).descriptors()))"
    )
    told = subprocess.run(
        [sys.executable, "-c", code, layout.root], capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == " ".join(map(repr, here))


@pytest.mark.parametrize(
    "written",
    [
        lambda value: json.dumps(value, indent=2),
        lambda value: json.dumps(value, sort_keys=True, separators=(",", ":")),
    ],
)
def test_an_index_of_another_program_is_read_and_kept(tmp_path, written):
    layout = ImageLayout(tmp_path, create=True)
    first, second = Descriptor("a/b", digest_of(b"1"), 1), Descriptor("a/b", digest_of(b"2"), 1)
    layout.tag(first, ["one:1"])
    path = tmp_path / "index.json"
    path.write_text(written(json.loads(path.read_bytes())))
    layout.tag(second, ["two:1"])
    assert [each.digest for each in layout.descriptors()] == [first.digest, second.digest]
    assert list(json.loads(path.read_bytes())) == ["manifests", "mediaType", "schemaVersion"]


def test_a_line_of_an_index_that_is_no_entry_is_refused(tmp_path):
    layout = ImageLayout(tmp_path, create=True)
    layout.tag(Descriptor("a/b", digest_of(b"1"), 1), ["one:1"])
    path = tmp_path / "index.json"
    for line in (b'{"a":[', b"1", b"]"):
        path.write_bytes(path.read_bytes().replace(b":[\n", b":[\n" + line + b",\n", 1))
        with pytest.raises(MalformedError):
            layout.descriptors()


def test_a_tag_moves_and_other_tags_stay(tmp_path):
    layout = ImageLayout(tmp_path, create=True)
    first, second = image(layout, b"1"), image(layout, b"2")
    layout.tag(first, ["app:1", "app:latest"])
    layout.tag(second, ["app:latest"])
    assert layout.find("app:1").digest == first.digest
    assert layout.find("app:latest").digest == second.digest
    assert layout.find(first.digest).digest == first.digest
    with pytest.raises(NotFoundError, match=r"no image 'app:2' .*\(it has: app:1, app:latest\)"):
        layout.find("app:2")


def test_an_image_is_copied_with_all_below_it(tmp_path):
    source, target = (ImageLayout(tmp_path / name, create=True) for name in "ab")
    descriptor = image(source)
    copy_image(source, descriptor, target, ["app:1"])
    copied = target.find("app:1")
    assert copied.annotations == {REF_NAME: "app:1"}
    for item in source.walk(descriptor):
        assert target.blobs.has(item.digest)


def test_pruning_removes_what_no_image_needs_and_keeps_what_is_young(tmp_path):
    home = Home(tmp_path)
    kept = image(home.store)
    home.store.tag(kept, ["app:1"])
    lonely = home.store.blobs.put(b"lonely")
    home.packages.put(b"deb")
    assert prune(home, layers=True, packages=False, unused=False).files == 0
    os.utime(home.store.blobs.path(lonely), (0, 0))
    removed = prune(home, layers=True, packages=False, unused=True)
    assert (removed.files, removed.size) == (1, 6)
    assert prune(home, layers=False, packages=True, unused=False).files == 1
    assert verify(home, Silent()) == []
    assert {item.name: item.files for item in usage(home)}["packages"] == 0


def test_pruning_keeps_what_a_registry_has_on_record(tmp_path):
    home = Home(tmp_path)
    recorded = home.store.blobs.put(b"pushed by somebody")
    record = tmp_path / "store/registry/repositories/app/_blobs" / recorded[7:]
    record.parent.mkdir(parents=True)
    record.write_bytes(b"")
    assert prune(home, layers=True, packages=False, unused=True, grace=-1).files == 0
    assert home.store.blobs.has(recorded)


def test_a_renewed_blob_is_young_again(tmp_path):
    home = Home(tmp_path)
    digest = home.store.blobs.put(b"layer")
    os.utime(home.store.blobs.path(digest), (0, 0))
    assert home.store.blobs.renew(digest)
    assert prune(home, layers=True, packages=False, unused=False).files == 0
    home.store.blobs.remove(digest)
    assert not home.store.blobs.renew(digest)


def test_verify_names_what_is_damaged_and_what_is_missing(tmp_path):
    home = Home(tmp_path)
    descriptor = image(home.store)
    home.store.tag(descriptor, ["app:1"])
    layer = next(item for item in home.store.walk(descriptor) if "layer" in item.media_type)
    home.store.blobs.path(layer.digest).write_bytes(b"x")
    assert [line for line in verify(home, Silent()) if "is damaged" in line]
    home.store.blobs.remove(layer.digest)
    assert [line for line in verify(home, Silent()) if f"needs {layer.digest}" in line]


def test_a_name_that_is_not_there_is_told_with_the_few_that_are_most_like_it(tmp_path):
    layout = ImageLayout(tmp_path, create=True)
    layout.tag(image(layout), ["nginx:1.26", *(f"other{number}:x" for number in range(30))])
    with pytest.raises(NotFoundError) as told:
        layout.find("nginx:1.2")
    assert "(it has: nginx:1.26, " in str(told.value)
    assert str(told.value).endswith(", and 24 more)")


def test_pruning_takes_what_a_killed_process_left_and_not_what_one_is_writing(tmp_path):
    home = Home(tmp_path)
    home.store.tag(image(home.store), ["app:1"])
    home.layers.mkdir(parents=True)
    left = [tmp_path / "store/.index.json.1-a", home.layers / ".k.json.1-a"]
    for path in left:
        path.write_bytes(b"{")
    written = [tmp_path / "store/.index.json.2-b", home.layers / ".k.json.2-b"]
    (home.layers / "damaged.json").write_text('{"descriptor": {"digest": 5}}')
    with create_held(written[0]), create_held(written[1]):
        assert prune(home, layers=False, packages=False, unused=True).files == 3
    assert [path.exists() for path in [*left, *written]] == [False, False, True, True]


def test_two_prunings_at_once_do_not_fail(tmp_path, monkeypatch):
    home = Home(tmp_path)
    digest = home.packages.put(b"deb")
    gone = home.packages.path(digest).with_name("0" * 64)
    monkeypatch.setattr(
        "ironhull.store.clean._files", lambda folder: [home.packages.path(digest), gone]
    )
    assert prune(home, layers=False, packages=True, unused=False).files == 1


def test_pruning_removes_nothing_while_an_image_is_damaged_and_says_which(tmp_path):
    home = Home(tmp_path)
    descriptor = image(home.store)
    home.store.tag(descriptor, ["app:1"])
    home.store.blobs.remove(descriptor.digest)
    with pytest.raises(InputError, match=r"cannot tell what app:1 needs.*again first"):
        prune(home, layers=True, packages=False, unused=False, grace=-1)
    assert list(home.store.blobs)


def test_a_copy_shares_nothing_with_the_store_and_is_verified(tmp_path):
    source, target, other = (ImageLayout(tmp_path / name, create=True) for name in "abc")
    descriptor = image(source)
    copy_image(source, descriptor, target, ["app:1"])
    layer = next(item for item in source.walk(descriptor) if "layer" in item.media_type)
    with target.blobs.path(layer.digest).open("r+b") as file:
        file.write(b"edited")
    assert not source.blobs.path(layer.digest).read_bytes().startswith(b"edited")
    with source.blobs.path(layer.digest).open("r+b") as file:
        file.write(b"damage")
    with pytest.raises(UntrustedError, match="should be"):
        copy_image(source, descriptor, other, ["app:1"])
    assert other.descriptors() == []


def test_uploads_that_rest_in_the_registry_count_as_unfinished(tmp_path):
    home = Home(tmp_path)
    upload = home.store.root / "registry/uploads/one"
    upload.parent.mkdir(parents=True)
    upload.write_bytes(b"12345")
    found = {item.name: (item.files, item.size) for item in usage(home)}
    assert found["unfinished"] == (1, 5)


def test_a_name_that_moves_goes_from_all_entries_of_an_index_in_any_order(tmp_path):
    layout = ImageLayout(tmp_path, create=True)
    names = ["b:1", "a:1", "b:1", "c:1"]
    entries = [
        Descriptor("a/b", digest_of(str(number).encode()), 1, {REF_NAME: name}).json()
        for number, name in enumerate(names)
    ]
    (tmp_path / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": entries}))
    layout.tag(Descriptor("a/b", digest_of(b"new"), 1), ["b:1"])
    listed = [(each.annotations[REF_NAME], each.digest) for each in layout.descriptors()]
    assert listed == [
        ("a:1", digest_of(b"1")),
        ("b:1", digest_of(b"new")),
        ("c:1", digest_of(b"3")),
    ]
    index_file._remembered.clear()
    assert [(each.annotations[REF_NAME], each.digest) for each in layout.descriptors()] == listed


def test_a_tag_that_moves_makes_no_other_entry_anew(tmp_path, monkeypatch):
    layout = ImageLayout(tmp_path, create=True)
    for number in range(20):
        layout.tag(Descriptor("a/b", digest_of(b"1"), 1), [f"a:{number}"])
    made = []
    real = index_blocks.entry_of
    monkeypatch.setattr(index_blocks, "entry_of", lambda value: made.append(1) or real(value))
    layout.tag(Descriptor("a/b", digest_of(b"2"), 1), ["a:7"])
    assert (len(made), len(layout.descriptors())) == (1, 20)


def test_gathered_changes_are_seen_here_at_once_and_written_once(tmp_path, monkeypatch):
    layout = ImageLayout(tmp_path / "store", create=True)
    layout.tag(Descriptor("a/b", digest_of(b"0"), 1), ["app:0"])
    path = layout.root / "index.json"
    with layout.gathering():
        before = path.stat().st_ino
        layout.tag(Descriptor("a/b", digest_of(b"1"), 1), ["app:1"])
        ImageLayout(layout.root).untag(["app:0"])
        assert [each.annotations[REF_NAME] for each in layout.descriptors()] == ["app:1"]
        assert path.stat().st_ino == before
        assert layout.find("app:1").digest == digest_of(b"1")
    index_file._remembered.clear()
    assert [each.annotations[REF_NAME] for each in layout.descriptors()] == ["app:1"]


def test_what_others_write_while_changes_are_gathered_stays(tmp_path):
    layout = ImageLayout(tmp_path / "store", create=True)
    layout.tag(Descriptor("a/b", digest_of(b"0"), 1), ["app:0"])
    with layout.gathering():
        layout.tag(Descriptor("a/b", digest_of(b"1"), 1), ["app:1"])
        other = Thread(
            target=layout.tag, args=(Descriptor("a/b", digest_of(b"2"), 1), ["other:1", "app:0"])
        )
        other.start()
        other.join()
        layout.untag(["app:0"])
    assert [each.annotations[REF_NAME] for each in layout.descriptors()] == ["app:1", "other:1"]


def failing(layout):
    with layout.gathering():
        layout.tag(Descriptor("a/b", digest_of(b"1"), 1), ["app:1"])
        layout.find("app:2")


def test_nothing_that_was_gathered_before_an_error_is_written(tmp_path):
    layout = ImageLayout(tmp_path / "store", create=True)
    with pytest.raises(NotFoundError, match="app:1"):
        failing(layout)
    assert layout.descriptors() == []
    layout.tag(Descriptor("a/b", digest_of(b"1"), 1), ["app:3"])
    assert layout.find("app:3").digest == digest_of(b"1")


@pytest.mark.parametrize("gathered", [False, True])
def test_an_index_that_lists_the_same_is_not_written_again(tmp_path, gathered):
    layout = ImageLayout(tmp_path, create=True)
    first, second = Descriptor("a/b", digest_of(b"1"), 1), Descriptor("a/b", digest_of(b"2"), 1)
    layout.tag(first, ["app:1", "app:2"])
    path = tmp_path / "index.json"
    written = path.stat().st_ino
    with layout.gathering() if gathered else nullcontext():
        layout.tag(first, ["app:2"])
        layout.untag(["app:3"])
    assert path.stat().st_ino == written
    with layout.gathering() if gathered else nullcontext():
        layout.tag(second, ["app:2"])
    assert path.stat().st_ino != written
    assert layout.find("app:2").digest == second.digest


def test_an_index_of_another_program_is_written_line_by_line_at_the_first_change(tmp_path):
    layout = ImageLayout(tmp_path, create=True)
    layout.tag(Descriptor("a/b", digest_of(b"1"), 1), ["app:1"])
    path = tmp_path / "index.json"
    ours = path.read_bytes()
    replace_file(path, json.dumps(json.loads(ours), indent=2).encode())
    layout.untag(["app:2"])
    assert path.read_bytes() == ours


def test_a_document_is_read_once_and_again_when_its_file_is_another(tmp_path):
    layout = ImageLayout(tmp_path, create=True)
    root = image(layout)
    first = layout.document(root.digest)
    assert layout.document(root.digest) is first
    path = layout.blobs.path(root.digest)
    path.write_bytes(first.raw.replace(b"2", b"3"))
    with pytest.raises(UntrustedError, match="damaged"):
        layout.document(root.digest)
    path.unlink()
    with pytest.raises(NotFoundError):
        layout.document(root.digest)


def test_what_was_put_is_not_read_back_until_its_file_is_another(tmp_path):
    layout = ImageLayout(tmp_path / "l", create=True)
    written = Document.of({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []})
    layout.put(written)
    assert layout.document(written.digest) is written
    assert layout.document(written.digest, OCI_INDEX) is written
    with pytest.raises(MalformedError, match="its descriptor says"):
        layout.document(written.digest, OCI_MANIFEST)
    layout.blobs.path(written.digest).write_bytes(written.raw + b" ")
    with pytest.raises(UntrustedError, match="damaged"):
        layout.document(written.digest)


def test_what_does_not_say_what_it_is_is_what_each_descriptor_says(tmp_path):
    layout = ImageLayout(tmp_path / "l", create=True)
    digest = layout.blobs.put(b'{"manifests": [], "layers": []}')
    kinds = [OCI_INDEX, OCI_MANIFEST, None, OCI_INDEX]
    found = [layout.document(digest, kind).media_type for kind in kinds]
    assert found == [OCI_INDEX, OCI_MANIFEST, "", OCI_INDEX]
