from __future__ import annotations

import gc

import pytest

from ironhull.errors import InputError
from ironhull.workspace.watch_executors import workers


@pytest.mark.parametrize(
    "text",
    [
        *("", "remote", "local:0", "local:257", "local:-1", "local:two"),
        *("dask", "dask:", "dask:host", "dask:host:8786", "dask:http://host:8786"),
        *("dask:tcp://", "dask:tcp://host", "dask:tcp://host:port", "dask:tcp://a/b:1"),
    ],
)
def test_what_names_no_workers_is_refused_at_once(text: str) -> None:
    said = "expected local, local:N or dask:tcp://HOST:PORT"
    with pytest.raises(InputError, match=said), workers(text):
        pytest.fail("there are none")


def test_a_worker_looks_for_circles_once_for_many_images() -> None:
    with workers("local:2") as those:
        usual, *_ = gc.get_threshold()
        gc.set_threshold(700)
        try:
            assert those.executor.submit(gc.get_threshold).result()[0] > 10 * 700
            assert gc.get_threshold()[0] == 700
        finally:
            gc.set_threshold(usual)
