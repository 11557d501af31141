"""Pulls of one blob, one after another, in a process of their own: no other client is in the way.

    python -m clients.pulls PORT PATH BYTES [--rounds 0]

Prints the seconds of each on a line, so many as `--rounds` says, or until somebody ends it.
"""

from __future__ import annotations

import argparse
import itertools

from registry import pull


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("path")
    parser.add_argument("size", type=int)
    parser.add_argument("--rounds", type=int, default=0, help="0: until somebody ends it")
    options = parser.parse_args()
    for _ in range(options.rounds) if options.rounds else itertools.count():
        print(f"{pull(options.port, options.path, options.size):.4f}", flush=True)


if __name__ == "__main__":
    main()
