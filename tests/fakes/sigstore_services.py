"""A stand-in for Fulcio, its certificate log and Rekor (v1): keys made here, real formats.

with SigstoreServices() as services:
    services.trust_config      # what `sigstore` signs with (ClientTrustConfig)
    services.trusted_root      # what it verifies with
    services.token("jane@example.org")

It believes any token. What it signs is what the real services sign: a short-lived certificate with
an embedded SCT, an entry of the log with its promise, its inclusion proof and a checkpoint.
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

ISSUER = "https://issuer.example"
IDENTITY = "jane@example.org"
_SCT_LIST = ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")
_ISSUER_V1 = ObjectIdentifier("1.3.6.1.4.1.57264.1.1")
_ISSUER_V2 = ObjectIdentifier("1.3.6.1.4.1.57264.1.8")
_ORIGIN = "rekor.example - 1"
_P256 = "PKIX_ECDSA_P256_SHA_256"
_DER = serialization.Encoding.DER
_SPKI = serialization.PublicFormat.SubjectPublicKeyInfo


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


class Log:
    """A key and what it is known by."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.der = self.key.public_key().public_bytes(_DER, _SPKI)
        self.id = hashlib.sha256(self.der).digest()

    def sign(self, data: bytes) -> bytes:
        return self.key.sign(data, ec.ECDSA(hashes.SHA256()))

    def instance(self, url: str) -> dict[str, Any]:
        return {
            "baseUrl": url,
            "hashAlgorithm": "SHA2_256",
            "publicKey": {
                "rawBytes": encoded(self.der),
                "keyDetails": _P256,
                "validFor": {"start": "2020-01-01T00:00:00Z"},
            },
            "logId": {"keyId": encoded(self.id)},
        }


class SigstoreServices:
    def __init__(self) -> None:
        self.rekor, self.ct = Log(), Log()
        self._ca_key = ec.generate_private_key(ec.SECP256R1())
        self.ca = self._authority()
        self.lifetime = timedelta(minutes=10)
        self.clock = timedelta()
        """How much later the log's clock is than the authority's."""
        self.entries = 0
        self._guard = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.services = self  # type: ignore[attr-defined]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def trusted_root(self) -> dict[str, Any]:
        return {
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [self.rekor.instance(self.url)],
            "certificateAuthorities": [
                {
                    "subject": {"organization": "example", "commonName": "stand-in"},
                    "uri": self.url,
                    "certChain": {"certificates": [{"rawBytes": encoded(self._der(self.ca))}]},
                    "validFor": {"start": "2020-01-01T00:00:00Z"},
                }
            ],
            "ctlogs": [self.ct.instance(f"{self.url}/ct")],
            "timestampAuthorities": [],
        }

    @property
    def trust_config(self) -> dict[str, Any]:
        service = {
            "url": self.url,
            "majorApiVersion": 1,
            "validFor": {"start": "2020-01-01T00:00:00Z"},
            "operator": "example",
        }
        return {
            "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
            "trustedRoot": self.trusted_root,
            "signingConfig": {
                "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
                "caUrls": [service],
                "oidcUrls": [service],
                "rekorTlogUrls": [service],
                "rekorTlogConfig": {"selector": "ANY"},
                "tsaUrls": [],
            },
        }

    def token(self, identity: str = IDENTITY, issuer: str = ISSUER) -> str:
        """A token that no key has signed: the stand-in asks for none."""
        now = int(datetime.now(UTC).timestamp())
        claims = {
            "iss": issuer, "sub": identity, "aud": "sigstore", "iat": now, "nbf": now - 5,
            "exp": now + 300,
        }  # fmt: skip
        parts = ({"alg": "ES256", "typ": "JWT"}, claims)
        words = [base64.urlsafe_b64encode(json.dumps(each).encode()).rstrip(b"=") for each in parts]
        return b".".join([*words, base64.urlsafe_b64encode(b"no signature").rstrip(b"=")]).decode()

    # -- Fulcio ----------------------------------------------------------------------------------

    def certify(self, request: bytes, token: str) -> list[str]:
        csr = x509.load_pem_x509_csr(request)
        claims = token.split(".")[1]
        said = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
        issuer = said["iss"].encode()
        now = datetime.now(UTC)
        key = csr.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(self.ca.subject)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(seconds=5))
            .not_valid_after(now + self.lifetime)
            .add_extension(_usage(digital_signature=True), critical=True)
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False
            )
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._ca_key.public_key()),
                critical=False,
            )
            .add_extension(
                x509.SubjectAlternativeName([x509.RFC822Name(said["sub"])]), critical=True
            )
            .add_extension(x509.UnrecognizedExtension(_ISSUER_V1, issuer), critical=False)
            .add_extension(
                x509.UnrecognizedExtension(_ISSUER_V2, b"\x0c" + bytes([len(issuer)]) + issuer),
                critical=False,
            )
        )
        before = builder.sign(self._ca_key, hashes.SHA256())
        listed = x509.UnrecognizedExtension(_SCT_LIST, self._sct(before.tbs_certificate_bytes))
        made = builder.add_extension(listed, critical=False).sign(self._ca_key, hashes.SHA256())
        pem = serialization.Encoding.PEM
        return [each.public_bytes(pem).decode() for each in (made, self.ca)]

    def _sct(self, tbs: bytes) -> bytes:
        """A list of one SCT about a certificate as it is without it (RFC 6962, 3.2 and 3.3)."""
        moment = int(datetime.now(UTC).timestamp() * 1000)
        issuer = hashlib.sha256(self._ca_key.public_key().public_bytes(_DER, _SPKI)).digest()
        about = issuer + len(tbs).to_bytes(3, "big") + tbs
        signature = self.ct.sign(struct.pack("!BBQH", 0, 0, moment, 1) + about + b"\0\0")
        sct = b"\0" + self.ct.id + struct.pack("!Q", moment) + b"\0\0" + b"\4\3"
        sct += struct.pack("!H", len(signature)) + signature
        listed = struct.pack("!H", len(sct) + 2) + struct.pack("!H", len(sct)) + sct
        return b"\x04" + _length(len(listed)) + listed

    # -- Rekor -----------------------------------------------------------------------------------

    def logged(self, proposed: dict[str, Any]) -> dict[str, Any]:
        """The entry that a proposed one (dsse 0.0.1) becomes; each log has one entry alone."""
        content = proposed["spec"]["proposedContent"]
        envelope = json.loads(content["envelope"])
        payload = base64.b64decode(envelope["payload"])
        body = {
            "apiVersion": "0.0.1",
            "kind": "dsse",
            "spec": {
                "envelopeHash": _hashed(content["envelope"].encode()),
                "payloadHash": _hashed(payload),
                "signatures": [
                    {"signature": each["sig"], "verifier": content["verifiers"][0]}
                    for each in envelope["signatures"]
                ],
            },
        }
        return self.entry(canonical(body))

    def entry(self, body: bytes) -> dict[str, Any]:
        with self._guard:
            self.entries += 1
        moment, log = int((datetime.now(UTC) + self.clock).timestamp()), self.rekor.id.hex()
        root = hashlib.sha256(b"\0" + body).digest()
        promised = {
            "body": encoded(body), "integratedTime": moment, "logID": log, "logIndex": 0,
        }  # fmt: skip
        note = f"{_ORIGIN}\n1\n{encoded(root)}\n"
        signed = self.rekor.id[:4] + self.rekor.sign(note.encode())
        return {
            root.hex(): {
                **promised,
                "verification": {
                    "signedEntryTimestamp": encoded(self.rekor.sign(canonical(promised))),
                    "inclusionProof": {
                        "checkpoint": f"{note}\n\u2014 rekor.example {encoded(signed)}\n",
                        "hashes": [],
                        "logIndex": 0,
                        "rootHash": root.hex(),
                        "treeSize": 1,
                    },
                },
            }
        }

    def _authority(self) -> x509.Certificate:
        name = x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, "example"),
                x509.NameAttribute(NameOID.COMMON_NAME, "stand-in"),
            ]
        )
        now, key = datetime.now(UTC), self._ca_key.public_key()
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(key_cert_sign=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .sign(self._ca_key, hashes.SHA256())
        )

    def _der(self, certificate: x509.Certificate) -> bytes:
        return certificate.public_bytes(_DER)


def canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _hashed(data: bytes) -> dict[str, str]:
    return {"algorithm": "sha256", "value": hashlib.sha256(data).hexdigest()}


def _length(count: int) -> bytes:
    return bytes([count]) if count < 128 else bytes([0x81, count])


def _usage(**uses: bool) -> x509.KeyUsage:
    names = (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
        "key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
    )  # fmt: skip
    return x509.KeyUsage(**{name: uses.get(name, False) for name in names})


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        services: SigstoreServices = self.server.services  # type: ignore[attr-defined]
        value = json.loads(self.rfile.read(int(self.headers["content-length"])))
        match self.path:
            case "/api/v2/signingCert":
                request = base64.b64decode(value["certificateSigningRequest"])
                token = self.headers["authorization"].removeprefix("Bearer ")
                chain = services.certify(request, token)
                found = {"signedCertificateEmbeddedSct": {"chain": {"certificates": chain}}}
                self._answer(200, found)
            case "/api/v1/log/entries":
                self._answer(201, services.logged(value))
            case _:
                self._answer(404, {})

    def _answer(self, status: int, value: dict[str, Any]) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *words: object) -> None: ...
