"""Counters for /metrics, in the text format of Prometheus."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

_BUCKETS = (0.005, 0.025, 0.1, 0.5, 2.5, 10.0, 60.0)


class Metrics:
    """What the server did since it started. Only the event loop writes to it."""

    def __init__(self) -> None:
        self.in_flight = 0
        self._requests: dict[tuple[str, str, int], int] = defaultdict(int)
        self._seconds: dict[str, float] = defaultdict(float)
        self._buckets: dict[str, list[int]] = defaultdict(lambda: [0] * (len(_BUCKETS) + 1))
        self._bytes: dict[str, int] = defaultdict(int)

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request that was answered."""
        self._requests[method, route, status] += 1
        self._seconds[route] += seconds
        place = next((i for i, le in enumerate(_BUCKETS) if seconds <= le), len(_BUCKETS))
        self._buckets[route][place] += 1

    def sent(self, size: int) -> None:
        """Count bytes of bodies that were sent."""
        self._bytes["sent"] += size

    def received(self, size: int) -> None:
        """Count bytes of bodies that were received."""
        self._bytes["received"] += size

    def text(self, gauges: Mapping[str, tuple[str, float]]) -> str:
        """The page; `gauges` are name → (help, value) of the moment."""
        lines = _head("requests_total", "counter", "Requests answered.")
        for (method, route, status), count in sorted(self._requests.items()):
            labels = f'method="{method}",route="{route}",status="{status}"'
            lines.append(f"ironhull_registry_requests_total{{{labels}}} {count}")
        lines += _head("request_seconds", "histogram", "Time until the answer was handed over.")
        for route, counts in sorted(self._buckets.items()):
            name, total = "ironhull_registry_request_seconds", 0
            for le, count in zip((*map(str, _BUCKETS), "+Inf"), counts, strict=True):
                total += count
                lines.append(f'{name}_bucket{{route="{route}",le="{le}"}} {total}')
            lines.append(f'{name}_sum{{route="{route}"}} {self._seconds[route]:.6f}')
            lines.append(f'{name}_count{{route="{route}"}} {total}')
        lines += _head("body_bytes_total", "counter", "Bytes of bodies.")
        for way in ("received", "sent"):
            lines.append(
                f'ironhull_registry_body_bytes_total{{direction="{way}"}} {self._bytes[way]}'
            )
        moment = {"requests_in_flight": ("Requests being answered.", self.in_flight), **gauges}
        for name, (text, value) in moment.items():
            lines += [*_head(name, "gauge", text), f"ironhull_registry_{name} {value:g}"]
        return "\n".join(lines) + "\n"


def _head(name: str, kind: str, text: str) -> list[str]:
    return [f"# HELP ironhull_registry_{name} {text}", f"# TYPE ironhull_registry_{name} {kind}"]
