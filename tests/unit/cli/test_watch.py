"""The verbs of watching: a round, what it says, how it ends, and signals."""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.fakes.running_server import serving
from tests.fakes.watched import APP, TOOL, Watched

from ironhull.cli import main


class Ended(NamedTuple):
    """How the command line ended."""

    code: object
    stdout: str
    stderr: str


Run = Callable[..., Ended]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """Two rounds old: a fix has come and was published."""
    folder = tmp_path_factory.mktemp("shop")
    with serving(folder / "registry") as server:
        made = Watched(folder, f"{server.host}/base")
        made.watch()
        fix(made)
        made.watch()
        yield made


def fix(shop: Watched) -> None:
    shop.advise({"CVE-2026-0002": ("lib", "2")})
    shop.offer(shop.deb("lib", "2"), suite="trixie-security")


def environment(shop: Watched) -> dict[str, str]:
    return {
        "IRONHULL_HOME": str(shop.settings.home),
        "IRONHULL_CATALOG": str(shop.settings.catalog),
        "IRONHULL_MIRROR": str(shop.settings.mirror),
        "IRONHULL_KEYRING": str(shop.settings.keyring),
    }


@pytest.fixture
def run_in(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., Ended]]:
    """The whole command line as a process runs it, in this one: loading it anew takes a second."""

    def one(shop: Watched, *words: str) -> Ended:
        for name, value in environment(shop).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["ironhull", *words])
        # What this process has made stays its garbage: it goes on.
        monkeypatch.setattr(gc, "freeze", lambda: None)
        with pytest.raises(SystemExit) as end:
            main()
        out, err = capsys.readouterr()
        return Ended(end.value.code, out, err)

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield one
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def run(shop: Watched, run_in: Callable[..., Ended]) -> Run:
    return runner(shop, run_in)


def runner(shop: Watched, run_in: Callable[..., Ended]) -> Run:
    def one(*words: str, code: int = 0) -> Ended:
        ended = run_in(shop, *words)
        assert ended.code == code, ended.stderr
        return ended

    return one


def test_a_round_from_the_plan_to_the_history(
    run_in: Callable[..., Ended], shop: Watched, tmp_path: Path
) -> None:
    shop = Watched(tmp_path, f"{shop.publish}/new")
    run = runner(shop, run_in)
    watch = ("watch", "--once", "--no-advisories", "--executor", "local:1")
    assert "nothing is watched here yet" in run("history", "CVE-2026-0002", code=2).stderr
    assert run("status").stdout == "nothing is watched yet (ironhull watch)\n"
    planned = json.loads(run("plan", "--json").stdout)
    assert [(each["image"], each["urgency"]) for each in planned] == [
        (APP, "routine"), (TOOL, "routine"),
    ]  # fmt: skip
    done = run(*watch, "--publish", shop.publish)
    assert f"{APP}: published 1-debian13-" in done.stdout
    assert "no other image was ever published" in run("rollback", "app:1", code=2).stderr
    assert run("plan").stdout == "nothing: every image is as it should be\n"
    fix(shop)
    assert "lib 1 → 2 (trixie-security) fixes CVE-2026-0002" in run("plan").stdout
    found = json.loads(run(*watch, "--publish", shop.publish, "--json").stdout)
    assert [(each["image"], each["result"]) for each in found["done"]] == [(APP, "published")]
    past = run("history", "CVE-2026-0002").stdout
    ways = [past.index(f"CVE-2026-0002 {each} in {APP}") for each in ("rebuilt", "published")]
    assert ways == sorted(ways), "of one moment as one follows from the other"
    told = json.loads(run("history", "app:1", "--json").stdout)
    assert [each["result"] for each in told["watch"]["attempts"]] == ["published", "published"]
    assert [min(each["tags"]) for each in told["record"]["records"]] == ["1", "1"]
    assert "RESULT" in run("history", "app:1").stdout
    assert "no watched image had it" in run("history", "CVE-2026-9999", code=2).stderr
    (tmp_path / "mirror/dists/trixie/InRelease").write_text("not a release")
    blind = run("plan", code=3)
    assert "not all could be seen: archive: debian-13: " in blind.stderr
    assert blind.stdout == "", "it does not say that all is as it should be"
    assert json.loads(run("plan", "--json", code=3).stdout) == []


def test_a_human_decides_and_status_fails_when_it_takes_too_long(
    run: Run, shop: Watched, tmp_path: Path
) -> None:
    run("watch", "--once", "--no-advisories", "--executor", "local:1")
    assert "its tags are at" in run("rollback", "app:1").stdout
    assert "nothing new of it" in run("hold", "app:1", "--reason", "a feast").stdout
    for verb in ("hold", "rollback", "approve", "rollback"):
        told = json.loads(run(verb, "app:1", "--json").stdout)
        assert (told["name"], type(told["text"])) == (APP, str)
    run("hold", "app:1", "--reason", "a feast")
    run("watch", "--once", "--no-advisories", "--executor", "local:1")
    assert "held by hand: a feast" in run("status").stdout
    policy = tmp_path / "policy.toml"
    policy.write_text('[behind]\nbound = "0s"\n')
    failed = run("status", "app:1", "--policy", str(policy), "--json", code=1)
    assert json.loads(failed.stdout)["images"][0]["alarm"] is True
    assert "is behind since" in failed.stderr
    assert "the hold is over" in run("approve", "app:1").stdout
    run("approve", "app:1", code=2)


def test_a_plan_is_by_the_policy_and_the_clock_can_be_taken_for_right(
    run_in: Callable[..., Ended], tmp_path: Path
) -> None:
    shop = Watched(tmp_path, key=False)
    run = runner(shop, run_in)
    once = ("watch", "--once", "--no-advisories", "--executor", "local:1")
    run(*once)
    shop.offer(shop.deb("tool", "2"))
    policy = tmp_path / "policy.toml"
    policy.write_text('[cooldown]\nage = "3d"\n')
    assert "tool 1 → 2" in run("plan").stdout
    young = run("plan", "--policy", str(policy))
    assert "nothing: every" in young.stdout
    assert f"{TOOL}: newer packages are too young by the policy, until 20" in young.stderr
    with shop.state() as state:
        state.set_note("round", "2999-01-01T00:00:00.000Z")
    assert "ironhull state clock" in run(*once, code=3).stderr
    run("state", "clock")
    run(*once)


def test_the_state_goes_into_a_file_and_into_another_database(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "state.jsonl"
    other = f"sqlite:///{tmp_path}/other.sqlite"
    assert " rows" in run("state", "export", str(file)).stdout
    run("state", "import", str(file), "--state", other)
    assert APP in run("status", "--state", other).stdout
    run("state", "import", str(file), "--state", other, code=2)


def test_what_is_proposed_is_said_with_its_branch(
    run_in: Callable[..., Ended], tmp_path: Path
) -> None:
    shop = Watched(tmp_path, key=False)
    root = tmp_path / "images"
    for words in (
        ["init", "-q", "-b", "main"],
        ["config", "user.name", "Shop"],
        ["config", "user.email", "shop@example.org"],
        ["add", "."],
        ["commit", "-q", "-m", "definitions"],
    ):
        subprocess.run(["git", "-C", root, *words], check=True)
    words = ("watch", "--once", "--no-advisories", "--max-age", "0", "--executor", "local:1")
    policy = tmp_path / "policy.toml"
    policy.write_text('[gate]\ntests = "if-possible"\n')
    done = run_in(shop, *words, "--propose", "--policy", str(policy))
    assert done.code == 0, done.stderr
    assert done.stdout.splitlines() == [
        f"{APP}: proposed ironhull/app-1-debian13", f"{TOOL}: proposed ironhull/tool-1-debian13",
    ]  # fmt: skip
    assert "it needs --propose" in run_in(shop, *words, "--remote", "origin").stderr


def test_dates_of_a_referee_are_measured_against(run: Run, tmp_path: Path) -> None:
    dates = tmp_path / "dates.csv"
    dates.write_text("vulnerability,first_observed\nCVE-2026-0002,2026-11-01\n")
    assert "1 vulnerability, 1 new" in run("state", "referee", str(dates)).stdout
    assert "1 vulnerability, 0 new" in run("state", "referee", str(dates)).stdout
    spans = {each["span"] for each in json.loads(run("status", "--json").stdout)["times"]}
    assert "observed outside to seen" in spans
    assert "observed outside" in run("history", "CVE-2026-0002").stdout


def test_a_policy_with_mistakes_is_refused_with_all_of_them(run: Run, tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text('[gate]\ngrowth = "big"\nhodl = []\n[targets]\nhigh = "soon"\n[pot]\n')
    said = run("watch", "--once", "--policy", str(policy), code=2).stderr
    for text in ("gate.growth: 'big'", "did you mean 'hold'?", "targets.high: 'soon'", "'pot'"):
        assert text in said


def test_an_empty_place_to_publish_is_not_taken_for_none(run: Run) -> None:
    for words in (("watch", "--once"), ("plan",)):
        assert "it names no registry" in run(*words, "--publish", "", code=2).stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(shop: Watched, number: int) -> None:
    words = ("watch", "--no-advisories", "--interval", "1h", "--executor", "local:1")
    process = subprocess.Popen(
        [sys.executable, "-m", "ironhull.cli", *words, "--publish", shop.publish],
        env=os.environ | environment(shop),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    state = shop.settings.home / "watch/state.sqlite"
    deadline = time.monotonic() + 60
    with shop.state() as kept:
        before = kept.note("round")
        while kept.note("round") == before and time.monotonic() < deadline:
            time.sleep(0.1)
    assert state.is_file()
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert "Traceback" not in err


def test_status_is_a_page_and_metrics_too(run: Run, tmp_path: Path) -> None:
    page = tmp_path / "status.html"
    run("status", "--html", str(page))
    assert APP in page.read_text()
    assert "ironhull_watch_images" in run("status", "--prometheus").stdout
    assert json.loads(run("status", "--json").stdout)["times"] is not None
