"""Reading policies: all problems at once with their places, and files that mean harm."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest
import yaml
from tests.fakes.published_image import published
from tests.fakes.signer import FakeSigner

from ironhull.definition.text import MAX_DEPTH, MAX_NODES
from ironhull.errors import DefinitionError, InputError
from ironhull.verify.judge import judge
from ironhull.verify.policy.format import FORMAT
from ironhull.verify.policy.names import RULES
from ironhull.verify.policy.reader import MAX_SIZE, read_policy
from ironhull.verify.policy.schema import policy_reference, policy_schema

HEAD = "version: 1\nname: a\n"


def problems(folder: Path, text: str) -> list[str]:
    """What is wrong, without the file's name; the keys `release` and `ci` are there."""
    for name in ("release", "ci"):
        (folder / f"{name}.pub").write_bytes(FakeSigner().public.pem)
    file = folder / "p.yaml"
    file.write_text(text)
    with pytest.raises(DefinitionError) as caught:
        read_policy(file)
    return [str(each).removeprefix(f"{file}:") for each in caught.value.problems]


def test_all_problems_of_a_policy_come_at_once_with_their_places(tmp_path: Path) -> None:
    text = """version: 2
name: a
keys: {release: release.pub, gone: none.pub}
signatures: {by: [release, cj], threshold: 3}
vulnerabilities:
  after-vex: {critical: 0, hihg: 1}
  epss: {most: 1.5}
user: {root: allow}
rules: []
exceptions:
  - {rule: contents.shel, owner: x, reason: y, expires: 2026-13-01}
  - {rule: base, vulnerabilities: [CVE-2026-1], owner: x, reason: y, expires: 2026-12-01}
"""
    assert problems(tmp_path, text) == [
        "1:10: expected a whole number from 1 to 1, got '2'",
        "3:36: cannot read the key 'none.pub': No such file or directory",
        "4:28: no key 'cj' in `keys` (known: release)",
        "6:28: unknown key 'hihg'; did you mean 'high'?",
        "7:9: the key 'model' is missing",
        "7:16: expected a number from 0 to 1, got '1.5'",
        "8:14: unknown value 'allow' (known: deny)",
        "9:1: unknown key 'rules' (known: " + ", ".join(sorted(FORMAT.keys)) + ")",
        "11:12: no rule 'contents.shel'; did you mean 'contents.shell'?",
        "11:57: '2026-13-01' is not a day of the calendar",
        "12:35: the rule is none of vulnerabilities",
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name: a\n", "the key 'version' is missing"),
        (HEAD + "keys: {}\n", "names no key, so nobody could sign"),
        (HEAD + "keys: {a: release.pub, b: ./release.pub}\n", "the same key as 'a'"),
        (HEAD + "keys: {a: release.pub}\nsignatures: {threshold: 2, by: [a]}\n", "2 of 1 keys"),
        (HEAD + "keys: {a: release.pub}\nsignatures: {threshold: 2, by: [a, a]}\n", "2 of 1 keys"),
        (HEAD + "keys: {a: ../x.pub}\n", "outside of the policy's folder"),
        (HEAD + "keys: {a: /etc/passwd}\n", "a file of a public key beside this one"),
        (HEAD + "keys: {a: p.yaml}\n", "no public key in PEM"),
        (HEAD + "keys: {a: sha256:00}\n", "64 digits of its fingerprint"),
        (HEAD + "signatures: {by: [release]}\n", "the policy has no `keys`"),
        (HEAD + "signatures: {by: []}\n", "at least 1 in the list"),
        (HEAD + "signatures: {threshold: 0}\n", "from 1 to 100"),
        (HEAD + "signatures: {threshold: '1'}\n", "got the text '1'"),
        (HEAD + "contents: {shell: yes}\n", "unknown value 'yes'"),
        (HEAD + "contents: {shell: true}\n", "expected one of deny, got 'true'"),
        (HEAD + "contents: {shell: null}\n", "expected one of deny, got nothing"),
        (HEAD + "base: {allowed: [{name: x, layers: []}]}\n", "at least 1 in the list"),
        (HEAD + "name: b\n", "stands twice"),
        (HEAD + "statements: [{type: sboms}]\n", "or a predicate's type, got 'sboms'"),
        (HEAD + "inputs: {reproduced-by: 2, of: [a]}\nkeys: {a: ci.pub}\n", "2 of 1 can never"),
        (HEAD + "age: {image-days: 1.5}\n", "a whole number"),
        (HEAD + "vulnerabilities: {epss: {model: v1, most: .nan}}\n", "from 0 to 1, got '.nan'"),
        (HEAD + "vulnerabilities: {epss: {model: v1, most: 1e999}}\n", "got '1e999'"),
        ("", "the file is empty"),
        ("- a\n", "expected a map"),
        (HEAD + "---\n" + HEAD, "a second document"),
        (HEAD + "user: !!python/object:os.system {root: deny}\n", "has no meaning here"),
        (HEAD + "<<: {user: {root: deny}}\n", "merge keys"),
        (HEAD + "user: {root: deny\n", "not YAML"),
        (HEAD + "user: *x\n", "repeats an anchor that is not set"),
    ],
)
def test_a_policy_that_cannot_be_meant(tmp_path: Path, text: str, words: str) -> None:
    found = problems(tmp_path, text)
    assert words in " ".join(found)


def test_a_policy_that_grows_by_aliases_stops_at_its_bound(tmp_path: Path) -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    lines += [
        f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]"
        for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    ]
    (found,) = problems(tmp_path, "\n".join(lines))
    assert f"more than {MAX_NODES} values, with aliases expanded" in found


def test_a_policy_that_is_nested_deep_stops_at_its_bound(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, HEAD + "user: " + "[" * 100_000)
    assert f"nested more than {MAX_DEPTH} levels deep" in found


def test_a_policy_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_bytes(b"#" * (MAX_SIZE + 1))
    with pytest.raises(InputError, match=f"larger than {MAX_SIZE} bytes"):
        read_policy(file)


def test_a_policy_with_a_thousand_errors_says_the_first_and_that_there_are_more(
    tmp_path: Path,
) -> None:
    found = problems(tmp_path, HEAD + "".join(f"x{number}: 1\n" for number in range(1_000)))
    assert found[-1].endswith("more than 199 problems")
    assert len(found) == 201


def test_a_key_beside_the_policy_that_links_out_of_its_folder_is_refused(tmp_path: Path) -> None:
    outside = tmp_path / "secret.pub"
    outside.write_bytes(FakeSigner().public.pem)
    folder = tmp_path / "policies"
    folder.mkdir()
    (folder / "release.pub").symlink_to(outside)
    (folder / "p.yaml").write_text(HEAD + "keys: {a: release.pub}\n")
    with pytest.raises(DefinitionError, match="outside of the policy's folder"):
        read_policy(folder / "p.yaml")


def test_a_good_policy_fits_its_schema_and_a_bad_one_does_not(tmp_path: Path) -> None:
    shop = published(tmp_path)
    validator = jsonschema.Draft202012Validator(policy_schema())
    validator.check_schema(policy_schema())
    good = yaml.safe_load(shop.policy.read_text())
    assert list(validator.iter_errors(good)) == []
    for bad in (
        {**good, "rules": []},
        {**good, "user": {"root": "${x}"}},
        {**good, "vulnerabilities": {"epss": {"model": "v1", "most": 2}}},
        {**good, "version": 2},
    ):
        assert list(validator.iter_errors(bad)) != []


def test_every_rule_that_a_verdict_may_name_can_be_named_by_an_exception(tmp_path: Path) -> None:
    shop = published(tmp_path)
    said = {each.rule for each in shop.verdict().outcomes}
    assert said <= set(RULES)
    assert judge.__module__ == "ironhull.verify.judge"


def test_the_reference_names_every_key() -> None:
    text = policy_reference()
    for name in FORMAT.keys:
        assert f"| `{name}` |" in text


JANE = "jane: {identity: jane@example.org, issuer: 'https://issuer.example', trust-root: root.json}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"identities: {{{JANE}, john: {JANE[6:]}}}\n", "the same identity as 'jane'"),
        (f"keys: {{jane: 'sha256:{'ab' * 32}'}}\nidentities: {{{JANE}}}\n", "name of a key too"),
        (f"identities: {{{JANE.replace('root.json', 'none.json')}}}\n", "no file 'none.json'"),
        (f"identities: {{{JANE.replace('root.json', '../root.json')}}}\n", "outside of the policy"),
        ("identities: {}\n", "names nobody"),
        ("identities: {jane: {identity: jane@example.org}}\n", "issuer"),
        (f"identities: {{{JANE}}}\nsignatures: {{by: [john]}}\n", "no key 'john'"),
        (f"identities: {{{JANE}}}\nsignatures: {{threshold: 2, by: [jane]}}\n", "can never sign"),
        (
            f"identities: {{{JANE}}}\ninputs: {{reproduced-by: 1, of: [jane]}}\n",
            "'jane' is no key: rebuilders have keys",
        ),
    ],
)
def test_identities_that_cannot_be_meant(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "root.json").write_text("{}")
    found = problems(tmp_path, HEAD + text)
    assert any(words in each for each in found), found
