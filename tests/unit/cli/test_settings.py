"""Settings: what is taken, what is refused, and that the documents say all of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ironhull.cli.settings import NAMES, settings
from ironhull.errors import EnvironmentProblem, InputError
from ironhull.store.home import Home

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    settings.cache_clear()
    yield
    settings.cache_clear()


def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes(text.encode("latin-1"))
    monkeypatch.setenv("IRONHULL_CONFIG", str(path))


def test_the_variable_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configured(tmp_path, monkeypatch, 'mirror = "/file"')
    monkeypatch.delenv("IRONHULL_MIRROR", raising=False)
    assert settings().get("mirror") == "/file"
    monkeypatch.setenv("IRONHULL_MIRROR", "/variable")
    assert settings().get("mirror") == "/variable"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('mirorr = "x"', "unknown setting 'mirorr'; did you mean 'mirror'\\?"),
        ('zzz = "x"', "unknown setting 'zzz'; there are: home, catalog, "),
        ("mirror =", "Invalid value"),
        ("mirror = \xff", "can't decode"),
    ],
)
def test_a_file_with_a_mistake_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, said: str
) -> None:
    configured(tmp_path, monkeypatch, text)
    with pytest.raises(InputError, match=said):
        settings()


def test_every_setting_that_is_asked_for_is_known_and_documented() -> None:
    asked = set()
    for path in (ROOT / "src/ironhull/cli").glob("*.py"):
        holders = r"(?:settings\(\)|self|(?:self|workspace)\.settings|configured|found)"
        calls = holders + r'\.get\("([a-z_]+)"\)'
        asked |= set(re.findall(calls, path.read_text()))
        asked |= set(re.findall(r'_words\(found, "([a-z_]+)"\)', path.read_text()))
    assert asked == set(NAMES)
    text = (ROOT / "docs/settings.md").read_text()
    assert re.findall(r"^\| `(\w+)` \| (.*) \|$", text, re.MULTILINE) == list(NAMES.items())


def test_a_home_that_cannot_be_made_is_said_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentProblem, match="IRONHULL_HOME names another place"):
        _ = Home(tmp_path / "file").store


def test_a_user_without_a_home_needs_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("IRONHULL_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Path, "home", home)
    settings.cache_clear()
    assert settings().file == {}
    settings.cache_clear()
