"""`ironhull compare` and `ironhull score` as people run them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.fakes import advisories as fake
from tests.fakes.advisories import osv
from tests.fakes.image import make_image

from ironhull.cli.compare import compare
from ironhull.cli.score import score
from ironhull.errors import CheckFailedError, EnvironmentProblem, InputError
from ironhull.inventory.document import dumps
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.document import Document
from ironhull.oci.media_types import OCI_INDEX, OCI_MANIFEST
from ironhull.store.choice import machine_platform
from ironhull.store.home import Home
from ironhull.store.referrers import list_documents

RELEASE = 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian 12"\n'
STANDARD = {
    "etc/os-release": RELEASE,
    "etc/passwd": "root:x:0:0::/root:/bin/sh\n",
    "var/lib/dpkg/status": (
        "Package: openssl\nStatus: install ok installed\nVersion: 3.0.11-1\n\n"
        "Package: bash\nStatus: install ok installed\nVersion: 5.2-1\n"
    ),
    "app/package.json": '{"name":"app","version":"1.0.0"}',
}
HARDENED = {
    "etc/os-release": RELEASE,
    "var/lib/dpkg/status": ("Package: openssl\nStatus: install ok installed\nVersion: 3.0.14-1\n"),
    "app/package.json": '{"name":"app","version":"1.0.0","devDependencies":{"jest":"1"}}',
    "app/node_modules/jest/package.json": '{"name":"jest","version":"1.0.0"}',
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("IRONHULL_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    home = Home(tmp_path / "home")
    make_image(home.store, [STANDARD], names=["standard:1"])
    make_image(home.store, [HARDENED], config={"User": "1000"}, names=["hardened:1"])
    return home


@pytest.fixture
def database(home: Home, tmp_path: Path) -> None:
    records = [
        osv("CVE-2024-0001", "openssl", {"Debian:12": "3.0.14-1"}),
        osv("CVE-2024-0002", "bash", {"Debian:12": None}),
    ]
    folder = home.root / "advisories"
    folder.mkdir(parents=True, exist_ok=True)
    fake.database(
        folder / "advisories.sqlite", osv_debian=fake.write_records(tmp_path / "osv", records)
    ).close()


def run(*arguments: str) -> Result:
    return CliRunner().invoke(compare, arguments, catch_exceptions=False)


def compared(*arguments: str) -> Any:
    result = run("standard:1", "hardened:1", "--json", "--max-age", "0", *arguments)
    return json.loads(result.stdout)


def scored(*arguments: str) -> Any:
    command = ["--json", "--max-age", "0", *arguments]
    return json.loads(CliRunner().invoke(score, command, catch_exceptions=False).stdout)


@pytest.mark.usefixtures("database")
def test_the_json_report_has_figures_commands_and_the_databases_date() -> None:
    found = compared()
    assert found["comparisons"][0]["figures"]["vulnerabilities.raw"] == {
        "baseline": 2,
        "image": 0,
        "difference": -2,
        "percent": -100.0,
        "verdict": "better",
        "unknown": "",
    }
    assert found["database"]["date"]
    [command] = found["commands"]
    assert command == "ironhull compare standard:1 hardened:1 --json --max-age 0"


def test_without_advisories_everything_else_is_compared_and_vulnerabilities_are_unknown() -> None:
    found = compared()
    assert found["database"] is None
    change = found["comparisons"][0]["figures"]["vulnerabilities.raw"]
    assert (change["verdict"], change["image"]) == ("unknown", None)
    assert "ironhull advisories update" in change["unknown"]
    assert found["comparisons"][0]["figures"]["packages.total"]["image"] == 3


@pytest.mark.usefixtures("database")
def test_a_distribution_without_advisories_is_unknown_and_the_rest_compared(home: Home) -> None:
    other = {**STANDARD, "etc/os-release": "ID=other\nVERSION_ID=1\n"}
    make_image(home.store, [other], names=["other:1"])
    result = run("standard:1", "other:1", "--json", "--max-age", "0")
    image = json.loads(result.stdout)["images"][1]
    assert image["figures"]["vulnerabilities.raw"] is None
    assert "other" in image["scan"]["unknown"]
    assert image["figures"]["packages.total"] == 3


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("r.html", "<!doctype html>"),
        ("r.json", "{"),
        ("r.md", "## hardened:1"),
        ("r.svg", "<svg"),
        ("r.txt", "baseline: standard:1"),
    ],
)
def test_a_files_ending_says_the_format(tmp_path: Path, name: str, start: str) -> None:
    result = run("standard:1", "hardened:1", "-o", str(tmp_path / "deep" / name))
    assert result.stdout == ""
    assert (tmp_path / "deep" / name).read_text().lstrip().startswith(start)


def test_a_report_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "r.html"
    target.write_text("the old one")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(EnvironmentProblem, match="cannot write"):
        run("standard:1", "hardened:1", "-o", str(target))
    assert target.read_text() == "the old one"
    assert [path.name for path in tmp_path.glob("*r.html*")] == ["r.html"]


def test_several_images_have_one_baseline() -> None:
    result = run("standard:1", "hardened:1", "standard:1", "--json")
    found = json.loads(result.stdout)
    assert [pair["image"] for pair in found["comparisons"]] == [1, 2]
    assert found["comparisons"][1]["packages"]["counts"]["same"] == 3


def test_stored_inventories_can_be_compared_without_the_images(home: Home, tmp_path: Path) -> None:
    run("standard:1", "hardened:1")
    from ironhull.state.inventories import InventoryStore

    for number, inventory in enumerate(InventoryStore(home.inventories)):
        (tmp_path / f"{number}.json").write_bytes(dumps(inventory))
    found = json.loads(run("0.json", "1.json", "--json").stdout)
    assert found["images"][0]["attached"]["known"] is False
    assert found["comparisons"][0]["packages"]["counts"]["same"] > 0


@pytest.mark.parametrize("platform", [(), ("--platform", "linux/arm64")])
def test_a_known_image_of_several_platforms_is_not_read_again(
    home: Home, monkeypatch: pytest.MonkeyPatch, platform: tuple[str, ...]
) -> None:
    both = [str(machine_platform()), "linux/arm64", "linux/amd64"]
    for name, files in (("a:1", STANDARD), ("b:1", HARDENED)):
        make_image(home.store, [files], platforms=list(dict.fromkeys(both)), names=[name])
    first = json.loads(run("a:1", "b:1", "--json", *platform).stdout)

    def nobody(*arguments: object) -> None:
        raise AssertionError("an image is read again")

    monkeypatch.setattr("ironhull.workspace.examining.opened_taker", nobody)
    again = json.loads(run("a:1", "b:1", "--json", *platform).stdout)
    assert again["images"] == first["images"]
    wanted = platform[1] if platform else str(machine_platform())
    assert {image["platform"] for image in again["images"]} == {wanted}


def test_fail_if_worse_ends_with_findings_after_the_report(tmp_path: Path) -> None:
    target = tmp_path / "r.json"
    with pytest.raises(CheckFailedError, match="standard:1: "):
        run("hardened:1", "standard:1", "--fail-if", "packages,root", "-o", str(target))
    assert json.loads(target.read_text())["schema"] == "ironhull-compare-1"
    assert run("standard:1", "hardened:1", "--fail-if", "packages,root").exit_code == 0


def test_dev_leak_finds_a_development_dependency() -> None:
    found = compared("--dev-leak")
    assert found["images"][0]["leaks"]["found"] == []
    assert found["images"][1]["leaks"]["found"] == [
        {
            "kind": "development dependency",
            "subject": "/app/node_modules/jest",
            "detail": "devDependencies of /app/package.json",
        }
    ]
    with pytest.raises(CheckFailedError, match="1 trace of the build"):
        run("standard:1", "hardened:1", "--dev-leak", "--fail-if", "leak")


def test_dev_leak_compares_with_the_build_stage() -> None:
    leaks = compared("--dev-leak", "--build-stage", "standard:1")["images"][1]["leaks"]
    assert leaks["stage"] == "standard:1"
    assert leaks["stage_packages"] == 3
    assert (
        compared("--dev-leak", "--build-stage", "standard:1")["images"][0]["leaks"]["stage"] == ""
    )
    with pytest.raises(InputError, match="--dev-leak"):
        run("standard:1", "hardened:1", "--build-stage", "standard:1")


def test_a_build_stage_of_a_folder_is_read_too(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "app/node_modules/jest").mkdir(parents=True)
    for name, text in HARDENED.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    found = json.loads(run("standard:1", str(root), "--dev-leak", "--json").stdout)
    kinds = [trace["kind"] for trace in found["images"][1]["leaks"]["found"]]
    assert kinds == ["development dependency"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("standard:1", "gone:1"), "gone:1"),
        (("standard:1", "hardened:1", "--fail-if", "nicer"), "no such term"),
    ],
)
def test_bad_input_says_what_is_wrong(arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        run(*arguments)


def attach(home: Home, subject: Descriptor, predicate: str, statement: dict[str, Any]) -> None:
    layer = json.dumps(statement).encode()
    descriptor = Descriptor("application/vnd.in-toto+json", home.store.blobs.put(layer), len(layer))
    config = Descriptor("application/vnd.oci.empty.v1+json", home.store.blobs.put(b"{}"), 2)
    document = Document.of(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "artifactType": "application/vnd.in-toto+json",
            "config": config.json(),
            "layers": [descriptor.json()],
            "subject": subject.json(),
            "annotations": {"in-toto.io/predicate-type": predicate},
        }
    )
    home.store.blobs.put(document.raw)
    list_documents(home.store, [document])


SLSA = "https://slsa.dev/provenance/v1"
STATEMENT = {
    "predicateType": SLSA,
    "predicate": {
        "buildDefinition": {
            "resolvedDependencies": [{"uri": "pkg:deb/debian/x@1", "digest": {"sha256": "aa"}}]
        },
        "runDetails": {"builder": {"id": "https://example.org/builder"}},
    },
}


def test_what_refers_to_an_image_is_listed_and_provenance_wins_points(home: Home) -> None:
    subject = home.store.find("hardened:1")
    subject = Descriptor(subject.media_type, subject.digest, subject.size)
    before = scored("hardened:1")
    attach(home, subject, SLSA, STATEMENT)
    attach(home, subject, "https://spdx.dev/Document", {})
    items = compared()["images"][1]["attached"]["items"]
    assert [item["kind"] for item in items] == ["provenance", "sbom"]
    after = scored("hardened:1")
    won = {
        new["id"]
        for old, new in zip(before["points"], after["points"], strict=True)
        if old["result"] != "pass" == new["result"]
    }
    assert won == {
        "trusted-source",
        "verified-downloads",
        "pinned-digests",
        "pinned-packages",
        "provenance-attestation",
        "sbom",
    }


def test_damaged_provenance_wins_nothing_but_its_listing(home: Home) -> None:
    subject = home.store.find("hardened:1")
    subject = Descriptor(subject.media_type, subject.digest, subject.size)
    attach(home, subject, SLSA, {"payload": "!", "payloadType": "x"})
    points = {point["id"]: point["result"] for point in scored("hardened:1")["points"]}
    assert points["provenance-attestation"] == "pass"
    assert points["trusted-source"] == "fail"


def test_attestations_that_buildkit_puts_into_the_index_are_listed(home: Home) -> None:
    index = home.store.document(home.store.find("hardened:1").digest)
    manifest = index.manifests[0]
    layer = json.dumps(STATEMENT).encode()
    blob = Descriptor(
        "application/vnd.in-toto+json",
        home.store.blobs.put(layer),
        len(layer),
        {"in-toto.io/predicate-type": SLSA},
    )
    config = Descriptor("application/vnd.oci.image.config.v1+json", home.store.blobs.put(b"{}"), 2)
    attestation = Document.of(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": config.json(),
            "layers": [blob.json()],
        }
    )
    home.store.blobs.put(attestation.raw)
    listed = {
        **attestation.descriptor().json(),
        "platform": {"os": "unknown", "architecture": "unknown"},
        "annotations": {
            "vnd.docker.reference.type": "attestation-manifest",
            "vnd.docker.reference.digest": manifest.digest,
        },
    }
    changed = Document.of(
        {
            "schemaVersion": 2,
            "mediaType": OCI_INDEX,
            "manifests": [manifest.json(), listed],
        }
    )
    home.store.blobs.put(changed.raw)
    home.store.tag(changed.descriptor(), ["buildkit:1"])
    found = json.loads(run("standard:1", "buildkit:1", "--json").stdout)
    assert [item["type"] for item in found["images"][1]["attached"]["items"]] == [SLSA]


def test_the_score_is_printed_with_evidence_and_what_would_win_more(tmp_path: Path) -> None:
    badge = tmp_path / "score.svg"
    command = ["hardened:1", "--badge", str(badge)]
    result = CliRunner().invoke(score, command, catch_exceptions=False)
    assert "minimalism 4 of 4" in result.stdout
    assert "yes No shell: none of the known shells was found" in result.stdout
    assert "to win it: attach SLSA provenance from the build" in result.stdout
    assert "4.12 Signed artifacts" in result.stdout
    assert "advisories of: none" in result.stdout
    assert badge.read_text().startswith("<svg")


def test_a_score_below_what_is_asked_for_ends_with_findings() -> None:
    with pytest.raises(CheckFailedError, match="asked for 20"):
        CliRunner().invoke(score, ["hardened:1", "--fail-under", "20"], catch_exceptions=False)


def test_a_folder_is_scored_too(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "etc/os-release").write_text(RELEASE)
    points = {point["id"]: point["result"] for point in scored(str(root))["points"]}
    assert points["nonroot"] == "unknown"
    assert points["signed"] == "unknown"
    assert points["no-shell"] == "pass"


@pytest.mark.usefixtures("database")
def test_compare_and_score_stop_at_stale_advisories_with_the_words_of_scan() -> None:
    words = r"standard:1: the newest advisories are of .*, older than 7 days; run: ironhull adv"
    with pytest.raises(CheckFailedError, match=words):
        run("standard:1", "hardened:1")
    with pytest.raises(CheckFailedError, match=words):
        CliRunner().invoke(score, ["standard:1"], catch_exceptions=False)
    assert compared()["database"]["stale"] is True
    assert scored("standard:1")["total"] > 0
