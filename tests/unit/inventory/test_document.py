import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironhull.errors import MalformedError
from ironhull.inventory.document import dumps, from_json, loads, package_json, to_json
from ironhull.inventory.model import (
    PACKAGE_TYPES,
    SURFACE_LISTS,
    Distribution,
    Duplicate,
    Exposure,
    ImageConfig,
    ImageIdentity,
    Inventory,
    Layer,
    Package,
    PasswdEntry,
    Remark,
    Surface,
)
from ironhull.oci.platform import Platform

TEXT = st.text(max_size=12)
PACKAGES = st.builds(
    Package,
    name=TEXT,
    version=TEXT,
    type=st.sampled_from(PACKAGE_TYPES),
    location=TEXT,
    layer=TEXT,
    architecture=TEXT,
    source=TEXT,
    source_version=TEXT,
    owned_by=TEXT,
    licenses=st.lists(TEXT, max_size=2).map(tuple),
    built_using=st.lists(TEXT, max_size=2).map(tuple),
    status=TEXT,
)
FINDINGS = st.lists(
    st.builds(Exposure, path=TEXT, detail=TEXT, layer=TEXT, owned_by=TEXT), max_size=2
).map(tuple)
INVENTORIES = st.builds(
    Inventory,
    image=st.builds(
        ImageIdentity,
        name=TEXT,
        kind=TEXT,
        digest=st.none() | TEXT,
        platform=st.none() | st.builds(Platform, TEXT, TEXT, st.none() | TEXT),
    ),
    distribution=st.builds(
        Distribution, id=TEXT, version_id=TEXT, id_like=st.lists(TEXT, max_size=2).map(tuple)
    ),
    packages=st.lists(PACKAGES, max_size=3).map(tuple),
    users=st.lists(
        st.builds(PasswdEntry, TEXT, st.integers(0, 9), st.integers(0, 9), TEXT, TEXT), max_size=2
    ).map(tuple),
    config=st.builds(
        ImageConfig,
        user=TEXT,
        env=st.lists(TEXT, max_size=2).map(tuple),
        labels=st.dictionaries(TEXT, TEXT, max_size=2),
    ),
    surface=st.builds(
        Surface, **dict.fromkeys(SURFACE_LISTS, FINDINGS), executables=st.integers(0, 9)
    ),
    layers=st.lists(
        st.builds(
            Layer,
            digest=TEXT,
            diff_id=st.none() | TEXT,
            media_type=TEXT,
            size=st.integers(0, 99),
            uncompressed=st.integers(0, 99),
            files=st.integers(0, 9),
        ),
        max_size=2,
    ).map(tuple),
    duplicates=st.lists(
        st.builds(Duplicate, TEXT, st.lists(TEXT, max_size=2).map(tuple), st.integers(0, 9)),
        max_size=2,
    ).map(tuple),
    remarks=st.lists(
        st.builds(Remark, st.sampled_from(["unparsed", "warning"]), TEXT, TEXT, TEXT), max_size=2
    ).map(tuple),
)


@given(INVENTORIES)
def test_every_inventory_comes_back_from_its_stored_form(inventory: Inventory) -> None:
    assert loads(dumps(inventory), "here") == inventory


def test_the_names_that_reports_rely_on_are_always_there() -> None:
    value = package_json(Package("a", "", "npm", "/a/package.json"))
    names = ["name", "version", "source", "source_version", "type", "location"]
    assert [value[name] for name in names] == ["a", "", "", "", "npm", "/a/package.json"]
    assert "licenses" not in value


def test_a_package_type_that_nobody_knows_is_refused() -> None:
    value = to_json(Inventory(ImageIdentity("a", "store"), Distribution()))
    value["packages"] = [package_json(Package("a", "1", "npm", "/x")) | {"type": "floppy"}]
    with pytest.raises(MalformedError, match="floppy"):
        from_json(value, "here")


@pytest.mark.parametrize("bad", [b"", b"[]", b"{", b'{"schema":"other"}', b"[" * 100_000])
def test_what_is_no_inventory_is_refused_with_its_place(bad: bytes) -> None:
    with pytest.raises(MalformedError, match="somewhere"):
        loads(bad, "somewhere")


@pytest.mark.parametrize("key", ["packages", "surface", "image", "wasted", "layers"])
def test_a_damaged_inventory_is_refused(key: str) -> None:
    value = json.loads(dumps(Inventory(ImageIdentity("a", "store"), Distribution())))
    value[key] = ["nonsense"]
    with pytest.raises(MalformedError, match="damaged"):
        from_json(value)
