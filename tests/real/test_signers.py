"""Keys in a token (SoftHSM), timestamps (openssl's authority): cosign verifies both."""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.fakes.running_server import serving
from tests.fakes.sigstore_services import IDENTITY, ISSUER, SigstoreServices
from tests.real.tools import tool
from tests.unit.workspace.test_workspace import workspace

pytestmark = pytest.mark.real
ROOT = Path(__file__).parents[2]
MODULES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so")


class Shop:
    """The command with a home of its own and a small signed mirror."""

    def __init__(self, folder: Path, **environment: str) -> None:
        workspace(folder)
        self.folder = folder
        self.environment = {
            **os.environ,
            "IRONHULL_HOME": str(folder / "home"),
            "IRONHULL_CATALOG": str(folder / "images"),
            "IRONHULL_MIRROR": str(folder / "mirror"),
            "IRONHULL_KEYRING": str(folder / "key.pgp"),
            **environment,
        }

    def __call__(self, *words: str, code: int = 0, **environment: str) -> str:
        done = subprocess.run(
            [ROOT / ".venv/bin/ironhull", *words],
            env=self.environment | environment,
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == code, done.stderr
        return done.stdout + done.stderr

    def cosign(self, *words: str) -> subprocess.CompletedProcess[str]:
        (self.folder / "key.pub").write_text(self("key", "public"))
        with serving(self.folder / "registry") as server:
            self("push", "app:1", f"{server.host}/app:1", "--no-record")
            listed = json.loads(self("attestations", f"{server.host}/app:1", "--json"))
            subject = f"{server.host}/app@{listed['attestations'][-1]['subject']}"
            return subprocess.run(
                [
                    *(tool("cosign"), "verify", "--key", self.folder / "key.pub"),
                    *("--insecure-ignore-tlog", "--allow-http-registry", *words, subject),
                ],
                check=False,
                capture_output=True,
                text=True,
                env={"HOME": str(self.folder), "PATH": os.defpath},
            )


@pytest.fixture
def token(tmp_path: Path) -> dict[str, str]:
    """A SoftHSM token with a P-256 key of id 2; the environment that finds it."""
    util = tool("softhsm2-util")
    module = next((each for each in MODULES if Path(each).exists()), None)
    if module is None:
        pytest.skip("needs libsofthsm2.so")
    (tmp_path / "tokens").mkdir()
    config = tmp_path / "softhsm2.conf"
    config.write_text(f"directories.tokendir = {tmp_path / 'tokens'}\n")
    environment = {"SOFTHSM2_CONF": str(config), "PYKCS11LIB": module}
    subprocess.run(
        [util, "--init-token", "--free", "--label", "release", "--pin", "1234", "--so-pin", "5678"],
        check=True,
        capture_output=True,
        env=os.environ | environment,
    )
    key = tmp_path / "token.pem"
    subprocess.run(
        [
            *(tool("openssl"), "genpkey", "-algorithm", "EC"),
            *("-pkeyopt", "ec_paramgen_curve:P-256", "-out", key),
        ],
        check=True,
        capture_output=True,
    )
    subprocess.run(
        [
            *(util, "--import", key, "--token", "release"),
            *("--label", "release", "--id", "02", "--pin", "1234"),
        ],
        check=True,
        capture_output=True,
        env=os.environ | environment,
    )
    key.unlink()
    return environment


def test_a_key_in_a_token_signs_and_cosign_verifies(tmp_path: Path, token: dict[str, str]) -> None:
    shop = Shop(tmp_path, **token)
    uri = "hsm:2?label=release"
    assert "held at hsm:2" in shop("key", "use", uri, "release")
    shop("build", "app:1", "--no-attest")
    assert "PIN" in shop("attest", "app:1", code=2)
    assert "hsm:2" in shop("attest", "app:1", code=3, IRONHULL_KEY_PASSPHRASE="9999")
    assert "statements signed by" in shop("attest", "app:1", IRONHULL_KEY_PASSPHRASE="1234")
    done = shop.cosign()
    assert done.returncode == 0, done.stderr


CONFIG = """\
[req]
distinguished_name = dn
[dn]
[ca]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
[leaf]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = critical,timeStamping
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[tsa]
default_tsa = here
[here]
serial = $ENV::FOLDER/serial
signer_cert = $ENV::FOLDER/tsa.pem
signer_key = $ENV::FOLDER/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ess_cert_id_alg = sha256
"""


def openssl(folder: Path, *words: str | Path) -> None:
    subprocess.run(
        [tool("openssl"), *words],
        check=True,
        capture_output=True,
        cwd=folder,
        env=os.environ | {"FOLDER": str(folder)},
    )


def certificates(folder: Path) -> Path:
    """A root and a timestamp authority below it, in a new folder; the chain as one file."""
    folder.mkdir()
    (folder / "tsa.cnf").write_text(CONFIG)
    (folder / "serial").write_text("01")
    new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-config", "tsa.cnf")
    openssl(folder, "req", "-x509", *new, "-extensions", "ca", "-subj", "/CN=Test root",
            "-days", "2", "-keyout", "ca.key", "-out", "ca.pem")  # fmt: skip
    openssl(folder, "req", "-new", *new, "-subj", "/CN=Test TSA", "-keyout", "tsa.key",
            "-out", "tsa.csr")  # fmt: skip
    openssl(folder, "x509", "-req", "-in", "tsa.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
            "-days", "2", "-set_serial", "2", "-extfile", "tsa.cnf", "-extensions", "leaf",
            "-out", "tsa.pem")  # fmt: skip
    chain = folder / "chain.pem"
    chain.write_text((folder / "tsa.pem").read_text() + (folder / "ca.pem").read_text())
    return chain


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A timestamp authority of openssl's behind a small server; its address and its chain."""
    folder = tmp_path / "tsa"
    chain = certificates(folder)

    class Authority(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.headers["content-type"] == "application/timestamp-query"
            (folder / "query").write_bytes(self.rfile.read(int(self.headers["content-length"])))
            openssl(folder, "ts", "-reply", "-config", "tsa.cnf", "-queryfile", "query",
                    "-out", "reply")  # fmt: skip
            data = (folder / "reply").read_bytes()
            self.send_response(200)
            self.send_header("content-type", "application/timestamp-reply")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *words: object) -> None: ...

    server = http.server.HTTPServer(("127.0.0.1", 0), Authority)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/", chain
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_signatures_are_timestamped_and_cosign_believes_the_time(
    tmp_path: Path, authority: tuple[str, Path]
) -> None:
    address, chain = authority
    shop = Shop(tmp_path / "shop", IRONHULL_TIMESTAMP=address)
    shop("key", "generate", "--no-passphrase")
    shop("build", "app:1")
    bundle = shop("attestations", "app:1", "--read", "signature", "--bundle",
                  "--platform", "linux/amd64")  # fmt: skip
    stamps = json.loads(bundle)["verificationMaterial"]["timestampVerificationData"]
    assert len(stamps["rfc3161Timestamps"]) == 1
    for trusted, verdict in ((chain, 0), (certificates(tmp_path / "other"), 1)):
        root = tmp_path / "root.json"
        given = f"url={address},certificate-chain={trusted}"
        subprocess.run(
            [tool("cosign"), "trusted-root", "create", "--tsa", given, "--out", root],
            check=True,
            capture_output=True,
        )
        done = shop.cosign("--use-signed-timestamps", "--trusted-root", str(root))
        assert done.returncode == verdict, done.stderr


def test_verify_believes_the_time_of_an_authority_that_is_trusted(
    tmp_path: Path, authority: tuple[str, Path]
) -> None:
    address, chain = authority
    shop = Shop(tmp_path / "shop", IRONHULL_TIMESTAMP=address)
    shop("key", "generate", "--no-passphrase")
    shop("build", "app:1")
    (tmp_path / "ours.pub").write_text(shop("key", "public"))
    (tmp_path / "tsa.pem").write_bytes(chain.read_bytes())
    other = certificates(tmp_path / "other")

    def times(*words: str | Path, code: int = 0) -> set[str | None]:
        text = shop("verify", "app:1", "--json", *map(str, words), code=code)
        said, _ = json.JSONDecoder().raw_decode(text)
        statements = [each for subject in said["subjects"] for each in subject["statements"]]
        return {signer["time"] for each in statements for signer in each["signers"]}

    (year,) = {str(time)[:4] for time in times("--timestamp-authority", chain)}
    assert year == datetime.now(UTC).strftime("%Y")
    assert times("--timestamp-authority", other) == {None}
    assert times() == {None}
    policy = tmp_path / "policy.yaml"
    for trusted, code in (("tsa.pem", 0), ("other.pem", 1)):
        (tmp_path / "other.pem").write_bytes(other.read_bytes())
        policy.write_text(
            "version: 1\nname: stamped\nkeys: {ours: ours.pub}\n"
            f"timestamps: {{authorities: [{trusted}], required: yes}}\n"
        )
        times("--policy", policy, code=code)


def test_what_a_lost_key_signed_in_time_stays_believed(
    tmp_path: Path, authority: tuple[str, Path]
) -> None:
    address, chain = authority
    shop = Shop(tmp_path / "shop", IRONHULL_TIMESTAMP=address)
    shop("key", "generate", "--no-passphrase")
    shop("build", "app:1")
    trusted = ("verify", "app:1", "--timestamp-authority", str(chain))
    shop("key", "revoke", "ironhull", "--reason", "lost", "--since", "2100-01-01")
    shop(*trusted)
    shop("verify", "app:1", code=1)
    shop("key", "revoke", "ironhull", "--reason", "long ago", "--since", "2001-01-01")
    shop(*trusted, code=1)
    shop("key", "revoke", "ironhull", "--reason", "nobody knows")
    shop(*trusted, code=2)


def test_an_authority_that_cannot_be_asked_stops_the_signing(tmp_path: Path) -> None:
    shop = Shop(tmp_path, IRONHULL_TIMESTAMP="http://127.0.0.1:1/")
    shop("key", "generate", "--no-passphrase")
    shop("build", "app:1", "--no-attest")
    shop("attest", "app:1", code=3)
    assert json.loads(shop("attestations", "app:1", "--json"))["attestations"] == []


def test_what_an_identity_signed_is_verified_by_cosign_and_by_us(tmp_path: Path) -> None:
    """Fulcio and Rekor are a stand-in here; `sigstore` signs, cosign verifies by a trusted root."""
    with SigstoreServices() as services:
        (tmp_path / "config.json").write_text(json.dumps(services.trust_config))
        (tmp_path / "root.json").write_text(json.dumps(services.trusted_root))
        shop = Shop(
            tmp_path / "shop",
            IRONHULL_SIGNER="sigstore",
            IRONHULL_TRUST_CONFIG=str(tmp_path / "config.json"),
            IRONHULL_IDENTITY_TOKEN=services.token(),
        )
        shop("build", "app:1")
    trusted = ("--trust-root", str(tmp_path / "root.json"))
    for identity, code in ((IDENTITY, 0), ("john@example.org", 1)):
        shop("verify", "app:1", "--identity", identity, "--issuer", ISSUER, *trusted, code=code)
        jane = f"{{identity: {identity}, issuer: '{ISSUER}', trust-root: root.json}}"
        (tmp_path / "policy.yaml").write_text(
            f"version: 1\nname: by identity\nidentities: {{jane: {jane}}}\n"
            "signatures: {by: [jane]}\nstatements: [{type: provenance, by: [jane]}]\n"
        )
        shop("verify", "app:1", "--policy", str(tmp_path / "policy.yaml"), code=code)
        with serving(tmp_path / f"registry{code}") as server:
            shop("push", "app:1", f"{server.host}/app:1", "--no-record")
            done = subprocess.run(
                [
                    *(tool("cosign"), "verify", "--certificate-identity", identity),
                    *("--certificate-oidc-issuer", ISSUER, "--allow-http-registry"),
                    *("--trusted-root", str(tmp_path / "root.json"), f"{server.host}/app:1"),
                ],
                check=False,
                capture_output=True,
                text=True,
                env={"HOME": str(tmp_path), "PATH": os.defpath},
            )
        assert (done.returncode == 0) == (code == 0), done.stderr
