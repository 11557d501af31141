"""The job of registries: to keep what is pushed, so that clients find it again."""

from __future__ import annotations

from outside.compat.model import Run, Seen, job
from outside.compat.publication import IMAGE, attached, ironhull
from outside.compat.servers import call, cranes, digest_of, distribution, serving


@job("store", "docker-registry", "distribution", "crane")
def store(run: Run) -> Seen:
    command = cranes if run.tool.name == "crane" else distribution
    made = run.publication
    with serving(command, run.tool.path, run.folder / "registry") as host:
        try:
            ironhull(made.folder / "zstd", "push", IMAGE, f"{host}/{IMAGE}", "--no-record")
        except RuntimeError as error:
            return Seen("no", says=str(error)[-200:])
        digest = digest_of(host, "debian-base", "13")
        there = {each["referrer"] for each in attached(made.folder / "zstd", f"{host}/{IMAGE}")}
        status, _ = call("GET", f"http://{host}/v2/debian-base/referrers/{made.platform}")
    api = "has the referrers API" if status == 200 else f"no referrers API ({status})"
    known = {each["referrer"] for each in made.statements}
    kept = digest == made.digest
    does = "yes" if kept and there >= known else "partly"
    return Seen(does, "kept" if kept else "changed", f"{len(there & known)} of {len(known)}", api)
