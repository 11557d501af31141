"""Answers that are kept: bounded whatever is asked for."""

from __future__ import annotations

from ironhull.catalog.sending import KEPT_BYTES, Kept, Made


def test_long_addresses_with_nothing_at_them_are_bounded_as_long_answers_are() -> None:
    kept, address = Kept(), "x" * 60_000
    keys = [(number, address) for number in range(2 * KEPT_BYTES // len(address))]
    for key in keys:
        kept.put(key, Made(b"", status=404))
    there = [key for key in keys if kept.get(key) is not None]
    assert there[-1] == keys[-1]
    assert len(there) * len(address) <= KEPT_BYTES


def test_the_latest_answer_to_the_same_question_takes_the_place_of_the_one_before() -> None:
    kept = Kept()
    for text in (b"a" * KEPT_BYTES, b"b"):
        kept.put("/", Made(text))
    found = kept.get("/")
    assert found is not None
    assert found.body == b"b"
    for number in range(3):
        kept.put(number, Made(b""))
    assert all(kept.get(number) is not None for number in range(3))
