"""cosign attaches VEX to an image of a running server; pages count what a trusted key signed."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.fakes.advisories import bring, osv, write_records
from tests.fakes.image import make_image
from tests.fakes.running_server import RunningServer, serving
from tests.fakes.vex import said
from tests.real.tools import tool

from ironhull.oci.descriptor import Descriptor
from ironhull.signing.keyring import Keyring
from ironhull.store.home import Home

pytestmark = pytest.mark.real
NOW = datetime(2026, 11, 29, tzinfo=UTC)
FIRST, SECOND = "CVE-2026-0001", "CVE-2026-0002"
LAYER = {
    "etc/os-release": 'ID=debian\nVERSION_ID="13"\nVERSION_CODENAME=trixie\n',
    "var/lib/dpkg/status": (
        "Package: openssl\nStatus: install ok installed\nArchitecture: amd64\nVersion: 3.0-1\n\n"
    ),
}


@dataclass
class Shop:
    """A server over a home with one image, and two people with a key of cosign's each."""

    folder: Path
    home: Home
    image: Descriptor
    server: RunningServer

    def attest(self, who: str, vulnerability: str) -> None:
        """As `who` would who may push: this image is not affected."""
        value = {
            "@context": "https://openvex.dev/ns/v0.2.0",
            "@id": f"https://example.org/{who}/{vulnerability}",
            "author": who,
            "timestamp": "2026-11-01T00:00:00Z",
            "version": 1,
            "statements": [said(vulnerability, f"pkg:oci/app@{self.image.digest}")],
        }
        (self.folder / "vex.json").write_text(json.dumps(value))
        subject = f"{self.server.host}/app@{self.image.digest}"
        cosign(
            self.folder,
            *("attest", "--key", f"{who}.key", "--allow-http-registry", "-y"),
            *("--signing-config", "sc.json", "--type", "openvex", "--predicate", "vex.json"),
            subject,
        )

    def statuses(self) -> dict[str, str]:
        path = "/api/v1/images/app/-/1/vulnerabilities"
        answer = json.loads(self.server.ask("GET", path).data)
        return {each["id"]: each["status"] for each in answer["findings"]}

    def becomes(self, wanted: dict[str, str]) -> None:
        deadline = time.monotonic() + 60
        while self.statuses() != wanted and time.monotonic() < deadline:
            time.sleep(0.2)
        assert self.statuses() == wanted, self.server.log


def cosign(folder: Path, *words: str) -> None:
    subprocess.run(
        [tool("cosign"), *words],
        cwd=folder,
        check=True,
        capture_output=True,
        env={"COSIGN_PASSWORD": "", "HOME": str(folder), "PATH": os.defpath},
    )


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    home = Home(tmp_path / "home")
    for who in ("team", "stranger"):
        cosign(tmp_path, "generate-key-pair", "--output-key-prefix", who)
    Keyring(home.keys).trust("team", (tmp_path / "team.pub").read_bytes(), NOW)
    cosign(tmp_path, "signing-config", "create", "--out", "sc.json")
    advice = [osv(name, "openssl", {"Debian:13": "3.0-2"}) for name in (FIRST, SECOND)]
    bring(home.advisories, osv_debian=write_records(tmp_path / "osv", advice))
    image = make_image(home.store, [LAYER], names=["app:1"], index=False)
    with serving(home.store.root, home=home.root) as server:
        yield Shop(tmp_path, home, image, server)


def test_what_a_trusted_key_said_counts_until_it_is_revoked_and_nobody_elses(shop: Shop) -> None:
    shop.attest("stranger", SECOND)
    shop.attest("team", FIRST)
    shop.becomes({FIRST: "not_affected", SECOND: "affected"})
    page = shop.server.ask("GET", "/images/app/-/1/vulnerabilities").data.decode()
    assert "<b>1</b> after VEX, 2 raw" in page
    assert "VEX signed by team (" in page
    Keyring(shop.home.keys).revoke("team", "lost", NOW)
    assert shop.statuses() == {FIRST: "affected", SECOND: "affected"}
    page = shop.server.ask("GET", "/images/app/-/1/vulnerabilities").data.decode()
    assert "<b>2</b> after VEX, 2 raw" in page
