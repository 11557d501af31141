"""Ten programs that the catalog has not, as `ironhull new` is told of them; run, all ten are tried.

    python -m tests.new_programs

Each has to build, start, listen and stop at the first attempt. Two of them are in every run of the
real tests (`IN_EVERY_RUN`).
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Program:
    """What a person would type."""

    name: str
    package: str
    command: str
    listens: tuple[str, ...]
    more: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    """Path in the image → text."""

    def words(self, folder: Path) -> list[str]:
        """The arguments of `ironhull new`; files that it reads are written into `folder`."""
        words = [f"{self.name}:1", "--package", self.package, "--cmd", self.command, *self.more]
        for port in self.listens:
            words += ["--port", port]
        for number, (path, text) in enumerate(self.files.items()):
            file = folder / f"{self.name}-{number}"
            file.write_text(text)
            words += ["--file", f"{file}={path}"]
        return words


PROGRAMS = (
    Program(
        "lighttpd", "lighttpd", "lighttpd -D -f /etc/lighttpd/lighttpd.conf", ("8080/tcp",),
        ("--http", "/"),
        {"/etc/lighttpd/lighttpd.conf":
         'server.document-root = "/etc"\nserver.port = 8080\ndir-listing.activate = "enable"\n'},
    ),
    Program(
        "dnsmasq", "dnsmasq-base",
        "dnsmasq --keep-in-foreground --port=5353 --log-facility=- --pid-file= --no-resolv "
        "--conf-file=/dev/null --user=nonroot",
        ("5353/tcp", "5353/udp"), ("--proof", "dnsmasq --version"),
    ),
    Program(
        "unbound", "unbound", "unbound -d -p -c /etc/unbound/own.conf", ("5353/tcp", "5353/udp"),
        ("--proof", "unbound -V"),
        {"/etc/unbound/own.conf":
         'server:\n  interface: 0.0.0.0\n  port: 5353\n  username: ""\n  chroot: ""\n'
         '  use-syslog: no\n  logfile: ""\n  directory: "/tmp"\n  module-config: "iterator"\n'},
    ),
    Program(
        "mosquitto", "mosquitto", "mosquitto -c /etc/mosquitto/own.conf", ("1883/tcp",), (),
        {"/etc/mosquitto/own.conf": "listener 1883\nallow_anonymous true\nlog_dest stderr\n"},
    ),
    Program(
        "squid", "squid", "squid -N -f /etc/squid/own.conf", ("3128/tcp",),
        ("--proof", "squid -v"),
        {"/etc/squid/own.conf":
         "http_port 3128\npid_filename none\ncache_log /dev/stderr\naccess_log none\n"
         "cache deny all\nhttp_access allow all\ncoredump_dir /tmp\npinger_enable off\n"
         "shutdown_lifetime 1 seconds\n"},
    ),
    Program(
        "tinyproxy", "tinyproxy-bin", "tinyproxy -d -c /etc/tinyproxy/own.conf", ("8888/tcp",), (),
        {"/etc/tinyproxy/own.conf": "Port 8888\nMaxClients 100\nLogLevel Info\n"},
    ),
    Program(
        "blackbox-exporter", "prometheus-blackbox-exporter",
        "prometheus-blackbox-exporter --config.file=/etc/prometheus/blackbox.yml", ("9115/tcp",),
        ("--http", "/"),
    ),
    Program(
        "etcd", "etcd-server",
        "etcd --data-dir /data --listen-client-urls http://0.0.0.0:2379 "
        "--advertise-client-urls http://127.0.0.1:2379",
        ("2379/tcp",), ("--data", "/data", "--http", "/version"),
    ),
    Program(
        "prometheus", "prometheus",
        "prometheus --config.file=/etc/prometheus/own.yml --storage.tsdb.path=/data",
        ("9090/tcp",), ("--data", "/data", "--http", "/-/ready"),
        {"/etc/prometheus/own.yml": "global: {scrape_interval: 1m}\n"},
    ),
    Program(
        "node-exporter", "prometheus-node-exporter", "prometheus-node-exporter", ("9100/tcp",),
        ("--http", "/metrics"),
    ),
)  # fmt: skip
IN_EVERY_RUN = tuple(one for one in PROGRAMS if one.name in ("lighttpd", "dnsmasq"))


def main() -> int:
    """Try them all; gives how many did not hold."""
    failed = 0
    with tempfile.TemporaryDirectory(prefix="ironhull-new-") as scratch:
        for program in PROGRAMS:
            done = subprocess.run(
                [ROOT / ".venv/bin/ironhull", "new", *program.words(Path(scratch))],
                env={**os.environ, "IRONHULL_CATALOG": f"{scratch}/images"},
                check=False, capture_output=True, text=True,
            )  # fmt: skip
            right = f"started, listens on {', '.join(program.listens)}"
            holds = done.returncode == 0 and right in done.stdout
            failed += not holds
            print(f"{'holds' if holds else 'FAILS'}  {program.name}")
            if not holds:
                print(f"{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
