"""Images of the store run: what is wrong with one is said by the name that it was asked by."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.fakes.image import make_image

from ironhull.cli.machine import silent
from ironhull.engine.sandbox import Sandbox
from ironhull.errors import EngineError, InputError
from ironhull.sandbox.bubblewrap import Bubblewrap
from ironhull.store.choice import machine_platform
from ironhull.workspace import running
from ironhull.workspace.running import RunChoices, run_image


def test_an_image_without_a_command_is_called_as_it_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none() -> Bubblewrap:
        raise EngineError("nothing is started here")

    machine = silent(home=tmp_path)
    make_image(
        machine.home.store,
        [{"etc/passwd": "root:x:0:0::/:/bin/sh\n"}],
        platforms=[str(machine_platform())],
        names=["data:1"],
    )
    sandbox = Sandbox(none, tmp_path / "kept")
    monkeypatch.setattr(running, "engine", lambda name, settings: sandbox)
    with pytest.raises(InputError, match=r"^data:1 has no command of its own"):
        run_image(machine, "data:1", RunChoices())
