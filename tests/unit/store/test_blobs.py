import os
import resource

import pytest

from ironhull.errors import EnvironmentProblem, NotFoundError, UntrustedError
from ironhull.oci.digest import digest_of
from ironhull.store.blobs import BlobStore
from ironhull.store.files import locked, replace_file


def test_a_blob_is_stored_under_its_digest(tmp_path):
    blobs = BlobStore(tmp_path / "blobs")
    digest = blobs.put(b"hello")
    assert digest == digest_of(b"hello")
    assert blobs.read(digest) == b"hello"
    assert blobs.size(digest) == 5
    assert list(blobs) == [digest]
    assert not list((tmp_path / "tmp").iterdir())


def test_wrong_bytes_are_refused_and_leave_nothing(tmp_path):
    blobs = BlobStore(tmp_path / "blobs")
    with (
        pytest.raises(UntrustedError, match="should be sha256"),
        blobs.writer(digest_of(b"a")) as blob,
    ):
        blob.write(b"b")
    with (
        pytest.raises(UntrustedError, match="expected 5 bytes, got 1"),
        blobs.writer(digest_of(b"a"), 5) as blob,
    ):
        blob.write(b"a")
    assert list(blobs) == []
    assert not list((tmp_path / "tmp").iterdir())


def test_an_error_while_writing_leaves_nothing(tmp_path):
    blobs = BlobStore(tmp_path / "blobs")
    with pytest.raises(TypeError), blobs.writer() as blob:
        blob.write("text")
    assert list(blobs) == []
    assert not list((tmp_path / "tmp").iterdir())


def test_a_blob_that_was_damaged_on_disk_is_not_handed_out(tmp_path):
    blobs = BlobStore(tmp_path / "blobs")
    digest = blobs.put(b"hello")
    blobs.path(digest).write_bytes(b"hullo")
    with pytest.raises(UntrustedError, match="damaged"):
        blobs.read(digest)


def test_what_is_missing_is_named(tmp_path):
    blobs = BlobStore(tmp_path / "blobs")
    for ask in (blobs.read, blobs.size, blobs.open):
        with pytest.raises(NotFoundError, match="no blob sha256:"):
            ask(digest_of(b""))


def test_a_small_read_has_a_limit(tmp_path):
    blobs = BlobStore(tmp_path / "blobs")
    digest = blobs.put(b"x" * 100)
    with pytest.raises(UntrustedError, match="larger than 10 bytes"):
        blobs.read(digest, 10)


def test_a_place_that_cannot_be_written_is_an_error_of_the_environment(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentProblem, match="cannot write"):
        BlobStore(tmp_path / "file" / "blobs").put(b"x")
    with pytest.raises(EnvironmentProblem, match="cannot write"):
        replace_file(tmp_path / "file" / "x", b"")


def test_a_full_disk_is_said_in_the_same_words_each_time(tmp_path):
    blobs = BlobStore(tmp_path / "blobs")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    said = set()
    for _ in range(2):
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
        try:
            with pytest.raises(EnvironmentProblem, match="cannot write to") as caught:
                blobs.put(b"x" * 2000)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        said.add(str(caught.value))
    assert len(said) == 1
    assert list(tmp_path.rglob("*-*")) == []


def test_a_file_is_replaced_whole(tmp_path):
    path = tmp_path / "a" / "b.json"
    replace_file(path, b"1")
    replace_file(path, b"2", durable=False)
    assert path.read_bytes() == b"2"
    assert [entry.name for entry in path.parent.iterdir()] == ["b.json"]


def test_a_lock_keeps_another_process_out(tmp_path):
    with locked(tmp_path / ".lock"):
        child = os.fork()
        if child == 0:
            import fcntl

            descriptor = os.open(tmp_path / ".lock", os.O_RDWR)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os._exit(7)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
