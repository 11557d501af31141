"""A watcher that proposes: branches of a real git repository, one commit each."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from tests.fakes.watched import APP, TOOL, Watched

from ironhull.errors import InputError
from ironhull.lock.file import parse_lock, read_lock
from ironhull.store.layout import REF_NAME
from ironhull.watch.proposal import branch_of
from ironhull.workspace.git_repository import GitRepository
from ironhull.workspace.machine import Machine
from ironhull.workspace.watch_reading import round_json, status_now
from ironhull.workspace.watching import Watcher

WHO = ("-c", "user.name=Shop", "-c", "user.email=shop@example.org")
BRANCH = "ironhull/app-1-debian13"


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", "-C", folder, *WHO, *words], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


class Repository(Watched):
    """A shop whose catalog is a checkout, locked as the archive was; `lib` has a fix then."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, key=False)
        git(folder, "init", "-q", "-b", "main", str(folder / "images"))
        self.root = folder / "images"
        git(self.root, "config", "user.name", "Shop")
        git(self.root, "config", "user.email", "shop@example.org")
        self.watch()
        git(self.root, "add", ".")
        git(self.root, "commit", "-q", "-m", "locked")
        self.machine.home.watch_state.unlink()

    def fix(self, version: str = "2") -> None:
        self.advise({"CVE-2026-0002": ("lib", "2")})
        self.offer(self.deb("lib", version), suite="trixie-security")

    def propose(self, **more: object) -> Mapping[str, str]:
        return self.results(self.watch(propose=True, **more))

    def locked(self, commit: str) -> dict[str, str]:
        content = git(self.root, "show", f"{commit}:app/debian-13/1.lock.json")
        (platform,) = parse_lock(content.encode(), "app").platforms.values()
        return {package.name: package.version for package in platform.packages}


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    # Whatever the machine's user has set for git is none of these tests' business.
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    return Repository(tmp_path)


def test_a_fix_becomes_one_commit_on_a_branch_and_the_checkout_stays_as_it_is(
    shop: Repository,
) -> None:
    head = git(shop.root, "rev-parse", "HEAD")
    assert shop.propose() == {}
    shop.fix()
    found = shop.watch(propose=True)
    assert shop.results(found) == {APP: "proposed"}
    made = found.done[APP].proposal
    assert made is not None
    assert made.branch == BRANCH
    assert made.commit == git(shop.root, "rev-parse", BRANCH)
    assert git(shop.root, "rev-parse", f"{BRANCH}^") == head == git(shop.root, "rev-parse", "HEAD")
    assert git(shop.root, "diff", "--name-only", "HEAD", BRANCH) == "app/debian-13/1.lock.json"
    assert git(shop.root, "status", "--porcelain") == ""
    assert shop.locked(BRANCH)["lib"] == "2"
    assert shop.locked("HEAD")["lib"] == "1"
    message = git(shop.root, "log", "-1", "--format=%B", BRANCH)
    assert message.startswith(f"{APP}: lib 1 → 2 (trixie-security) fixes CVE-2026-0002\n\n")
    assert message.endswith(f"Ironhull-Image: {APP}")
    for said in (
        "- CVE-2026-0002 (",
        "Nothing about it is worse",
        f"scanned as {found.done[APP].digest}",
        "| lib | 1 | 2 |",
    ):
        assert said in made.text
    names = {each.annotations[REF_NAME] for each in shop.machine.home.store.descriptors()}
    assert not [name for name in names if name.startswith(("candidate/", "locked/"))]


def test_what_is_proposed_is_not_proposed_again_and_status_says_that_it_waits(
    shop: Repository,
) -> None:
    shop.fix()
    shop.propose()
    first = git(shop.root, "rev-parse", BRANCH)
    assert shop.propose() == {}
    # Another package moved: this image is looked at again, and its branch stays.
    shop.offer(shop.deb("tool", "2"))
    assert shop.propose() == {APP: "proposed", TOOL: "proposed"}
    assert git(shop.root, "rev-parse", BRANCH) == first
    with shop.state() as state:
        found = {each.name: each for each in status_now(shop.machine, state, shop.policy).images}
    assert found[APP].state == "proposed"
    assert found[APP].why == f"proposed: the branch {BRANCH} waits for its review"
    assert found[APP].behind_since


def test_a_newer_fix_moves_the_branch_and_a_merge_ends_it(shop: Repository) -> None:
    shop.fix()
    shop.propose()
    shop.fix("3")
    assert shop.propose() == {APP: "proposed"}
    assert shop.locked(BRANCH)["lib"] == "3"
    assert git(shop.root, "rev-list", "--count", f"HEAD..{BRANCH}") == "1"
    git(shop.root, "merge", "-q", "--ff-only", BRANCH)
    assert shop.propose() == {}
    with shop.state() as state:
        assert state.image(APP).state == "current"


def test_a_branch_that_somebody_else_committed_to_is_left_alone(shop: Repository) -> None:
    shop.fix()
    shop.propose()
    git(shop.root, "switch", "-q", BRANCH)
    git(shop.root, "commit", "-q", "--allow-empty", "-m", "mine")
    git(shop.root, "switch", "-q", "main")
    mine = git(shop.root, "rev-parse", BRANCH)
    shop.fix("3")
    found = shop.watch(propose=True)
    assert shop.results(found) == {APP: "failed"}
    assert "has commits of somebody else" in found.done[APP].detail
    assert git(shop.root, "rev-parse", BRANCH) == mine


def test_findings_are_counted_only_of_what_was_looked_at(shop: Repository) -> None:
    lock = shop.root / "app/debian-13/1.lock.json"
    git(shop.root, "rm", "-q", str(lock))
    git(shop.root, "commit", "-q", "-m", "no lock")
    shop.fix()
    assert shop.propose()[APP] == "proposed"
    # Without a lock nothing is in use, and nothing is not no findings.
    with shop.state() as state:
        assert state.counts(APP) == []
    git(shop.root, "merge", "-q", "--ff-only", BRANCH)
    shop.advise({"CVE-2026-0003": ("lib", "3")})
    shop.offer(shop.deb("lib", "3"), suite="trixie-security")
    assert shop.propose()[APP] == "proposed"
    with shop.state() as state:
        assert [each[2:] for each in state.counts(APP)] == [("unknown", 1)]
    shop.policy = replace(shop.policy, scan="off")
    shop.offer(shop.deb("lib", "4"), suite="trixie-security")
    assert shop.propose()[APP] == "proposed"
    with shop.state() as state:
        assert [each[2:] for each in state.counts(APP)] == [("unknown", 1)]


def test_what_is_not_committed_is_not_proposed_upon(shop: Repository) -> None:
    path = shop.root / "app/debian-13/1.yaml"
    path.write_text(path.read_text() + "# mine\n")
    shop.fix()
    found = shop.watch(propose=True)
    assert shop.results(found) == {APP: "failed"}
    assert "not as it is committed" in found.done[APP].detail


def test_branches_are_pushed_and_what_is_merged_at_the_remote_is_followed(
    shop: Repository, tmp_path: Path
) -> None:
    remote = tmp_path / "remote.git"
    git(tmp_path, "init", "-q", "--bare", "-b", "main", str(remote))
    git(shop.root, "remote", "add", "origin", str(remote))
    git(shop.root, "push", "-q", "origin", "main")
    shop.fix()
    assert shop.propose(remote="origin") == {APP: "proposed"}
    assert git(remote, "rev-parse", BRANCH) == git(shop.root, "rev-parse", BRANCH)
    # The team merges it there, with a commit of its own.
    git(tmp_path, "clone", "-q", str(remote), str(tmp_path / "team"))
    git(tmp_path / "team", "merge", "-q", "--no-ff", "-m", "reviewed", f"origin/{BRANCH}")
    git(tmp_path / "team", "push", "-q", "origin", "main", f":{BRANCH}")
    assert shop.propose(remote="origin") == {}
    assert git(shop.root, "rev-parse", "HEAD") == git(remote, "rev-parse", "main")
    lock = read_lock(shop.root / "app/debian-13/1.lock.json")
    assert {p.version for p in lock.platforms["linux/amd64"].packages if p.name == "lib"} == {"2"}
    with shop.state() as state:
        assert state.image(APP).state == "current"
    shop.fix("3")
    assert shop.propose(remote="origin") == {APP: "proposed"}
    assert git(remote, "rev-parse", f"{BRANCH}^") == git(remote, "rev-parse", "main")


def test_only_the_branch_of_this_name_is_followed(shop: Repository, tmp_path: Path) -> None:
    # Whoever may push any branch could else say where all of them are: git matches ends of names.
    remote = tmp_path / "remote.git"
    git(tmp_path, "init", "-q", "--bare", "-b", "trunk", str(remote))
    git(shop.root, "branch", "-m", "trunk")
    git(shop.root, "remote", "add", "origin", str(remote))
    git(shop.root, "push", "-q", "origin", "trunk")
    git(tmp_path, "clone", "-q", str(remote), str(tmp_path / "other"))
    git(tmp_path / "other", "commit", "-q", "--allow-empty", "-m", "not reviewed")
    git(tmp_path / "other", "push", "-q", "origin", "HEAD:refs/heads/refs/heads/trunk")
    repository = GitRepository(shop.root, {"PATH": os.environ["PATH"]})
    assert repository.fetch("origin", "trunk") == git(remote, "rev-parse", "refs/heads/trunk")
    assert repository.fetch("origin", "heads/trunk") == ""


def test_a_remote_that_cannot_be_reached_is_said_and_tried_again(shop: Repository) -> None:
    git(shop.root, "remote", "add", "origin", str(shop.folder / "nowhere"))
    shop.fix()
    found = shop.watch(propose=True, remote="origin")
    assert shop.results(found) == {APP: "failed"}
    assert not found.done[APP].own
    assert sum("git ls-remote of the remote origin" in note for note in shop.notes.notes) >= 1


def test_a_definition_without_a_lock_is_proposed_with_its_first_one(shop: Repository) -> None:
    path = shop.define("more", "base, lib")
    path.write_text(path.read_text().replace("cmd: [more]", "cmd: [base]"))
    git(shop.root, "add", ".")
    git(shop.root, "commit", "-q", "-m", "one more")
    assert shop.propose() == {"more:1-debian13": "proposed"}
    branch = branch_of("more:1-debian13")
    added = git(shop.root, "diff", "--name-status", "HEAD", branch)
    assert added == "A\tmore/debian-13/1.lock.json"


def test_what_the_gate_says_is_for_the_reviewer(shop: Repository) -> None:
    shop.fix()
    shop.offer(shop.deb("lib", "2", scripts={"postinst": "#!/bin/sh\n"}), suite="trixie-security")
    made = shop.watch(propose=True).done[APP].proposal
    assert made is not None
    assert "would have held it" in made.text
    assert "lib: postinst is a new maintainer script" in made.text


def test_a_proposal_goes_to_the_repository_that_its_definition_lies_in(
    shop: Repository, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    git(tmp_path, "clone", "-q", str(shop.root), str(other))
    git(other, "rm", "-q", "-r", "tool")
    git(other, "commit", "-q", "-m", "the app alone")
    git(shop.root, "rm", "-q", "-r", "app")
    git(shop.root, "commit", "-q", "-m", "the tool alone")
    git(other, "config", "user.name", "Shop")
    git(other, "config", "user.email", "shop@example.org")
    settings = replace(shop.settings, more_catalogs=(other,))
    shop.machine = replace(shop.machine, settings=settings)
    shop.fix()
    shop.offer(shop.deb("tool", "2"))
    assert shop.propose() == {APP: "proposed", TOOL: "proposed"}
    for root, ours, theirs in ((other, APP, TOOL), (shop.root, TOOL, APP)):
        assert git(root, "branch", "--list", branch_of(ours))
        assert not git(root, "branch", "--list", branch_of(theirs))
        image = ours.partition(":")[0]
        changed = git(root, "diff", "--name-only", "HEAD", branch_of(ours))
        assert changed == f"{image}/debian-13/1.lock.json"


def test_each_checkout_is_brought_along_though_another_cannot_be(
    shop: Repository, tmp_path: Path
) -> None:
    remote, other = tmp_path / "remote.git", tmp_path / "other"
    git(tmp_path, "clone", "-q", "--bare", str(shop.root), str(remote))
    git(tmp_path, "clone", "-q", str(remote), str(other))
    git(tmp_path, "clone", "-q", str(remote), str(tmp_path / "team"))
    git(tmp_path / "team", "commit", "-q", "--allow-empty", "-m", "merged")
    git(tmp_path / "team", "push", "-q", "origin", "main")
    # The first one has no such remote.
    settings = replace(shop.settings, more_catalogs=(other,))
    shop.machine = replace(shop.machine, settings=settings)
    shop.watch(propose=True, remote="origin")
    assert git(other, "rev-parse", "HEAD") == git(remote, "rev-parse", "main")
    assert any("git ls-remote of the remote origin" in note for note in shop.notes.notes)


def test_outside_of_a_repository_and_with_a_registry_it_says_what_is_wrong(
    tmp_path: Path,
) -> None:
    shop = Watched(tmp_path, key=False)
    with shop.state() as state:
        with pytest.raises(InputError, match="is in no git repository"):
            Watcher(shop.machine, shop.choices(propose=True), state)
        git(tmp_path, "init", "-q", str(tmp_path / "own"))
        own, other = tmp_path / "own", shop.settings.catalog
        settings = replace(shop.settings, catalog=own, more_catalogs=(other,))
        with pytest.raises(InputError, match=f"{other} is in no git repository"):
            Watcher(Machine(settings), shop.choices(propose=True), state)
        with pytest.raises(InputError, match="it needs --propose"):
            Watcher(shop.machine, shop.choices(remote="origin"), state)
        with pytest.raises(InputError, match="proposed or published, not both"):
            Watcher(shop.machine, shop.choices(propose=True, publish="r.example/a"), state)


@pytest.mark.parametrize(
    ("name", "branch"),
    [
        ("node:20-debian13", "ironhull/node-20-debian13"),
        ("a..b:1.lock", "ironhull/a-b-1-lock"),
        ("--x:1@{", "ironhull/x-1"),
    ],
)
def test_any_name_of_an_image_becomes_a_branch_that_git_takes(name: str, branch: str) -> None:
    assert branch_of(name) == branch
    subprocess.run(["git", "check-ref-format", "--branch", branch], check=True, capture_output=True)


def test_the_verb_says_the_branch_and_its_json_the_text(shop: Repository) -> None:

    shop.fix()
    (said,) = json.loads(json.dumps(round_json(shop.watch(propose=True))))["done"]
    assert said["result"] == "proposed"
    assert said["proposal"]["branch"] == BRANCH
    assert said["proposal"]["title"].startswith(f"{APP}: lib 1 → 2")
