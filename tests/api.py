"""Requests that schemathesis makes of the OpenAPI document, on a server with a small catalog.

`make api`: schemathesis of a pinned version is installed into a folder of its own, which a later
run uses again; what it says is printed. Exit code 1 where an answer is not as it is described.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from outside.made_catalog import fake_catalog

from ironhull.store.home import Home
from tests.fakes.running_server import serving

VERSION = "4.32.5"
FOLDER = Path(__file__).parents[1] / ".venv" / f"schemathesis-{VERSION}"


def main() -> int:
    program = FOLDER / "bin/schemathesis"
    if not program.exists():
        venv.create(FOLDER, with_pip=True)
        install = [FOLDER / "bin/pip", "install", "--quiet", f"schemathesis=={VERSION}"]
        subprocess.run(install, check=True)
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder, "home"))
        fake_catalog(home.store_folder, home.catalog_index).index.close()
        with serving(home.store_folder, home=home.root) as server:
            address = f"{server.url}/api/v1/openapi.json"
            command = [program, "run", "--checks", "all", "--max-examples", "50", address]
            return subprocess.run(command, check=False, cwd=folder).returncode


if __name__ == "__main__":
    sys.exit(main())
