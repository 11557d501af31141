from ironhull.build.compose import own_layer
from ironhull.build.compression import Compression
from ironhull.build.tree import Tree, tree_of
from ironhull.store.blobs import BlobStore

ZSTD, GZIP = Compression.parse("zstd"), Compression.parse("gzip")


def holding(data: bytes) -> Tree:
    tree = tree_of([])
    tree.put_file("etc/x", data)
    return tree


def test_images_with_the_same_own_layer_share_it(tmp_path):
    blobs = BlobStore(tmp_path / "blobs")
    first = own_layer(holding(b"x"), 7, ZSTD, blobs)
    file = blobs.path(first[0].digest).stat().st_ino
    assert own_layer(holding(b"x"), 7, ZSTD, blobs) == first
    assert blobs.path(first[0].digest).stat().st_ino == file
    others = [
        own_layer(holding(b"y"), 7, ZSTD, blobs),
        own_layer(holding(b"x"), 8, ZSTD, blobs),
        own_layer(holding(b"x"), 7, GZIP, blobs),
    ]
    assert len({layer.digest for layer, _, _ in [first, *others]}) == 4


def test_an_own_layer_that_is_gone_or_in_another_store_is_made_again(tmp_path):
    here, there = BlobStore(tmp_path / "here" / "blobs"), BlobStore(tmp_path / "there" / "blobs")
    first = own_layer(holding(b"gone"), 7, ZSTD, here)
    here.remove(first[0].digest)
    for blobs in (here, there):
        assert own_layer(holding(b"gone"), 7, ZSTD, blobs) == first
        assert blobs.has(first[0].digest, first[0].size)
