"""Whether the time of an answer tells a stranger that something private is there.

    python benchmarks/private.py [--json] [--rounds 400] [--confirm 4000]

Every request that may be made about a private image (`outside.made_catalog`), by a stranger and by
somebody who may push elsewhere, against the same request about a name of the same length that is
not there; searches and answers for a vulnerability that only a private image has, against one that
nobody has. Both of a pair follow each other at once, in an order that chance decides; pages are
asked for with another query each time, so that none is a kept one.

Judged by the sign test: of pairs that tell nothing either is slower in half of them. What seems to
differ beyond chance for so many requests (|z| > 4.5) is asked again with more rounds; it differs if
that says so too. Ends with 1 if anything does. The application is asked in this process: a network
would only hide differences.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import gc
import json
import os
import random
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parents[1])]

import bcrypt  # noqa: E402
from outside.made_catalog import SECRET as IMAGE  # noqa: E402
from outside.made_catalog import (  # noqa: E402
    catalog_app,
    fake_catalog,
    finding,
    private_requests,
    scan,
    users,
)

from ironhull.catalog.rates import Rates  # noqa: E402

DIFFERS = 4.5
SECRET, ABSENT = "secret", "absent"
# Only the private image has the first one; nobody has the second.
ONLY_PRIVATE, NOBODYS = "CVE-2026-0077", "CVE-2026-0078"
ASKED_ABOUT = (
    "/search?q={}",
    "/vulnerabilities/{}",
    "/api/v1/vulnerabilities/{}",
    "/vulnerabilities?q={}",
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=400)
    parser.add_argument("--confirm", type=int, default=4000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="private-", dir="/var/tmp") as name:
        figures = asyncio.run(measured(Path(name), options.rounds, options.confirm))
    print(json.dumps(figures, indent=2) if options.json else shown(figures))
    return int(bool(figures["missed"]))


async def measured(folder: Path, rounds: int, confirm: int) -> dict[str, Any]:
    app, other = application(folder)
    asked = [(*each, headers) for each in pairs() for headers in ({}, other)]
    gc.disable()
    missed, medians = [], []
    for method, private, absent, headers in asked:
        times = await compared(app, method, (private, absent), headers, rounds)
        medians.append(difference(times))
        if abs(sign(times)) > DIFFERS:
            again = await compared(app, method, (private, absent), headers, confirm)
            if abs(sign(again)) > DIFFERS and sign(again) * sign(times) > 0:
                who = "somebody else" if headers else "a stranger"
                missed.append(
                    f"{method} {private} by {who}: {difference(again):+.1f} µs, z {sign(again):.1f}"
                )
    return {
        "load": round(os.getloadavg()[0], 2),
        "requests": len(asked),
        "pairs_each": rounds,
        "median_difference_us": round(statistics.median(map(abs, medians)), 2),
        "largest_difference_us": round(max(map(abs, medians)), 2),
        "differing": len(missed),
        "missed": missed,
    }


def application(folder: Path) -> tuple[Any, dict[str, str]]:
    """The registry with its pages, and the headers of bob, who may push elsewhere."""
    hashed = bcrypt.hashpw(b"word", bcrypt.gensalt(4)).decode()
    file = users(folder / "users.toml")
    bob = f'[users.bob]\npassword = "{hashed}"\nrole = "push"\nrepositories = ["node"]\n'
    file.write_text(file.read_text() + bob)
    catalog = fake_catalog(folder / "store")
    found = finding("CVE-2026-0001", "tellnobody"), finding(ONLY_PRIVATE, "tellnobody")
    catalog.index.put_scan(scan(IMAGE, *found), "")
    given = {"authorization": "Basic " + base64.b64encode(b"bob:word").decode()}
    # So many a second as come here would be refused, and nothing measured.
    return catalog_app(catalog, file, rates=Rates(10**9, 10**9)), given


def pairs() -> list[tuple[str, str, str]]:
    """Method, the request about what is private, and the same about what is not there."""
    found = [(method, path, path.replace(SECRET, ABSENT)) for method, path in private_requests()]
    found += [("GET", path.format(ONLY_PRIVATE), path.format(NOBODYS)) for path in ASKED_ABOUT]
    return found


async def compared(
    app: Any, method: str, paths: tuple[str, str], headers: dict[str, str], rounds: int
) -> list[tuple[int, int]]:
    """Nanoseconds of both, so often; what is first learnt of a path is no part of it."""
    chance, found = random.Random(17), []
    for number in range(-3, rounds):
        times = [0, 0]
        for which in chance.sample((0, 1), 2):
            path = unseen(paths[which], number)
            begun = time.perf_counter_ns()
            answer = await ask(app, method, path, headers)
            times[which] = time.perf_counter_ns() - begun
            if answer.status == 429:
                raise SystemExit(f"{method} {path}: refused as too many")
            if "location" in answer.headers:
                # An upload that was begun: of many at a time the next is refused.
                await ask(app, "DELETE", answer.headers["location"], headers)
        if number >= 0:
            found.append((times[0], times[1]))
    gc.collect()
    return found


def unseen(path: str, number: int) -> str:
    """A page's address that no kept answer has."""
    if path.startswith("/v2/"):
        return path
    return f"{path}{'&' if '?' in path else '?'}n={number + 10**6}"


@dataclass
class Answer:
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)


async def ask(app: Any, method: str, url: str, headers: dict[str, str]) -> Answer:
    answer = Answer()
    path, _, query = url.partition("?")
    told = {"host": "registry.test", **headers}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path.replace("%2F", "/"),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(key.encode(), value.encode()) for key, value in told.items()],
        "client": ("127.0.0.1", 5),
        "server": ("registry.test", 80),
        "extensions": {},
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = {key.decode(): each.decode() for key, each in message["headers"]}

    await app(scope, receive, send)
    return answer


def sign(times: list[tuple[int, int]]) -> float:
    """How many standard deviations away from half the private one is the slower one."""
    slower = sum(private > absent for private, absent in times)
    told = sum(private != absent for private, absent in times)
    return (2 * slower - told) / max(1, told) ** 0.5


def difference(times: list[tuple[int, int]]) -> float:
    """Median of the differences in microseconds."""
    return statistics.median(private - absent for private, absent in times) / 1000


def shown(figures: dict[str, Any]) -> str:
    lines = [f"{name:24} {value}" for name, value in figures.items() if name != "missed"]
    return "\n".join([*lines, *(f"differs: {each}" for each in figures["missed"])])


if __name__ == "__main__":
    sys.exit(main())
