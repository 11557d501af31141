"""Attestations of rebuilders: whose count, for which bytes, and what is no such attestation."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from securesystemslib.exceptions import UnverifiedSignatureError
from securesystemslib.formats import encode_canonical
from securesystemslib.signer import Signature, SSlibKey
from tests.data.find import EXCERPTS
from tests.fakes.published_image import DEBS, Published, published

from ironhull.errors import InputError, MalformedError
from ironhull.signing.public_key import PublicKey
from ironhull.statements.kinds import REBUILDS
from ironhull.verify.rebuilders import canonical_json, read_links, rebuilds


def read_rebuilds(places: list[Path], keys: list[PublicKey]) -> dict[str, frozenset[str]]:
    return rebuilds(read_links(places), keys)


class Rebuilder:
    """Signs links as rebuilderd does: Ed25519 over canonical JSON, the signature in hexadecimal."""

    def __init__(self) -> None:
        self._key = ed25519.Ed25519PrivateKey.generate()
        self.public = PublicKey.of(self._key.public_key())

    @property
    def keyid(self) -> str:
        """What in-toto's library in Rust calls the key; it looks at no signature without it."""
        said = {
            "keyid_hash_algorithms": ["sha256", "sha512"],
            "keytype": "ed25519",
            "keyval": {"public": self._key.public_key().public_bytes_raw().hex()},
            "scheme": "ed25519",
        }
        return hashlib.sha256(canonical_json(said).encode()).hexdigest()

    def link(self, products: dict[str, str], **changes: Any) -> dict[str, Any]:
        name = next(iter(products), "nothing")
        signed = {
            "_type": "link",
            "name": f"rebuild {name}",
            "materials": {},
            "products": {path: {"sha256": digest} for path, digest in products.items()},
            "environment": None,
            "byproducts": {},
            "command": [],
        } | changes
        # Keys sorted, no spaces: for such texts the same as in-toto's canonical JSON.
        message = json.dumps(signed, sort_keys=True, separators=(",", ":")).encode()
        signature = {"keyid": self.keyid, "sig": self._key.sign(message).hex()}
        return {"signatures": [signature], "signed": signed}


def write(folder: Path, name: str, value: object) -> Path:
    path = folder / f"{name}.link"
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


DIGEST = "ab" * 32


def test_a_rebuild_counts_for_the_key_that_signed_it_and_for_no_other(tmp_path: Path) -> None:
    one, two, three = Rebuilder(), Rebuilder(), Rebuilder()
    write(tmp_path, "one", one.link({"a.deb": DIGEST}))
    write(tmp_path / "below", "two", two.link({"a.deb": DIGEST, "b.deb": "cd" * 32}))
    write(tmp_path, "three", three.link({"a.deb": DIGEST}))
    found = read_rebuilds([tmp_path], [one.public, two.public])
    assert found == {
        DIGEST: frozenset({one.public.fingerprint, two.public.fingerprint}),
        "cd" * 32: frozenset({two.public.fingerprint}),
    }


def test_the_same_key_twice_is_one_rebuilder(tmp_path: Path) -> None:
    one = Rebuilder()
    link = one.link({"a.deb": DIGEST})
    write(tmp_path, "a", link)
    write(tmp_path, "b", {**link, "signatures": link["signatures"] * 2})
    assert read_rebuilds([tmp_path], [one.public])[DIGEST] == {one.public.fingerprint}


@pytest.mark.parametrize(
    "change",
    [
        lambda link: link["signed"]["products"].update({"b.deb": {"sha256": "cd" * 32}}),
        lambda link: link["signed"]["products"]["a.deb"].update(sha256="cd" * 32),
        lambda link: link["signed"].update(name="rebuild other.deb"),
        lambda link: link["signed"].update(more=1),
        lambda link: link["signatures"][0].update(sig="00" * 64),
        lambda link: link["signatures"][0].update(sig="zz"),
        lambda link: link["signatures"].clear(),
    ],
    ids=["added", "other bytes", "name", "field", "zeros", "no hexadecimal", "stripped"],
)
def test_a_link_that_was_changed_counts_for_nobody(tmp_path: Path, change: Any) -> None:
    one = Rebuilder()
    link = one.link({"a.deb": DIGEST})
    change(link)
    write(tmp_path, "a", link)
    assert read_rebuilds([tmp_path], [one.public]) == {}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{}", "no in-toto link"),
        ("[]", "expected a JSON object"),
        ("none", "not JSON"),
        ('{"signed": {"_type": "layout"}, "signatures": []}', "no rebuild"),
        ('{"signed": {"_type": "link", "name": "build"}, "signatures": []}', "no rebuild"),
        ('{"signed": {}, "signed": {}, "signatures": []}', "stands twice"),
        ('{"signed": {"_type": "link", "x": 1.5}, "signatures": []}', "float has no canonical"),
        ('{"signed": {"x": ' + "[" * 100_000 + "]" * 100_000 + '}, "signatures": []}', "too deep"),
    ],
)
def test_a_file_that_is_no_attestation_is_an_error(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(MalformedError, match=words):
        read_rebuilds([write(tmp_path, "a", text)], [Rebuilder().public])


def test_a_folder_without_attestations_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="without attestations"):
        read_rebuilds([tmp_path], [Rebuilder().public])


def test_canonical_json_escapes_quotes_and_backslashes_alone() -> None:
    value = {"b": [1, True, None, 'a"b\\c\n\u00e9'], "a": {}}
    assert canonical_json(value) == '{"a":{},"b":[1,true,null,"a\\"b\\\\c\n\u00e9"]}'


def test_a_rebuilders_public_key_with_parameters_is_read(tmp_path: Path) -> None:
    """rebuilderd's own form, which has a NULL that the standard does not allow."""
    raw = Rebuilder().public.der[-32:]
    der = bytes.fromhex("302c300706032b65700500032100") + raw
    text = base64.b64encode(der)
    pem = b"-----BEGIN PUBLIC KEY-----\r\n%s\r\n-----END PUBLIC KEY-----\r\n" % text
    assert PublicKey.from_pem(pem, "key").der[-32:] == raw


# -- the rule -------------------------------------------------------------------------------------


def shop(folder: Path, *rebuilders: Rebuilder, threshold: int = 2) -> Published:
    folder.mkdir(parents=True, exist_ok=True)
    for number, each in enumerate(rebuilders):
        (folder / f"r{number}.pub").write_bytes(each.public.pem)
    names = [f"r{number}" for number in range(len(rebuilders))]

    def rules(value: dict[str, Any]) -> dict[str, Any]:
        keys = value["keys"] | {name: f"{name}.pub" for name in names}
        inputs = {"reproduced-by": threshold, "of": names}
        return {**value, "keys": keys, "inputs": inputs}

    return published(folder, rules=rules)


def rebuilt(folder: Path, rebuilder: Rebuilder, *packages: str) -> None:
    for name in packages:
        link = rebuilder.link({f"{name}.deb": DEBS[name][1]})
        write(folder, f"{name}-{rebuilder.public.fingerprint[:8]}", link)


def test_every_package_has_to_be_rebuilt_by_enough(tmp_path: Path) -> None:
    one, two = Rebuilder(), Rebuilder()
    found, links = shop(tmp_path / "shop", one, two), tmp_path / "links"
    assert found.failed() == {
        "inputs": "no attestations of rebuilders were given (--rebuilders), and none are attached"
    }
    rebuilt(links, one, *DEBS)
    rebuilt(links, two, "openssl")
    failed = found.failed(rebuilds=[links])
    assert failed == {"inputs": "1 of 2 packages; zlib1g 1:1.2.13-1 by 1"}
    rebuilt(links, two, "zlib1g")
    assert found.failed(rebuilds=[links]) == {}


def test_rebuilders_that_the_policy_does_not_name_count_for_nothing(tmp_path: Path) -> None:
    one, stranger = Rebuilder(), Rebuilder()
    found, links = shop(tmp_path / "shop", one, threshold=1), tmp_path / "links"
    rebuilt(links, stranger, *DEBS)
    assert found.failed(rebuilds=[links]) == {
        "inputs": "0 of 2 packages; not known of openssl 3.0.11-1, zlib1g 1:1.2.13-1"
    }


def test_attestations_that_are_attached_count_for_who_signed_them(tmp_path: Path) -> None:
    one, stranger = Rebuilder(), Rebuilder()
    found = shop(tmp_path / "shop", one, threshold=1)
    root = found.image.descriptor(found.image.root.digest)

    def attached(*links: dict[str, Any]) -> dict[str, str]:
        found.image.attach(root, REBUILDS, {"links": list(links)})
        found.image.list_waiting()
        return found.failed()

    forged = one.link({"all.deb": DEBS["zlib1g"][1]})
    forged["signed"]["products"]["more.deb"] = {"sha256": DEBS["openssl"][1]}
    strange = [stranger.link({f"{name}.deb": DEBS[name][1]}) for name in DEBS]
    assert attached(forged, *strange)["inputs"].startswith("0 of 2 packages; not known of")
    good = [one.link({f"{name}.deb": DEBS[name][1]}) for name in DEBS]
    assert attached(*good) == {}


def test_something_else_among_attached_attestations_is_a_no(tmp_path: Path) -> None:
    one = Rebuilder()
    found = shop(tmp_path / "shop", one, threshold=1)
    root = found.image.descriptor(found.image.root.digest)
    good = [one.link({f"{name}.deb": DEBS[name][1]}) for name in DEBS]
    found.image.attach(root, REBUILDS, {"links": [*good, {"signed": {}}]})
    assert "no in-toto link" in found.failed()["inputs"]


def test_a_file_of_lines_is_a_link_each(tmp_path: Path) -> None:
    one = Rebuilder()
    lines = [json.dumps(one.link({f"{digest}.deb": digest * 32})) for digest in ("ab", "cd")]
    path = tmp_path / "all.jsonl"
    path.write_text("\n".join([*lines, ""]))
    assert set(read_rebuilds([path], [one.public])) == {"ab" * 32, "cd" * 32}
    path.write_text("\n".join([*lines, "{}"]))
    with pytest.raises(MalformedError, match=r"all.jsonl:3: no in-toto link"):
        read_rebuilds([path], [one.public])


def test_who_rebuilds_packages_does_not_sign_images_by_that(tmp_path: Path) -> None:
    """Where no signer is named, any key of the policy may sign: not that of a rebuilder."""

    def rules(value: dict[str, Any]) -> dict[str, Any]:
        keys = {"ci": "ci.pub", "rebuilder": "release.pub"}
        inputs = {"reproduced-by": 1, "of": ["rebuilder"]}
        return {"version": 1, "name": "a", "keys": keys, "inputs": inputs}

    found = published(tmp_path, rules=rules, signed=False)
    root = found.image.descriptor(found.image.root.digest)
    found.image.attach(root, "https://sigstore.dev/cosign/sign/v1", {})
    assert "signatures" in found.failed()
    found.image.attach(root, "https://sigstore.dev/cosign/sign/v1", {}, signers=(found.ci,))
    assert "signatures" not in found.failed()


@pytest.mark.parametrize(
    "value",
    [
        {"b": 1, "a": [True, False, None]},
        {"ä": "ö", "z": "\u2028", "a/b": "tab\tline\n"},
        {'"': '\\"', "\\": "\x00\x1f\x7f"},
        {"10": 1, "9": -5, "": {}},
        {"\U0001f600": [], "\uffff": 0},
    ],
)
def test_canonical_json_is_in_totos(value: Any) -> None:
    assert canonical_json(value) == encode_canonical(value)


@pytest.mark.parametrize("changed", [False, True])
def test_a_link_counts_here_where_in_toto_verifies_it(tmp_path: Path, changed: bool) -> None:
    one = Rebuilder()
    link = one.link({"a.deb": DIGEST})
    if changed:
        link["signed"]["products"]["a.deb"]["sha256"] = "cd" * 32
    found = read_rebuilds([write(tmp_path, "one", link)], [one.public])
    key = SSlibKey.from_crypto(load_pem_public_key(one.public.pem))
    signature = Signature(key.keyid, link["signatures"][0]["sig"])
    message = encode_canonical(link["signed"]).encode()
    if changed:
        assert found == {}
        with pytest.raises(UnverifiedSignatureError):
            key.verify_signature(signature, message)
    else:
        assert found == {DIGEST: frozenset({one.public.fingerprint})}
        key.verify_signature(signature, message)


def test_what_debians_own_rebuilder_says_is_read_and_believed(tmp_path: Path) -> None:
    folder = EXCERPTS / "rebuilderd"
    key = PublicKey.from_pem((folder / "amd64.pub").read_bytes(), "amd64.pub")
    file = folder / "librust-as-slice-dev.link"
    deb = "32be954941cdb42bce44c19ece910af04ece3a1acc9b79fa3e8ff735ffb511cd"
    assert read_rebuilds([file], [key]) == {deb: frozenset({key.fingerprint})}
    changed = tmp_path / "changed.link"
    changed.write_text(file.read_text().replace(deb, DIGEST))
    assert read_rebuilds([changed], [key]) == {}
