"""No link of an image leads to where it should not."""

from __future__ import annotations

from pathlib import Path

import pytest

from ironhull.errors import InputError
from ironhull.sandbox.inside import inside


@pytest.mark.parametrize(
    ("link", "target", "asked", "found"),
    [
        ("run", "../../../../etc", "/run/x", "/etc/x"),
        ("run", "/etc", "/run/x", "/etc/x"),
        ("run", "var/run/../log", "/run", "/var/log"),
        ("run", "/", "/run/../../x", "/x"),
    ],
)
def test_links_begin_and_end_in_the_root(
    tmp_path: Path, link: str, target: str, asked: str, found: str
) -> None:
    (tmp_path / link).symlink_to(target)
    assert inside(tmp_path, asked) == found


def test_what_is_missing_stays_as_written_and_dots_do_not(tmp_path: Path) -> None:
    assert inside(tmp_path, "//a/./b/../c/") == "/a/c"


def test_a_circle_of_links_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(InputError, match="more than 40 symbolic links"):
        inside(tmp_path, "/a")
