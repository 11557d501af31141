from pathlib import Path
from threading import Thread

import pytest
from tests.fakes.deb import file, make_deb
from tests.fakes.definition import definition, lock, locked
from tests.fakes.elsewhere import NOTHING_ELSEWHERE

from ironhull.build.built import BuiltImage
from ironhull.build.compression import Compression
from ironhull.build.image import build_image
from ironhull.build.publish import VanishedError, publish
from ironhull.build.request import BuildOptions
from ironhull.progress import Silent
from ironhull.store.home import Home

DATED = "app:1-debian13-20261122"


def test_a_dated_tag_that_another_build_takes_meanwhile_stays_its_own(tmp_path: Path) -> None:
    home, of = Home(tmp_path), definition()
    by = lock(())

    def built(name: str) -> BuiltImage:
        package = locked(home, name, make_deb(name, "1.0-1", files={name: file("x")}))
        options = BuildOptions(Compression("zstd", 1), of.platforms, 1, named=f"candidate/{name}")
        return build_image(of, lock([package]), home, NOTHING_ELSEWHERE, options, Silent())

    ours, theirs = built("ours"), built("theirs")

    def both() -> None:
        with home.store.gathering():
            named = publish(home.store, ours, of, by)
            assert f"app:{named.tags[-1]}" == f"{DATED}.1"
            other = Thread(target=publish, args=(home.store, theirs, of, by))
            other.start()
            other.join()

    with pytest.raises(VanishedError, match=r"20261122\.1 became another image"):
        both()
    assert home.store.find(f"{DATED}.1").digest == theirs.descriptor.digest
    assert home.store.index().named(f"{DATED}.2") is None
    assert f"app:{publish(home.store, ours, of, by).tags[-1]}" == f"{DATED}.2"
