"""What a profile proposes: files of packages that nobody opened, but none that is always kept."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ironhull.build.origins import Origin, OriginKind, Origins
from ironhull.build.patterns import chosen
from ironhull.build.profile import PackageProfile, profile
from ironhull.build.profile_document import profile_document, profile_text

LIBRARY = {
    "usr/lib/liba.so.1.0": "a",
    "usr/lib/libb.so.1.0": "b",
    "usr/lib/plugins/one.so": "1",
    "usr/lib/plugins/two.so": "22",
    "usr/lib/odd[1]*.so": "odd",
    "usr/share/doc/lib/copyright": "MIT",
    "usr/share/lib/LICENSE.txt": "MIT",
    "etc/lib.conf": "key = value",
}


def made(root: Path, *packages: tuple[str, dict[str, str]], other: str = "") -> Origins:
    """A tree of packages' files, a text `-> x` being a link to x, and who brought each."""
    paths = {}
    for name, files in packages:
        kind = OriginKind.PACKAGE if name != other else OriginKind.STEP
        for path, text in files.items():
            place = root / path
            place.parent.mkdir(parents=True, exist_ok=True)
            if text.startswith("-> "):
                place.symlink_to(text[3:])
            else:
                place.write_text(text)
            paths[path] = Origin(kind, name)
    return Origins((), (), paths)


def one(found: tuple[PackageProfile, ...]) -> PackageProfile:
    (only,) = found
    return only


def test_configuration_licences_and_what_was_opened_stay(tmp_path: Path) -> None:
    origins = made(tmp_path, ("lib", LIBRARY))
    found = one(profile(tmp_path, origins, {"usr/lib/liba.so.1.0"}))
    assert found.unopened == (
        "usr/lib/libb.so.1.0",
        "usr/lib/odd[1]*.so",
        "usr/lib/plugins/one.so",
        "usr/lib/plugins/two.so",
    )
    assert (found.files, found.unopened_size) == (8, 1 + 3 + 1 + 2)
    assert "usr/lib/plugins/**" in found.without


def test_its_patterns_mean_exactly_what_it_lists(tmp_path: Path) -> None:
    origins = made(tmp_path, ("lib", LIBRARY | {"usr/lib/odd1x.so": "looks like the pattern"}))
    for opened in ({"usr/lib/odd1x.so"}, {"usr/lib/plugins/two.so", "usr/lib/odd1x.so"}):
        found = one(profile(tmp_path, origins, opened))
        left = {path for path in origins.paths if chosen(path, (), found.without)}
        assert left == set(origins.paths) - set(found.unopened)


def test_a_link_goes_with_the_file_that_it_leads_to_and_only_then(tmp_path: Path) -> None:
    links = {
        "usr/lib/liba.so.1": "-> liba.so.1.0",
        "usr/lib/libb.so.1": "-> /usr/lib/libb.so.1.0",
        "usr/lib/circle": "-> circle",
        "usr/lib/folder": "-> plugins",
        "usr/lib/nothing": "-> nowhere",
    }
    origins = made(tmp_path, ("lib", LIBRARY | links))
    found = one(profile(tmp_path, origins, {"usr/lib/liba.so.1.0", "usr/lib/plugins/one.so"}))
    assert set(found.unopened) & set(links) == {"usr/lib/libb.so.1"}


def test_what_a_step_s_link_leads_to_stays(tmp_path: Path) -> None:
    step = {"etc/alternatives/tool": "-> /usr/lib/libb.so.1.0"}
    origins = made(tmp_path, ("lib", LIBRARY), ("step", step), other="step")
    assert "usr/lib/libb.so.1.0" not in one(profile(tmp_path, origins, set())).unopened


def test_another_name_of_an_opened_file_and_the_source_of_bytecode_stay(tmp_path: Path) -> None:
    files = {
        "usr/bin/tool": "x",
        "usr/lib/m.py": "source",
        "usr/lib/__pycache__/m.cpython-313.pyc": "code",
        "usr/lib/n.py": "source",
    }
    origins = made(tmp_path, ("tool", files))
    os.link(tmp_path / "usr/bin/tool", tmp_path / "usr/bin/tool-1.0")
    origins = Origins((), (), {**origins.paths, "usr/bin/tool-1.0": origins.paths["usr/bin/tool"]})
    opened = {"usr/bin/tool-1.0", "usr/lib/__pycache__/m.cpython-313.pyc"}
    assert one(profile(tmp_path, origins, opened)).unopened == ("usr/lib/n.py",)


@pytest.mark.parametrize("word", ["server", "/usr/bin/server", "/usr/sbin/server"])
def test_the_program_that_the_image_starts_stays(tmp_path: Path, word: str) -> None:
    files = {"usr/bin/server": "x", "usr/sbin/server": "-> ../bin/server", "usr/bin/tool": "y"}
    origins = made(tmp_path, ("web", files))
    assert one(profile(tmp_path, origins, set(), command=(word,))).unopened == ("usr/bin/tool",)


def test_the_program_that_the_image_starts_is_found_by_its_own_path(tmp_path: Path) -> None:
    files = {"usr/lib/server/17/bin/server": "s", "usr/bin/server": "other"}
    origins = made(tmp_path, ("server", files))
    search = "/usr/lib/server/17/bin:/usr/bin"
    found = profile(tmp_path, origins, set(), command=("server",), search=search)
    # What comes later in it may be started too, by whoever sets another one.
    assert found == ()
    files["usr/bin/tool"] = "t"
    found = profile(tmp_path / "two", made(tmp_path / "two", ("server", files)), set())
    assert "usr/lib/server/17/bin/server" in one(found).unopened


def test_nothing_is_proposed_of_a_folder_that_could_not_be_watched(tmp_path: Path) -> None:
    origins = made(tmp_path, ("lib", LIBRARY))
    found = one(profile(tmp_path, origins, set(), unwatched={"usr/lib/plugins"}))
    assert not any(path.startswith("usr/lib/plugins/") for path in found.unopened)
    assert profile(tmp_path, origins, set(), unwatched={""}) == ()


def test_text_and_json_say_that_it_is_a_proposal(tmp_path: Path) -> None:
    packages = profile(tmp_path, made(tmp_path, ("lib", LIBRARY)), set())
    document, text = profile_document(packages), profile_text(packages)
    assert "a proposal" in document["proposal"]
    assert "a proposal" in text
    assert document["packages"][0]["slice"] == {"name": "lib", "except": ["usr/lib/**"]}
    assert '      except:\n        - "usr/lib/**"' in text
    assert "always kept" in profile_text(())
