import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironhull.inventory.names import Names, PathTable, SmallTable, table_for

PARTS = st.text(st.characters(exclude_characters="/", exclude_categories=("Cs",)), max_size=5)
PATHS = st.lists(PARTS, min_size=1, max_size=4).map(lambda parts: "/" + "/".join(parts))


def names_of(paths: list[str]) -> Names:
    names = Names()
    for path in paths:
        cut = path.rfind("/") + 1
        names.add(path[:cut], path[cut:])
    return names


@given(st.lists(PATHS, max_size=30))
def test_names_are_what_was_added_one_by_one_and_all_at_once(paths: list[str]) -> None:
    names = names_of(paths)
    assert len(names) == len(paths)
    assert [names[number] for number in range(len(paths))] == paths
    assert list(names) == paths
    names.keep()
    assert [names[number] for number in range(len(paths))] == list(names) == paths
    again = Names.of(names.columns())
    assert list(again) == paths
    again.add("/new/", "one")
    assert again[len(paths)] == "/new/one"


def test_more_names_than_are_read_at_once_stay_in_order() -> None:
    paths = [f"/folder{number % 7}/file{number}" for number in range(10_000)]
    names = names_of(paths)
    assert list(names) == paths
    assert names.folder("/folder3") == 3
    assert names.folder("/folder") is None


@given(st.lists(PATHS, max_size=60), PATHS, st.booleans())
def test_a_table_is_a_dict_from_paths_to_keys(paths: list[str], other: str, small: bool) -> None:
    table = SmallTable() if small else PathTable(len(paths), paths.__getitem__)
    model: dict[str, int] = {}
    for key, path in enumerate(paths):
        known = path in model
        assert table.add(path, key) == model.setdefault(path, key)
        if known and key % 2:
            table.replace(path, key)
            model[path] = key
    assert {path: table.get(path) for path in paths} == model
    assert table.get(other) == model.get(other)


@pytest.mark.parametrize(
    ("folder", "count", "kind"),
    [
        ("/usr/lib/", 100_000, SmallTable),
        ("/usr/lib/", 200_000, PathTable),
        (f"/{'x' * 4000}/", 7_000, SmallTable),
        (f"/{'x' * 4000}/", 9_000, PathTable),
        (f"/{'x' * 4000}\N{PACKAGE}/", 3_000, PathTable),
    ],
)
def test_only_paths_of_some_megabytes_are_kept_as_texts(
    folder: str, count: int, kind: type
) -> None:
    names = Names()
    for number in range(count):
        names.add(folder, f"{number}")
    assert type(table_for([names], str)) is kind
    assert type(table_for([names] * 6, str)) is PathTable
