"""The catalog is gathered from a store: once per digest, and what cannot be read is said."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from tests.fakes.advisories import bring, osv, write_records
from tests.fakes.image import make_image
from tests.fakes.signer import FakeSigner

from ironhull.attest.attaching import referrer_of
from ironhull.attest.statement import Subject, render_statement
from ironhull.catalog.answers import answer
from ironhull.catalog.index import MAX_NAMES, CatalogIndex
from ironhull.catalog.shelf import Shelf, shelf_of
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import hex_of
from ironhull.oci.media_types import OCI_INDEX
from ironhull.registry.server.listing import Tags
from ironhull.settings import Settings
from ironhull.signing.dsse import signed_bundle
from ironhull.statements.kinds import PROVENANCE
from ironhull.store.referrers import list_documents
from ironhull.workspace import cataloguing
from ironhull.workspace.cataloguing import Gatherer, opened_index
from ironhull.workspace.machine import Machine

OS_RELEASE = 'ID=debian\nVERSION_ID="13"\nVERSION_CODENAME=trixie\nPRETTY_NAME="Debian 13"\n'
STATUS = (
    "Package: bash\nStatus: install ok installed\nArchitecture: amd64\nVersion: 5.2-1\n\n"
    "Package: openssl\nStatus: install ok installed\nArchitecture: amd64\nVersion: 3.0-1\n\n"
)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(Settings(home=tmp_path / "home", catalog=tmp_path, max_advisory_age=None))


def debian(machine: Machine, *names: str, extra: str = "") -> str:
    layer = {"etc/os-release": OS_RELEASE, "var/lib/dpkg/status": STATUS + extra}
    return str(make_image(machine.home.store, [layer], names=list(names)).digest)


def gathered(machine: Machine) -> CatalogIndex:
    index = opened_index(machine)
    Gatherer(machine, index).round()
    return index


def test_an_image_is_gathered_once_under_all_its_names(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = debian(machine, "app:1", "app:latest", "team/app:2")
    index = gathered(machine)
    build = index.build(digest)
    assert build is not None
    assert build.problem == ""
    assert [each.name for each in build.platforms[0].packages] == ["bash", "openssl"]
    assert [each.tag for each in index.moves("app")] == ["1", "latest"]
    monkeypatch.setattr(cataloguing, "inventory_of", None)
    again = Gatherer(machine, index).round()
    assert (again.builds, again.scans, again.problems) == (0, 0, ())
    index.close()


def test_what_cannot_be_read_is_said_and_does_not_stop_the_others(machine: Machine) -> None:
    bad, good = debian(machine, "bad:1", extra="x"), debian(machine, "good:1")
    store = machine.home.store
    manifest = store.document(store.find("bad:1").digest).manifests[0]
    store.blobs.path(store.document(manifest.digest).layers[0].digest).unlink()
    index = opened_index(machine)
    done = Gatherer(machine, index).round()
    assert len(done.problems) == 1
    assert done.problems[0].startswith("bad:1: ")
    broken, whole = index.build(bad), index.build(good)
    assert broken is not None
    assert whole is not None
    assert broken.problem
    assert whole.problem == ""
    index.close()


def test_a_text_that_is_no_unicode_is_its_own_images_problem(machine: Machine) -> None:
    store = machine.home.store
    image = make_image(store, [{"etc/os-release": OS_RELEASE}], names=["plain:1"])
    plain = store.blobs.read(image.digest, 1 << 20)
    title = b'{"annotations":{"org.opencontainers.image.title":"\\ud800"},' + plain[1:]
    odd = Descriptor(OCI_INDEX, store.blobs.put(title), len(title))
    store.tag(odd, ["odd:1"])
    good = debian(machine, "zlast:1")
    index = opened_index(machine)
    done = Gatherer(machine, index).round()
    build, last = index.build(odd.digest), index.build(good)
    assert build is not None
    assert "Unicode" in build.problem
    assert last is not None
    assert last.problem == ""
    assert [problem.partition(": ")[0] for problem in done.problems] == ["odd:1"]
    index.close()


def test_an_index_of_more_platforms_than_there_are_is_not_read_platform_by_platform(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cataloguing, "MAX_PLATFORMS", 2)
    names = [f"linux/amd64/v{number}" for number in range(1, 4)]
    found = make_image(machine.home.store, [{"a": "b"}], platforms=names, names=["many:1"])
    monkeypatch.setattr(cataloguing, "inventory_of", None)
    index = gathered(machine)
    build = index.build(found.digest)
    assert build is not None
    assert "3 platforms" in build.problem
    index.close()


def test_what_an_image_says_of_itself_is_cut_before_it_stands_on_pages_of_all(
    machine: Machine,
) -> None:
    labels = {
        "org.opencontainers.image.title": "t" * 10_000,
        "org.opencontainers.image.description": "d\n" * 10_000,
        "io.ironhull.variant": "v" * 10_000,
    }
    packages = "".join(
        f"Package: p{number:0>200}\nStatus: install ok installed\n"
        "Architecture: amd64\nVersion: 1\n\n"
        for number in range(400)
    )
    layer = {"etc/os-release": OS_RELEASE, "var/lib/dpkg/status": packages}
    image = make_image(machine.home.store, [layer], config={"Labels": labels}, names=["app:1"])
    index = gathered(machine)
    summary = index.summaries()[str(image.digest)]
    assert (len(summary.title), len(summary.description), len(summary.variant)) == (500, 500, 500)
    assert summary.packages == 400
    assert len(summary.names) == MAX_NAMES
    index.close()


def test_an_image_that_breaks_ironhull_itself_does_not_stop_the_others(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = debian(machine, "bad:1", extra="\n"), debian(machine, "good:1")
    real = cataloguing.inventory_of

    def broken(machine: Machine, image: str, platform: object) -> object:
        if image == "store:bad:1":
            raise ValueError("nobody thought of this")
        return real(machine, image, platform)  # type: ignore[arg-type]

    monkeypatch.setattr(cataloguing, "inventory_of", broken)
    index = opened_index(machine)
    done = Gatherer(machine, index).round()
    assert [problem.partition(": ")[0] for problem in done.problems] == ["bad:1"]
    builds = [index.build(bad), index.build(good)]
    assert ["nobody thought of this" in build.problem for build in builds if build] == [True, False]
    index.close()


def test_there_is_something_to_do_when_a_tag_moved(machine: Machine) -> None:
    debian(machine, "app:1")
    index = opened_index(machine)
    gatherer = Gatherer(machine, index)
    assert gatherer.due()
    gatherer.round()
    assert not gatherer.due()
    newer = debian(
        machine,
        "app:1",
        extra="Package: curl\nStatus: install ok installed\nArchitecture: amd64\nVersion: 8\n\n",
    )
    assert gatherer.due()
    gatherer.round()
    assert index.moves("app")[0].digest == newer
    index.close()


@pytest.mark.parametrize("looks", [1, 2])
def test_a_tag_that_moves_while_it_is_read_gives_no_image_what_another_has(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, looks: int
) -> None:
    fixed = osv("CVE-2026-0001", "bash", {"Debian:13": "5.3-1"})
    bring(machine.home.advisories, osv_debian=write_records(tmp_path / "osv", [fixed]))
    first, real, calls = debian(machine, "app:1", "team/app:1"), cataloguing.inventory_of, 0

    def moved(machine: Machine, image: str, platform: object) -> object:
        nonlocal calls
        calls += 1
        if calls == looks:
            layer = {"etc/os-release": OS_RELEASE, "var/lib/dpkg/status": STATUS.split("\n\n")[1]}
            make_image(machine.home.store, [layer], names=["app:1", "team/app:1"])
        return real(machine, image, platform)  # type: ignore[arg-type]

    monkeypatch.setattr(cataloguing, "inventory_of", moved)
    index = opened_index(machine)
    done = Gatherer(machine, index).round()
    assert done.problems == ()
    build = index.build(first)
    for part in build.platforms if build else ():
        assert [each.name for each in part.packages] == ["bash", "openssl"]
    scan = index.scan(build.platforms[0].digest) if build else None
    assert scan is None or [each.id for each in scan.findings] == ["CVE-2026-0001"]
    index.close()


def test_newer_advisories_are_matched_again_and_counted(machine: Machine, tmp_path: Path) -> None:
    digest = debian(machine, "app:1")
    fixed = osv(
        "DEBIAN-CVE-2026-0001", "openssl", {"Debian:13": "3.0-2"}, aliases=["CVE-2026-0001"]
    )
    bring(machine.home.advisories, osv_debian=write_records(tmp_path / "osv", [fixed]))
    index = gathered(machine)
    summary = index.summaries()[digest]
    assert (summary.raw, summary.open) == (1, 1)
    scan = index.scan(index.parts()[digest][0])
    assert scan is not None
    assert scan.findings[0].package == "openssl"
    assert "3.0-1 is earlier than 3.0-2" in scan.findings[0].why
    assert [(each.tag, each.raw) for each in index.days("app", "1")] == [("1", 1)]
    found = answer(shelf(machine, index), index, machine.home.advisories, scan.findings[0].id)
    assert [each.means for each in found.images] == ["affected"]
    index.close()


def test_an_installed_package_that_is_not_affected_says_why(
    machine: Machine, tmp_path: Path
) -> None:
    debian(machine, "app:1")
    fixed = osv("CVE-2026-0002", "openssl", {"Debian:13": "2.0-1"})
    other = osv("CVE-2026-0003", "absent", {"Debian:13": "2.0-1"})
    bring(machine.home.advisories, osv_debian=write_records(tmp_path / "osv", [fixed, other]))
    index = gathered(machine)
    for name, said in (
        ("CVE-2026-0002", "openssl 3.0-1 is not earlier than 2.0-1, the fix"),
        ("CVE-2026-0003", "none of the packages that it is about is installed"),
    ):
        found = answer(shelf(machine, index), index, machine.home.advisories, name)
        assert [(each.means, each.why) for each in found.images] == [("not_affected", said)]
    index.close()


def shelf(machine: Machine, index: CatalogIndex) -> Shelf:
    listed = Tags(machine.home.store).listing().tags
    return shelf_of(listed, index.summaries(), lambda name: True, index.generation)


def test_nothing_is_counted_of_what_nobody_scanned(machine: Machine) -> None:
    debian(machine, "app:1")
    index = gathered(machine)
    assert index.days("app", "1") == []
    assert all(not each.scanned for each in index.summaries().values())
    index.close()


def provenance_about(machine: Machine, manifest: Descriptor, builder: str) -> None:
    """A signed provenance attached to a manifest, by somebody."""
    predicate = {"buildDefinition": {"buildType": "x"}, "runDetails": {"builder": {"id": builder}}}
    subject = Subject("app", {"sha256": hex_of(manifest.digest)})
    value = msgspec.json.encode(predicate)
    bundle = signed_bundle(render_statement([subject], PROVENANCE, value), FakeSigner())
    moment = "2026-11-01T00:00:00Z"
    blobs = machine.home.store.blobs
    list_documents(machine.home.store, [referrer_of(blobs, manifest, bundle, PROVENANCE, moment)])


def test_every_platform_is_read_and_scanned_and_has_the_provenance_attached_to_it(
    machine: Machine, tmp_path: Path
) -> None:
    layer = {"etc/os-release": OS_RELEASE, "var/lib/dpkg/status": STATUS}
    names = ["linux/amd64", "linux/arm64", "linux/riscv64"]
    store = machine.home.store
    digest = make_image(store, [layer], platforms=names, names=["app:1"]).digest
    first, second, third = store.document(digest).manifests
    provenance_about(machine, first, "https://one.example")
    provenance_about(machine, second, "https://two.example")
    advice = osv("CVE-2026-0001", "openssl", {"Debian:13": "3.0-2"})
    bring(machine.home.advisories, osv_debian=write_records(tmp_path / "osv", [advice]))
    index = gathered(machine)
    build = index.build(digest)
    assert build is not None
    assert [each.platform for each in build.platforms] == names
    made = [build.made(each.digest) for each in (first, second, third)]
    assert [each and each.builder for each in made] == [
        "https://one.example",
        "https://two.example",
        None,
    ]
    for each in (first, second, third):
        scan = index.scan(each.digest)
        assert scan is not None
        assert len(scan.findings) == 1
    assert index.summaries()[digest].looked
    index.close()


def test_an_image_without_an_index_has_the_provenance_attached_to_it(machine: Machine) -> None:
    layer = {"etc/os-release": OS_RELEASE, "var/lib/dpkg/status": STATUS}
    image = make_image(machine.home.store, [layer], names=["app:1"], index=False)
    provenance_about(machine, image, "https://one.example")
    index = gathered(machine)
    build = index.build(image.digest)
    assert build is not None
    assert build.provenance is not None
    assert build.provenance.builder == "https://one.example"
    index.close()
