"""The fewest requests that push or copy an image, with the fewest imports: nothing is checked.

    python -I -S bare.py HOST REPOSITORY FILE

FILE has a request a line, its words between tabs; a line `-` waits for all before it:

    blob DIGEST PATH       an upload that begins, and one PUT
    mount DIGEST FROM      a blob of another repository of the same registry
    get REFERENCE FROM     a manifest of another repository
    put REFERENCE TYPE PATH

No program in Python that does the same work can take less time: it is what `benchmarks/compat.py`
calls the floor. Ends with 1 and the answer at the first that is not well.
"""

import socket
import sys
import threading

THREADS = 8


class Connection:
    """One connection that stays open."""

    def __init__(self, host: str) -> None:
        name, _, port = host.rpartition(":")
        self._host = host
        self._socket = socket.create_connection((name, int(port)))
        self._answers = self._socket.makefile("rb")

    def ask(self, method: str, path: str, body: bytes = b"", more: str = "") -> tuple[int, str]:
        """Status and Location."""
        head = f"{method} {path} HTTP/1.1\r\nHost: {self._host}\r\nContent-Length: {len(body)}\r\n"
        self._socket.sendall(f"{head}{more}\r\n".encode() + body)
        status = int(self._answers.readline().split()[1])
        location, size = "", 0
        while (line := self._answers.readline()) not in (b"\r\n", b""):
            name, _, value = line.decode().partition(":")
            if name.lower() == "location":
                location = value.strip()
            elif name.lower() == "content-length":
                size = int(value)
        self._answers.read(size)
        return status, location


def done(connection: Connection, repository: str, words: list[str]) -> int:
    """The status that ends a line's work."""
    path = f"/v2/{repository}"
    match words:
        case "blob", digest, file:
            _, location = connection.ask("POST", f"{path}/blobs/uploads/")
            where = "/" + location.partition("://")[2].partition("/")[2]
            with open(file, "rb") as data:
                return connection.ask("PUT", f"{where}&digest={digest}", data.read())[0]
        case "mount", digest, other:
            query = f"mount={digest}&from={other}"
            return connection.ask("POST", f"{path}/blobs/uploads/?{query}")[0]
        case "get", reference, other:
            accept = "".join(
                f"Accept: application/vnd.oci.image.{kind}.v1+json\r\n"
                for kind in ("index", "manifest")
            )
            return connection.ask("GET", f"/v2/{other}/manifests/{reference}", b"", accept)[0]
        case "put", reference, kind, file:
            with open(file, "rb") as data:
                more = f"Content-Type: {kind}\r\n"
                return connection.ask("PUT", f"{path}/manifests/{reference}", data.read(), more)[0]
    raise SystemExit(f"no such work: {words}")


def main() -> int:
    host, repository, file = sys.argv[1:]
    connections = [Connection(host) for _ in range(THREADS)]
    with open(file) as lines:
        stages = [part.splitlines() for part in lines.read().split("-\n")]
    bad: list[str] = []

    def work(connection: Connection, stage: list[str]) -> None:
        while stage and not bad:
            try:
                line = stage.pop()
            except IndexError:
                return
            status = done(connection, repository, line.split("\t"))
            if status not in (200, 201):
                bad.append(f"{line}: {status}")

    for stage in stages:
        threads = [threading.Thread(target=work, args=(each, stage)) for each in connections]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    print("\n".join(bad), end="", file=sys.stderr)
    return int(bool(bad))


if __name__ == "__main__":
    raise SystemExit(main())
