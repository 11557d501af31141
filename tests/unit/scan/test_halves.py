"""Half of a work in a child, in a process that has no other threads."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from ironhull.scan.halves import halves

BEGIN = """
import os, sys
os.sched_getaffinity = lambda process: {0, 1}
from ironhull.scan.halves import halves
parent = os.getpid()
print("left to do")
"""
CASES = {
    "a child gives what is more than a pipe holds": (
        "first, second = halves(lambda: [os.getpid()], lambda: [os.getpid(), 'x' * 1_000_000])\n"
        "assert first == [parent] and second[0] != parent and len(second[1]) == 1_000_000"
    ),
    "a child that fails gives nothing": (
        "assert halves(lambda: 1, lambda: 1 / 0) == (1, None)\n"
        "assert halves(lambda: 1, lambda: os._exit(3)) == (1, None)\n"
        "assert halves(lambda: 1, lambda: object()) == (1, None)"
    ),
    "an error here ends the child": (
        "try:\n"
        "    halves(lambda: 1 / 0, lambda: __import__('time').sleep(600))\n"
        "except ZeroDivisionError:\n"
        "    pass\n"
        "try:\n"
        "    os.wait()\n"
        "except ChildProcessError:\n"
        "    sys.exit(0)\n"
        "sys.exit('a child is left')"
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_other_half_is_a_childs(case: str) -> None:
    words = [sys.executable, "-I", "-c", BEGIN + CASES[case]]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "left to do\n", "what the parent had not written yet is written once"


def test_where_another_thread_runs_nothing_is_begun() -> None:
    ended = threading.Event()
    other = threading.Thread(target=ended.wait)
    other.start()
    try:
        assert halves(lambda: 1, lambda: 2) == (1, None)
    finally:
        ended.set()
        other.join()
