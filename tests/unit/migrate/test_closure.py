"""The static checks of a built image that is not of our making."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.fakes.image import Directory, File, Symlink, make_image

from ironhull.inventory.sources.find import Places
from ironhull.inventory.take import Taker
from ironhull.migrate.proof.closure import check_closure
from ironhull.oci.platform import Platform
from ironhull.registry.client.access import Registries
from ironhull.store.home import Home
from ironhull.store.layout import ImageLayout

AMD64 = Platform.parse("linux/amd64")
GOOD = {
    "app": Directory(),
    "app/run": File(b"#!/usr/bin/node\n", mode=0o755),
    "etc/passwd": "app:x:1000:1000::/:/x\n",
    "etc/ssl/certs/ca-certificates.crt": "x",
    "tmp": Directory(0o1777),
    "usr/bin/node": File(b"program", mode=0o755),
    "usr/share/zoneinfo/UTC": "x",
}
CONFIG = {"User": "1000:1000", "Cmd": ["./run"], "WorkingDir": "/app", "Env": ["PATH=/usr/bin"]}


def problems(tmp_path: Path, *layers: dict, shell: bool = False, **config: object) -> set[str]:
    home = Home(tmp_path / "home")
    layout = ImageLayout(home.root / "store", create=True)
    make_image(
        layout, list(layers), config=CONFIG | config, names=["app:1"], platforms=[str(AMD64)]
    )
    taker = Taker(Places(home, Registries))
    found = check_closure(taker, taker.take("app:1", AMD64), AMD64, shell=shell)
    return {f"{one.name}: {problem}" for one in found for problem in one.problems}


def test_an_image_with_all_that_it_needs_passes(tmp_path):
    assert problems(tmp_path, GOOD) == set()


@pytest.mark.parametrize(
    ("changes", "config", "problem"),
    [
        ({"app/run": File(b"#!/bin/sh\n", mode=0o755)}, {}, "scripts: /app/run needs /bin/sh"),
        ({"app/run": File(b"x")}, {}, "entrypoint: user 1000 may not execute /app/run"),
        ({}, {"Cmd": ["lost"]}, "entrypoint: 'lost', which the image starts, is not in it"),
        ({"bin/sh": File(b"x", mode=0o755)}, {}, "no-shell: /bin/sh"),
        ({"app/su": File(b"x", mode=0o4755)}, {}, "no-setuid: /app/su"),
        ({"app/gone": Symlink("/nowhere")}, {}, "links: /app/gone leads to /nowhere"),
        ({"app": Directory(0o700)}, {}, "user: user 1000 cannot enter /app"),
        ({"app/secret": File(b"x", mode=0o600)}, {}, "readable: /app/secret has mode 0600"),
        ({"tmp": Directory(0o755)}, {}, "surroundings: there is no /tmp with mode 1777"),
        ({"etc/passwd": ""}, {}, "user: user 1000 is not in /etc/passwd"),
        ({}, {"User": "0"}, "user: the image runs as root"),
        (
            {},
            {"Healthcheck": {"Test": ["CMD-SHELL", "curl x"]}},
            "entrypoint: '/bin/sh', which the image starts, is not in it",
        ),
    ],
)
def test_each_thing_that_is_wrong_is_found(tmp_path, changes, config, problem):
    found = problems(tmp_path, GOOD | changes, **config)
    assert any(text.startswith(problem) for text in found), found


def test_what_a_higher_layer_takes_away_is_missing(tmp_path):
    found = problems(tmp_path, GOOD, {"usr/bin/.wh.node": ""})
    assert "scripts: /app/run needs /usr/bin/node" in found


def test_a_shell_is_no_problem_where_the_migration_kept_it(tmp_path):
    shell = {"bin/sh": File(b"x", mode=0o755)}
    assert problems(tmp_path, GOOD | shell, shell=True) == set()
