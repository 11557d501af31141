"""How long reading the whole public catalog's definitions takes, on one core.

`python benchmarks/definition.py [--json]`: as many files as the public catalog has, copies of our
own fifty that have every key and oddity of it (`outside/public_forms.py`), read one after the
other. What is refused in some of them is found and counted as well. Limit: 4 s.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from outside.public_forms import PUBLISHED, write

from ironhull.definition.reader import read
from ironhull.errors import DefinitionError

LIMIT = 4.0
ROUNDS = 3


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ih-forms-") as folder:
        paths = write(Path(folder), PUBLISHED)
        size = sum(path.stat().st_size for path in paths)
        rounds = [_read_all(paths) for _ in range(ROUNDS)]
    seconds = min(taken for taken, _ in rounds)
    result = {
        "definitions": len(paths),
        "megabytes": round(size / 1e6, 2),
        "refused": rounds[0][1],
        "seconds": round(seconds, 2),
        "all_rounds": [round(taken, 2) for taken, _ in rounds],
        "limits": {"seconds": LIMIT},
        "good": seconds <= LIMIT,
    }
    print(json.dumps(result, indent=None if options.json else 2))
    return int(not result["good"])


def _read_all(paths: list[Path]) -> tuple[float, int]:
    # Of the processor: one core is what the limit is for, whatever else the machine does.
    began, refused = time.process_time(), 0
    for path in paths:
        try:
            read(path)
        except DefinitionError:
            refused += 1
    return time.process_time() - began, refused


if __name__ == "__main__":
    sys.exit(main())
