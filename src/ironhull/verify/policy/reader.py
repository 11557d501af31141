"""A policy file → Policy, or every problem of it at once.

1. YAML to a tree, with its bounds (`definition.text`): size, depth, aliases as often as used
2. the tree against the table (`format`)
3. the model, with what a table cannot say: keys that are there, dates of the calendar, rules that
   exist
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

from ironhull.definition.shape import ReadMap, Shape
from ironhull.definition.text import parse
from ironhull.definition.tree import MAX_ERRORS, MapNode, Problems, TooMany, did_you_mean
from ironhull.errors import DefinitionError, EnvironmentProblem, InputError, Problem
from ironhull.oci.digest import digest_of
from ironhull.signing.interface import identity_fingerprint
from ironhull.signing.public_key import MAX_PEM, PublicKey
from ironhull.verify.policy.format import FORMAT, MAX_KEYS
from ironhull.verify.policy.model import (
    AgeRule,
    BaseImage,
    BaseRule,
    Exemption,
    InputsRule,
    NamedIdentity,
    Policy,
    ProvenanceRule,
    SbomRule,
    StatementRule,
    TimestampRule,
    VexRule,
    VulnerabilityRule,
)
from ironhull.verify.policy.names import RULES
from ironhull.verify.signed import ANYBODY, Signers
from ironhull.verify.trust import NamedKey
from ironhull.verify.verdict import PolicyName

MAX_SIZE = 1 << 20
_Model = TypeVar("_Model")


def read_policy(path: Path) -> Policy:
    """The policy of a file; DefinitionError carries all that is wrong with it, with its places."""
    data = read_bounded(path)
    return made(
        path, data, FORMAT, lambda record, problems: _Maker(path, problems).policy(record, data)
    )


def made(
    path: Path, data: bytes, shape: Shape, make: Callable[[ReadMap, Problems], _Model]
) -> _Model:
    """What `make` makes of a YAML file of a shape; DefinitionError with every problem at once."""
    problems = Problems()
    try:
        record = shape.read(parse(data, str(path), problems), problems)
        if isinstance(record, ReadMap):
            model = make(record, problems)
            if not problems.errors:
                return model
    except DefinitionError as error:
        raise DefinitionError(sorted({*problems.errors, *error.problems})) from None
    except TooMany:
        rest = Problem(str(path), 0, 0, f"more than {MAX_ERRORS - 1} problems")
        raise DefinitionError([*sorted(problems.errors), rest]) from None
    raise DefinitionError(sorted(problems.errors))


def read_bounded(path: Path) -> bytes:
    """A small file's bytes; InputError if it cannot be read or is no small one."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_SIZE + 1)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    if len(data) > MAX_SIZE:
        raise InputError(f"{path}: larger than {MAX_SIZE} bytes")
    return data


class _Maker:
    """Makes the model of what could be read; adds what a table cannot say to the problems."""

    def __init__(self, path: Path, problems: Problems) -> None:
        self._path = path
        self._problems = problems
        self._named: dict[str, str] = {}
        """Name → fingerprint."""
        self._has_keys = False
        self._signing: dict[str, str] = {}
        """Those of them that may sign images and statements."""

    def policy(self, record: ReadMap, data: bytes) -> Policy:
        keys = self._keys(record)
        identities = self._identities(record)
        self._signing = self._signing_keys(record)
        sbom, vex = record.record("sbom"), record.record("vex")
        return Policy(
            name=PolicyName(record.get("name", ""), str(self._path), digest_of(data)),
            keys=tuple(keys),
            identities=tuple(identities),
            named=self._named if self._has_keys else None,
            anybody=self._any(1),
            timestamps=self._timestamps(record),
            signatures=self._signers(record.record("signatures")),
            statements=tuple(
                StatementRule(item.value.get("type", ""), self._signers(item.value))
                for item in record.items("statements")
            ),
            provenance=self._provenance(record),
            sbom=SbomRule(self._signers(sbom), sbom.get("matches-image", ""))
            if "sbom" in record.values
            else None,
            record="record" in record.values,
            vex=VexRule(self._signers(vex), vex.texts("authors"))
            if "vex" in record.values
            else None,
            age=_age(record.record("age")),
            vulnerabilities=_vulnerabilities(record.record("vulnerabilities")),
            no_root="root" in record.record("user").values,
            contents=tuple(record.record("contents").values),
            base=_base(record),
            no_end_of_life="end-of-life" in record.values,
            inputs=self._inputs(record),
            reproduced=self._signers(record.record("reproduced"))
            if "reproduced" in record.values
            else None,
            exceptions=self._exceptions(record),
        )

    def _keys(self, record: ReadMap) -> list[NamedKey]:
        """The keys whose files stand beside the policy; a fingerprint is only remembered."""
        given: dict[str, Any] = record.get("keys") or {}
        written = record.node.entries.get("keys")
        self._has_keys = written is not None
        if written is not None and isinstance(written.value, MapNode) and not written.value.entries:
            self._problems.error(record.at("keys"), "`keys` names no key, so nobody could sign")
        if len(given) > MAX_KEYS:
            self._problems.error(record.at("keys"), f"more than {MAX_KEYS} keys")
            return []
        found: list[NamedKey] = []
        for name, text in given.items():
            place = record.at("keys", name)
            if text.startswith("sha256:"):
                fingerprint = text.removeprefix("sha256:")
            else:
                try:
                    key = NamedKey(name, self._public(text))
                except InputError as error:
                    self._problems.error(place, str(error))
                    continue
                found.append(key)
                fingerprint = key.public.fingerprint
            same = [other for other, known in self._named.items() if known == fingerprint]
            if same:
                # Two names of one key would look like two signers.
                self._problems.error(place, f"the same key as {same[0]!r}")
            self._named[name] = fingerprint
        return found

    def _identities(self, record: ReadMap) -> list[NamedIdentity]:
        """Who signs without a key, each with the file of a root beside the policy."""
        given: dict[str, Any] = record.get("identities") or {}
        self._has_keys = self._has_keys or "identities" in record.values
        if "identities" in record.values and not given:
            self._problems.error(record.at("identities"), "`identities` names nobody")
        if len(given) > MAX_KEYS:
            self._problems.error(record.at("identities"), f"more than {MAX_KEYS} identities")
            return []
        found: list[NamedIdentity] = []
        for name, value in given.items():
            place = record.at("identities", name)
            identity, issuer = value.get("identity", ""), value.get("issuer", "")
            fingerprint = identity_fingerprint(identity, issuer)
            same = [other for other, known in self._named.items() if known == fingerprint]
            if same:
                self._problems.error(place, f"the same identity as {same[0]!r}")
            elif name in self._named:
                self._problems.error(place, f"{name!r} is the name of a key too")
            try:
                root = self._beside(value.get("trust-root", ""))
            except InputError as error:
                self._problems.error(place, str(error))
                continue
            if not root.is_file():
                self._problems.error(
                    place, f"there is no file {value.get('trust-root', '')!r:.200}"
                )
            self._named[name] = fingerprint
            found.append(NamedIdentity(name, identity, issuer, root))
        return found

    def _timestamps(self, record: ReadMap) -> TimestampRule | None:
        if "timestamps" not in record.values:
            return None
        # What reads certificates: most policies name no authority.
        from ironhull.verify.timestamps import read_chain

        section = record.record("timestamps")
        found = []
        for item in section.items("authorities"):
            try:
                path = self._beside(item.value)
                read_chain(path)
                found.append(path)
            except (InputError, EnvironmentProblem) as error:
                self._problems.error(item.place, str(error))
        return TimestampRule(tuple(found), "required" in section.values)

    def _beside(self, text: str) -> Path:
        """A file in the policy's folder; InputError for one elsewhere."""
        folder = self._path.parent.resolve()
        path = (folder / text).resolve()
        if not path.is_relative_to(folder):
            raise InputError(f"{text!r:.200} lies outside of the policy's folder")
        return path

    def _public(self, text: str) -> PublicKey:
        path = self._beside(text)
        try:
            with path.open("rb") as file:
                data = file.read(MAX_PEM + 1)
        except OSError as error:
            raise InputError(f"cannot read the key {text!r:.200}: {error.strerror}") from None
        return PublicKey.from_pem(data, text)

    def _signers(self, section: ReadMap) -> Signers:
        names = section.texts("by")
        threshold = section.get("threshold", 1)
        known = self._fingerprints(section, "by")
        if names and len(known) == len(names) and threshold > len(set(known)):
            self._problems.error(
                section.at("threshold"), f"{threshold} of {len(set(known))} keys can never sign"
            )
        if not names:
            return self._any(threshold)
        return Signers(threshold, names, frozenset(known))

    def _any(self, threshold: int) -> Signers:
        """Any key of the policy that may sign; without keys, any that is known."""
        if self._has_keys:
            return Signers(threshold, tuple(self._signing), frozenset(self._signing.values()))
        return Signers(threshold) if threshold > 1 else ANYBODY

    def _signing_keys(self, record: ReadMap) -> dict[str, str]:
        """The keys without those that are named for rebuilding and for nothing else.

        Whoever rebuilds packages or images does not sign images because of that.
        """
        sections = [record.record(name) for name in ("signatures", "provenance", "sbom", "vex")]
        sections += [item.value for item in record.items("statements")]
        signing = {name for section in sections for name in section.texts("by")}
        again = (record.record("inputs").texts("of"), record.record("reproduced").texts("by"))
        rebuilding = {name for names in again for name in names} - signing
        found = {name: text for name, text in self._named.items() if name not in rebuilding}
        if self._named and not found:
            self._problems.error(record.at("keys"), "only rebuilders: nobody could sign an image")
        return found

    def _fingerprints(self, section: ReadMap, key: str) -> list[str]:
        found = []
        for item in section.items(key):
            if item.value in self._named:
                found.append(self._named[item.value])
            elif not self._has_keys:
                self._problems.error(item.place, f"no key {item.value!r}: the policy has no `keys`")
            else:
                close = did_you_mean(item.value, self._named)
                self._problems.error(item.place, f"no key {item.value!r} in `keys`{close}")
        return found

    def _provenance(self, record: ReadMap) -> ProvenanceRule | None:
        if "provenance" not in record.values:
            return None
        section = record.record("provenance")
        return ProvenanceRule(
            signers=self._signers(section),
            builders=section.texts("builders"),
            build_types=section.texts("build-types"),
            sources=section.texts("sources"),
            archives=section.texts("archives"),
            archive_keys=section.texts("archive-keys"),
            packages="packages" in section.values,
        )

    def _inputs(self, record: ReadMap) -> InputsRule | None:
        if "inputs" not in record.values:
            return None
        section = record.record("inputs")
        found = self._fingerprints(section, "of")
        for item in section.items("of"):
            if item.value in (record.get("identities") or {}):
                self._problems.error(item.place, f"{item.value!r} is no key: rebuilders have keys")
        threshold = section.get("reproduced-by", 1)
        if threshold > len(section.texts("of")):
            self._problems.error(
                section.at("reproduced-by"), f"{threshold} of {len(found)} can never rebuild it"
            )
        return InputsRule(threshold, section.texts("of"), frozenset(found))

    def _exceptions(self, record: ReadMap) -> tuple[Exemption, ...]:
        found = []
        for item in record.items("exceptions"):
            value: ReadMap = item.value
            rule = value.get("rule", "")
            if rule and rule not in RULES:
                self._problems.error(
                    value.at("rule"), f"no rule {rule!r:.60}{did_you_mean(rule, RULES)}"
                )
            listed = value.texts("vulnerabilities")
            if listed and not rule.startswith("vulnerabilities."):
                self._problems.error(
                    value.at("vulnerabilities"), "the rule is none of vulnerabilities"
                )
            try:
                expires = date.fromisoformat(value.get("expires", "1970-01-01"))
            except ValueError:
                self._problems.error(
                    value.at("expires"), f"{value.get('expires')!r} is not a day of the calendar"
                )
                continue
            found.append(
                Exemption(
                    rule=rule,
                    owner=value.get("owner", ""),
                    reason=value.get("reason", ""),
                    expires=expires,
                    vulnerabilities=frozenset(listed),
                    image=value.get("image", ""),
                )
            )
        return tuple(found)


def _age(section: ReadMap) -> AgeRule:
    return AgeRule(
        section.get("image-days"), section.get("scan-days"), section.get("advisories-days")
    )


def _vulnerabilities(section: ReadMap) -> VulnerabilityRule:
    epss = section.record("epss")
    return VulnerabilityRule(
        known_exploited="known-exploited" in section.values,
        before_vex=section.record("before-vex").values if "before-vex" in section.values else None,
        after_vex=section.record("after-vex").values if "after-vex" in section.values else None,
        fixable=section.get("fixable"),
        epss_model=epss.get("model", ""),
        epss_most=epss.get("most"),
    )


def _base(record: ReadMap) -> BaseRule | None:
    if "base" not in record.values:
        return None
    section = record.record("base")
    return BaseRule(
        tuple(
            BaseImage(item.value.get("name", ""), item.value.texts("layers"))
            for item in section.items("allowed")
        ),
        "none" in section.values,
    )
