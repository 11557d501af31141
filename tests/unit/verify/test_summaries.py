"""Summaries of others: who looked at an image, or built it again; only a yes counts as one."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.fakes.published_image import NOW, Published, published
from tests.fakes.signer import FakeSigner

from ironhull.oci.digest import Digest
from ironhull.verify.kinds import REPRODUCER, SUMMARY
from ironhull.verify.summary import BuiltAgain, reproduction, verifier_of

OTHER = Digest("sha256:" + "cd" * 32)


def asking(folder: Path, *names: str, **rules: Any) -> tuple[Published, dict[str, FakeSigner]]:
    """An image whose policy knows these keys too."""
    signers = {name: FakeSigner() for name in names}

    def with_keys(value: Any) -> Any:
        return value | rules | {"keys": value["keys"] | {name: f"{name}.pub" for name in names}}

    shop = published(folder, rules=with_keys)
    for name, signer in signers.items():
        (folder / f"{name}.pub").write_bytes(signer.public.pem)
    return shop, signers


def say(shop: Published, signer: FakeSigner, *, days: int = 0, **fields: Any) -> None:
    """Attach a summary: PASSED, by who built the image again, unless `fields` say otherwise."""
    said = {
        "verifier": {"id": REPRODUCER},
        "timeVerified": (NOW - timedelta(days=days)).isoformat(),
        "verificationResult": "PASSED",
    } | fields
    about = shop.image.descriptor(shop.image.root.digest)
    shop.image.attach(about, SUMMARY, said, signers=(signer,))


TWO = {"reproduced": {"by": ["one", "two"], "threshold": 2}}


def test_two_who_built_it_again_are_two(tmp_path: Path) -> None:
    shop, signers = asking(tmp_path, "one", "two", **TWO)
    assert "no reproduction that counts" in shop.failed()["reproduced"]
    say(shop, signers["one"])
    assert shop.failed()["reproduced"].startswith("reproduction: PASSED by one (")
    # Each at another moment: they need not have said the same words.
    say(shop, signers["two"], days=3)
    assert shop.failed() == {}
    (outcome,) = (each for each in shop.verdict().outcomes if each.rule == "reproduced")
    assert outcome.found.startswith("reproduction: PASSED, signed by one (")


def test_one_who_says_it_twice_is_one(tmp_path: Path) -> None:
    shop, signers = asking(tmp_path, "one", "two", **TWO)
    say(shop, signers["one"])
    say(shop, signers["one"], days=1)
    assert "alone" in shop.failed()["reproduced"]


@pytest.mark.parametrize(
    ("first", "then", "holds"), [("FAILED", "PASSED", True), ("PASSED", "FAILED", False)]
)
def test_of_one_signer_the_newest_counts(
    tmp_path: Path, first: str, then: str, holds: bool
) -> None:
    shop, signers = asking(tmp_path, "one", reproduced={"by": ["one"]})
    say(shop, signers["one"], days=1, verificationResult=first)
    say(shop, signers["one"], verificationResult=then)
    assert ("reproduced" not in shop.failed()) is holds


@pytest.mark.parametrize(
    "fields",
    [
        {"verificationResult": "FAILED"},
        {"verificationResult": "passed"},
        {"verificationResult": True},
        {"verificationResult": None},
        {"verifier": {"id": "https://ironhull.io/verify"}},
        {"verifier": {"id": "https://ironhull.io/reproduce/"}},
        {"verifier": REPRODUCER},
    ],
)
def test_a_summary_that_says_something_else_is_no_reproduction(
    tmp_path: Path, fields: dict[str, Any]
) -> None:
    shop, signers = asking(tmp_path, "one", reproduced={"by": ["one"]})
    say(shop, signers["one"], **fields)
    assert list(shop.failed()) == ["reproduced"]


def test_a_yes_and_a_no_of_the_same_moment_are_a_no(tmp_path: Path) -> None:
    shop, signers = asking(tmp_path, "one", reproduced={"by": ["one"]})
    for result in ("PASSED", "FAILED", "PASSED "):
        say(shop, signers["one"], verificationResult=result)
    assert "not PASSED by one" in shop.failed()["reproduced"]


def test_a_stranger_and_who_only_publishes_have_built_nothing_again(tmp_path: Path) -> None:
    shop, _ = asking(tmp_path, "one", reproduced={"by": ["one"]})
    say(shop, FakeSigner())
    say(shop, shop.image.signer)
    assert list(shop.failed()) == ["reproduced"]


def test_who_builds_again_does_not_sign_images_by_that(tmp_path: Path) -> None:
    shop, signers = asking(tmp_path, "one", signatures={"threshold": 3}, reproduced={"by": ["one"]})
    say(shop, signers["one"])
    about = shop.image.descriptor(shop.image.root.digest)
    sign = "https://sigstore.dev/cosign/sign/v1"
    shop.image.attach(about, sign, {}, signers=(signers["one"],))
    failed = shop.failed()
    assert list(failed) == ["signatures"]
    assert "one (" not in failed["signatures"]


WANTED = {"statements": [{"type": SUMMARY, "by": ["auditor"]}]}


def test_a_verification_summary_has_to_say_that_it_passed(tmp_path: Path) -> None:
    shop, signers = asking(tmp_path, "auditor", **WANTED)
    looked = {"verifier": {"id": "https://auditor.example"}}
    say(shop, signers["auditor"], days=1, verificationResult="FAILED", **looked)
    failed = shop.failed()["statements"]
    assert failed.startswith("verification summary: not PASSED by auditor (")
    say(shop, signers["auditor"], **looked)
    assert shop.failed() == {}


def test_who_built_an_image_again_has_not_looked_at_it(tmp_path: Path) -> None:
    shop, signers = asking(tmp_path, "auditor", **WANTED)
    say(shop, signers["auditor"])
    assert "no verification summary that counts" in shop.failed()["statements"]


def test_a_reproduction_says_what_came_out_and_the_first_of_what_differs() -> None:
    same = BuiltAgain(OTHER, OTHER, OTHER)
    other = BuiltAgain(OTHER, Digest("sha256:" + "ef" * 32), OTHER, (), tuple("x" * 30))
    good, bad = (
        json.loads(reproduction("app:1", "2026-11-29T00:00:00Z", done))
        for done in ([same], [same, other])
    )
    assert (good["verificationResult"], good["verifiedLevels"]) == (
        "PASSED",
        ["IRONHULL_REPRODUCED"],
    )
    assert (bad["verificationResult"], bad["verifiedLevels"]) == ("FAILED", ["FAILED"])
    said = bad["ironhull"]["builtAgain"][1]
    assert (said["differences"], len(said["first"])) == (30, 20)
    nothing = json.loads(reproduction("app:1", "2026-11-29T00:00:00Z", []))
    assert nothing["verificationResult"] == "FAILED"


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b'{"predicate": {"verifier": []}}'])
def test_what_names_no_verifier_is_nobodys_summary(data: bytes) -> None:
    assert verifier_of(data) == ""
