"""Jobs about statements in a registry: list, verify, show."""

from __future__ import annotations

import base64
import json
import re

from outside.compat.copying import prepared
from outside.compat.model import BOTH, Run, Seen, job
from outside.compat.publication import BUNDLE, PLATFORM

IGNORE = ("--insecure-ignore-tlog", "--allow-http-registry")
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
TESTS = "https://in-toto.io/attestation/test-result/v0.1"


def listed(run: Run, *, by_type: bool) -> Seen:
    """How many of the referrers of one platform the tool lists."""
    prepared(run)
    reference = f"{run.host}/debian-base@{run.publication.platform}"
    match run.tool.name:
        case "oras":
            more = ("--artifact-type", BUNDLE) if by_type else ()
            done = run("discover", "--plain-http", "--format", "json", *more, reference)
        case "regctl":
            more = ("--filter-artifact-type", BUNDLE) if by_type else ()
            done = run("artifact", "list", *more, "--format", "{{json .Descriptors}}", reference)
        case "cosign":
            done = run("tree", "--allow-http-registry", reference)
    if done.returncode:
        return Seen("no", says=run.last())
    wanted = {each["referrer"] for each in run.publication.of_platform}
    found = set(DIGEST.findall(done.stdout)) & wanted
    if not found and run.tool.name == "cosign":
        # It names the layers of what it finds and not the manifests.
        count = len(set(DIGEST.findall(done.stdout)) - {run.publication.platform})
        return Seen("yes" if count >= len(wanted) else "no", "", f"{count} of {len(wanted)}")
    does = "yes" if found == wanted else "partly" if found else "no"
    return Seen(does, "", f"{len(found)} of {len(wanted)}")


@job("list", "oras", "regctl", "cosign", places=BOTH)
def list_all(run: Run) -> Seen:
    return listed(run, by_type=False)


@job("list by type", "oras", "regctl", places=BOTH)
def list_by_type(run: Run) -> Seen:
    return listed(run, by_type=True)


@job("verify signature", "cosign", places=BOTH)
def verify_signature(run: Run) -> Seen:
    key = run.publication.folder / "key.pub"
    good = [
        run("verify", "--key", key, *IGNORE, f"{run.host}/debian-base@{subject}").returncode == 0
        for subject in run.publication.subjects
    ]
    does = "yes" if all(good) else "partly" if any(good) else "no"
    says = "" if all(good) else run.last()
    return Seen(does, "", f"{sum(good)} of {len(good)}", says)


POLICY = """\
apiVersion: policy.sigstore.dev/v1beta1
kind: ClusterImagePolicy
metadata: {{name: release}}
spec:
  images: [{{glob: "**"}}]
  authorities:
  - name: release
    signatureFormat: {format}
    key: {{hashAlgorithm: sha256, data: {key}}}
"""


@job("admit", "policy-tester", places=BOTH)
def admit(run: Run) -> Seen:
    key = json.dumps((run.publication.folder / "key.pub").read_text())
    reference = f"{run.host}/debian-base@{run.publication.subjects[0]}"
    said = []
    for form in ("bundle", "legacy"):
        (run.folder / "policy.yaml").write_text(POLICY.format(format=form, key=key))
        done = run("--policy", "policy.yaml", "--image", reference)
        if done.returncode == 0:
            return Seen("yes", says=form)
        errors = json.loads(done.stdout)["errors"]
        run.told.append(f"{form}: {errors[0].rpartition('authority release for ')[2]}")
        said.append(run.last().replace(reference, "IMAGE").strip(" :"))
    return Seen("no", says="; ".join(said))


@job("verify statements", "cosign", places=BOTH)
def verify_statements(run: Run) -> Seen:
    key = run.publication.folder / "key.pub"
    reference = f"{run.host}/debian-base@{run.publication.platform}"
    statements = [each for each in run.publication.of_platform if each["kind"] != "signature"]
    good = []
    for each in statements:
        words = ("--key", key, *IGNORE, "--type", each["type"], reference)
        good.append(run("verify-attestation", *words).returncode == 0)
    does = "yes" if all(good) else "partly" if any(good) else "no"
    says = "" if all(good) else run.last()
    return Seen(does, "", f"{sum(good)} of {len(good)}", says)


@job("test results", "cosign", places=BOTH)
def test_results(run: Run) -> Seen:
    key = run.publication.folder / "key.pub"
    reference = f"{run.host}/debian-base@{run.publication.platform}"
    if not any(each["type"] == TESTS for each in run.publication.of_platform):
        return Seen("unknown", says=f"the publication has no test results of {PLATFORM}")
    done = run("verify-attestation", "--key", key, *IGNORE, "--type", TESTS, reference)
    if done.returncode:
        return Seen("no", says=run.last())
    envelope = json.loads(done.stdout.splitlines()[-1])
    statement = json.loads(base64.b64decode(envelope["payload"]))
    return Seen("yes", says=f"result {statement['predicate']['result']}")
