"""Who else rebuilt an image's packages: attached, shown, and counted by whose word it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from tests.fakes.mirror import serving
from tests.unit.verify.test_rebuilders import Rebuilder, write
from tests.unit.workspace.test_attesting import with_key
from tests.unit.workspace.test_workspace import workspace

from ironhull import Workspace
from ironhull.cli.show import show
from ironhull.errors import InputError, MalformedError, NetworkError
from ironhull.registry.server.contents import Contents
from ironhull.registry.server.limits import Limits
from ironhull.statements.kinds import REBUILDS
from ironhull.workspace.attesting import AttestChoices, Attested
from ironhull.workspace.catalog_rebuilt import rebuilt
from ironhull.workspace.rebuilt import RebuiltPackages, rebuilt_packages

PLATFORM = ("--platform", "linux/amd64")


@pytest.fixture
def shop(tmp_path: Path) -> Workspace:
    shop = workspace(tmp_path)
    with_key(shop)
    shop.build("app:1")
    return shop


def packages(shop: Workspace) -> dict[str, str]:
    """File → sha256, of the image's packages, as its provenance has them."""
    said = json.loads(shop.read_attestation("app:1", "provenance", platform="linux/amd64"))
    listed = said["buildDefinition"]["resolvedDependencies"]
    return {
        each["name"]: each["digest"]["sha256"]
        for each in listed
        if each["uri"].startswith("pkg:deb/")
    }


def attest(shop: Workspace, place: Path | str, *keys: Path) -> Attested:
    choices = AttestChoices(types=(), rebuilders=[str(place)], rebuilder_keys=keys)
    return shop.attest("app:1", choices)


def key(folder: Path, name: str, rebuilder: Rebuilder) -> Path:
    path = folder / f"{name}.pub"
    path.write_bytes(rebuilder.public.pem)
    return path


def attached(shop: Workspace) -> RebuiltPackages | None:
    return rebuilt_packages(shop.machine, shop.show("app:1", platform="linux/amd64").built.digest)


def said(shop: Workspace) -> Any:
    return json.loads(shop.read_attestation("app:1", REBUILDS, platform="linux/amd64"))


def test_the_catalog_says_who_rebuilt_the_packages_of_an_image(
    shop: Workspace, tmp_path: Path
) -> None:
    one = Rebuilder()
    (name, digest), *others = packages(shop).items()
    write(tmp_path / "links", "one", one.link({name: digest}))
    attest(shop, tmp_path / "links", key(tmp_path, "one", one))
    contents = Contents(shop.machine.home.store, Limits())
    manifest = str(shop.show("app:1", platform="linux/amd64").built.digest)
    (found,) = rebuilt(contents, "app:1", manifest)
    assert (found.rebuilt, found.packages) == (1, 1 + len(others))
    assert [(each.name, each.key, each.packages) for each in found.rebuilders] == [
        ("one", one.public.fingerprint, 1)
    ]
    assert rebuilt(contents, "app:1", "sha256:" + "0" * 64) == ()
    assert rebuilt(contents, "absent:1", manifest) == ()


def test_rebuilds_are_a_statement_of_their_own_and_provenance_stays_as_it_was(
    shop: Workspace, tmp_path: Path
) -> None:
    before = shop.read_attestation("app:1", "provenance", platform="linux/amd64")
    one, stranger = Rebuilder(), Rebuilder()
    (name, digest), *_ = packages(shop).items()
    write(tmp_path / "links", "one", one.link({name: digest}))
    write(tmp_path / "links", "other", one.link({"other.deb": "ab" * 32}))
    write(tmp_path / "links", "stranger", stranger.link({name: digest}))
    done = attest(shop, tmp_path / "links", key(tmp_path, "one", one))
    assert {each.predicate_type for each in done.said} >= {REBUILDS}
    value = said(shop)
    fingerprint = one.public.fingerprint
    listed = {each["name"]: each["rebuiltBy"] for each in value["packages"]}
    assert listed == {each: [fingerprint] if each == name else [] for each in packages(shop)}
    assert (value["rebuilt"], value["unknown"]) == (1, len(listed) - 1)
    assert value["rebuilders"] == [{"name": "one", "key": fingerprint}]
    assert [each["signed"]["name"] for each in value["links"]] == [f"rebuild {name}"]
    assert shop.read_attestation("app:1", "provenance", platform="linux/amd64") == before


def test_show_says_how_many_and_what_is_not_known(shop: Workspace, tmp_path: Path) -> None:
    assert attached(shop) is None
    one = Rebuilder()
    name, digest = next(iter(packages(shop).items()))
    link = write(tmp_path, "one", one.link({name: digest}))
    attest(shop, link, key(tmp_path, "one", one))
    found = attached(shop)
    assert found is not None
    assert found.words == f"1 by 1, {len(packages(shop)) - 1} unknown"
    environment = {"IRONHULL_HOME": str(shop.home.root), "IRONHULL_CATALOG": "/nowhere"}
    shown = CliRunner(env=environment).invoke(
        show, ["app:1", "--json", *PLATFORM], catch_exceptions=False
    )
    assert json.loads(shown.stdout)["rebuilt"]["1"] == 1
    shown = CliRunner(env=environment).invoke(show, ["app:1", *PLATFORM], catch_exceptions=False)
    assert "1 by 1, " in shown.stdout


def test_two_who_say_the_same_words_are_two(shop: Workspace, tmp_path: Path) -> None:
    one, two = Rebuilder(), Rebuilder()
    name, digest = next(iter(packages(shop).items()))
    for who, each in (("one", one), ("two", two), ("again", one)):
        write(tmp_path / "links", who, each.link({name: digest}))
    keys = [key(tmp_path, "one", one), key(tmp_path, "two", two)]
    attest(shop, tmp_path / "links", *keys)
    assert len(said(shop)["links"]) == 2
    found = attached(shop)
    assert found is not None
    assert found.counts[0] == (2, 1)


def test_a_changed_attestation_makes_a_package_unknown(shop: Workspace, tmp_path: Path) -> None:
    one = Rebuilder()
    name, digest = next(iter(packages(shop).items()))
    link = one.link({name: digest})
    link["signed"]["command"] = ["another"]
    attest(shop, write(tmp_path, "one", link), key(tmp_path, "one", one))
    assert said(shop)["rebuilt"] == 0
    assert said(shop)["links"] == []


def test_attestations_are_fetched(shop: Workspace, tmp_path: Path) -> None:
    one = Rebuilder()
    name, digest = next(iter(packages(shop).items()))
    link = one.link({name: digest})
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "all.jsonl").write_text(json.dumps(link) + "\n")
    with serving(tmp_path / "www") as server:
        attest(shop, f"{server.url}/all.jsonl", key(tmp_path, "one", one))
        assert said(shop)["rebuilt"] == 1
        with pytest.raises(NetworkError, match="404"):
            attest(shop, f"{server.url}/none.jsonl", key(tmp_path, "one", one))


def test_without_a_key_or_with_something_else_nothing_is_said(
    shop: Workspace, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="--rebuilder-key"):
        attest(shop, tmp_path)
    with pytest.raises(InputError, match="no such file"):
        attest(shop, "/nowhere", key(tmp_path, "one", Rebuilder()))
    with pytest.raises(MalformedError, match="no in-toto link"):
        attest(shop, write(tmp_path, "a", "{}"), key(tmp_path, "one", Rebuilder()))
    choices = AttestChoices(types=(REBUILDS,))
    left = shop.attest("app:1", choices).left_out
    assert {each.kind for each in left} == {"rebuilds"}
