"""Bills of images made in memory, in the store of a workspace."""

import hashlib
import json
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from tests.fakes.image import Directory, File, Hardlink, Special, Symlink, make_image

from ironhull import Workspace
from ironhull.errors import InputError
from ironhull.inventory import take
from ironhull.sbom.cyclonedx import cyclonedx
from ironhull.sbom.identity import package_id
from ironhull.sbom.model import Bill, BillFile
from ironhull.sbom.spdx import spdx, verification_code
from ironhull.workspace.sbom import bill_of, sbom

OS_RELEASE = 'ID=debian\nVERSION_ID="13"\nPRETTY_NAME="Debian 13"\n'
STATUS = """\
Package: base
Status: install ok installed
Version: 1.0-1
Architecture: all
Maintainer: Somebody Else <some@example.org>
Homepage: https://example.org/base
Conffiles:
 /etc/base.conf 0123456789abcdef0123456789abcdef
Description: the base
 of all

Package: tool
Status: install ok installed
Source: tools (2.0)
Version: 2.0-1
Architecture: amd64
Maintainer: Debian Tool Maintainers <team@example.org>
Depends: base (>= 1.0), helper | gone, absent
Built-Using: golang (= 1.2)

Package: provider
Status: install ok installed
Version: 3
Architecture: amd64
Provides: helper
"""
COPYRIGHT = "Format: 1.0\n\nFiles: *\nLicense: Expat\n"
DEBIAN = {
    "etc/os-release": OS_RELEASE,
    "etc/base.conf": "set\n",
    "var/lib/dpkg/status": STATUS,
    "var/lib/dpkg/info/base.list": "/.\n/usr\n/usr/share/base/data\n/bin/base\n",
    "var/lib/dpkg/info/tool.list": (
        "/.\n/usr/bin/tool\n/usr/bin/tool2\n/usr/share/doc/tool/copyright\n"
    ),
    "usr/share/base/data": "data",
    "usr/bin/base": File(b"\x7fELFx", mode=0o755),
    "usr/bin/tool": "tool",
    "usr/bin/tool2": Hardlink("usr/bin/tool"),
    "usr/share/doc/tool/copyright": COPYRIGHT,
    "bin": Symlink("usr/bin"),
    "opt/app/node_modules/x/package.json": '{"name": "x", "version": "1.0.0", "license": "MIT"}',
    "opt/app/node_modules/x/lib/code.js": "code",
    "opt/app/server.js": "server",
    "tmp": Directory(0o1777),
}  # fmt: skip


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.open(home=tmp_path / "home", images=tmp_path)


def owners(bill: Bill) -> dict[str, str]:
    """Path → the package or source that it is of."""
    found = {f.path: said.package.name for said in bill.packages for f in said.files}
    return found | {f.path: origin.name for origin in bill.origins for f in origin.files}


def named(bill: Bill, name: str):
    return next(said for said in bill.packages if said.package.name == name)


def test_every_file_of_a_debian_image_is_somebodys_or_said_to_be_nobodys(workspace) -> None:
    make_image(workspace.home.store, [DEBIAN], names=["app:1"])
    bill = bill_of(workspace.machine, "app:1")
    assert owners(bill) == {
        "/etc/os-release": "files of no package",
        "/etc/base.conf": "base",
        "/usr/share/base/data": "base",
        "/usr/bin/base": "base",
        "/usr/bin/tool": "tool",
        "/usr/bin/tool2": "tool",
        "/usr/share/doc/tool/copyright": "tool",
        "/var/lib/dpkg/status": "package-database",
        "/var/lib/dpkg/info/base.list": "package-database",
        "/var/lib/dpkg/info/tool.list": "package-database",
        "/opt/app/node_modules/x/package.json": "x",
        "/opt/app/node_modules/x/lib/code.js": "x",
        "/opt/app/server.js": "files of no package",
    }
    assert len(list(bill.files)) == len({file.path for file in bill.files})
    by_path = {file.path: file for file in bill.files}
    tool = by_path["/usr/bin/tool2"]
    assert tool == replace_path(by_path["/usr/bin/tool"], "/usr/bin/tool2")
    assert tool.sha1 == hashlib.sha1(b"tool").hexdigest()
    assert (tool.sha256, tool.size) == (hashlib.sha256(b"tool").hexdigest(), 4)
    assert [file.path for file in bill.files if file.is_binary] == ["/usr/bin/base"]


def replace_path(file: BillFile, path: str) -> BillFile:
    return file._replace(path=path)


def test_packages_have_what_the_database_and_the_copyright_file_say(workspace) -> None:
    make_image(workspace.home.store, [DEBIAN], names=["app:1"])
    bill = bill_of(workspace.machine, "app:1")
    base, tool = named(bill, "base"), named(bill, "tool")
    assert (base.originator.kind, base.originator.name) == ("Person", "Somebody Else")
    assert (base.homepage, base.summary) == ("https://example.org/base", "the base")
    assert base.licence.expression == ""
    assert (tool.originator.kind, tool.originator.email) == ("Organization", "team@example.org")
    assert tool.licence.expression == "MIT"
    assert tool.supplier is None
    assert named(bill, "x").licence.expression == "MIT"
    names = {said.id: said.package.name for said in bill.packages}
    assert {names[needed] for needed in tool.depends_on} == {"base", "provider"}
    assert base.depends_on == ()
    assert [(s.name, s.version) for s in bill.sources] == [
        ("base", "1.0-1"), ("golang", "1.2"), ("provider", "3"), ("tools", "2.0"),
    ]  # fmt: skip
    sources = {source.id: source for source in bill.sources}
    assert sources[tool.source].purl == "pkg:deb/debian/tools@2.0?arch=source&distro=debian-13"
    assert [sources[one].name for one in tool.built_using] == ["golang"]
    assert tool.id == package_id(tool.package)


def test_what_a_higher_layer_replaces_or_takes_away_is_not_in_the_bill(workspace) -> None:
    upper = {"usr/bin/tool": "other", "opt/app/.wh.server.js": "",
             "usr/share/doc/tool/.wh.copyright": "", "usr/lib/new": "new"}  # fmt: skip
    make_image(workspace.home.store, [DEBIAN, upper], names=["app:1"])
    bill = bill_of(workspace.machine, "app:1")
    by_path = {file.path: file for file in bill.files}
    assert by_path["/usr/bin/tool"].sha256 == hashlib.sha256(b"other").hexdigest()
    # The name of the replaced file is a file of its own.
    assert by_path["/usr/bin/tool2"].sha256 == hashlib.sha256(b"tool").hexdigest()
    assert "/opt/app/server.js" not in by_path
    assert owners(bill)["/usr/lib/new"] == "files of no package"
    # The licence does not go away with the paper that says it.
    assert named(bill, "tool").licence.expression == "MIT"


def test_a_layer_is_read_once_whatever_images_have_it(workspace, monkeypatch) -> None:
    make_image(workspace.home.store, [DEBIAN], names=["one:1"])
    make_image(workspace.home.store, [DEBIAN, {"usr/lib/new": "new"}], names=["two:1"])
    first = bill_of(workspace.machine, "one:1")
    hashed = []
    from ironhull.sbom.contents import LayerContents

    end = LayerContents.end

    def counted(self, entry, path, seen) -> None:
        hashed.append(path)
        end(self, entry, path, seen)

    monkeypatch.setattr(LayerContents, "end", counted)
    bill_of(workspace.machine, "two:1")
    assert hashed == ["/usr/lib/new"]
    assert bill_of(workspace.machine, "one:1") == first
    assert hashed == ["/usr/lib/new"]
    for path in workspace.home.layer_contents.iterdir():
        path.write_bytes(path.read_bytes()[:-9])
    assert bill_of(workspace.machine, "one:1") == first
    assert len(hashed) > 1


def test_a_new_layer_is_opened_once_for_inventory_and_bill(workspace, monkeypatch) -> None:
    # What is hidden, empty, named oddly or removed has a number too, or none: as in the record.
    program = b"\x7fELF" + b"y" * 9_000_000
    odd = [
        ("./usr/lib/./a", "a"),
        ("../out", "out"),
        ("usr/lib/empty", ""),
        ("usr/bin/.wh.tool", ""),
        ("usr/lib/a", "later"),
        ("dev/x", Special(tarfile.FIFOTYPE)),
        ("usr/lib/z", "z" * 70_000),
        ("app.jar", b"PK" + b"x" * 300_000),
        ("usr/lib/prog", program),
    ]
    make_image(workspace.home.store, [DEBIAN, odd], names=["app:1"])
    opened = []
    stream = take.LayerStream

    def counted(file, expected, limits):
        opened.append(expected.digest)
        return stream(file, expected, limits)

    monkeypatch.setattr(take, "LayerStream", counted)
    first = bill_of(workspace.machine, "app:1")
    assert len(opened) == len(set(opened)) == 2
    for path in workspace.home.layer_contents.iterdir():
        path.unlink()
    assert bill_of(workspace.machine, "app:1") == first
    assert len(opened) == 4
    digests = {file.path: file.sha256 for file in first.files}
    assert digests["/usr/lib/a"] == hashlib.sha256(b"later").hexdigest()
    assert digests["/usr/lib/empty"] == hashlib.sha256(b"").hexdigest()
    assert digests["/usr/lib/z"] == hashlib.sha256(b"z" * 70_000).hexdigest()
    assert digests["/usr/lib/prog"] == hashlib.sha256(program).hexdigest()
    assert "/out" not in digests


def test_equal_images_give_equal_bytes_wherever_they_lie(workspace, tmp_path) -> None:
    config = {"Labels": {"io.ironhull.name": "app"}}
    make_image(workspace.home.store, [DEBIAN], config=config, names=["app:1", "other:2"])
    assert workspace.sbom("app:1") == workspace.sbom("other:2")
    workspace.export("app:1", tmp_path / "app.tar")
    for form in ("cyclonedx", "cyclonedx-1.5", "spdx"):
        one = sbom(workspace.machine, "app:1", form)
        assert one == workspace.sbom("app:1", format=form)
        fresh = Workspace.open(home=tmp_path / "other", images=tmp_path)
        assert one == fresh.sbom(str(tmp_path / "app.tar"), format=form)
        json.loads(one)
    with pytest.raises(InputError, match="cyclonedx, spdx"):
        workspace.sbom("app:1", format="xml")


def test_the_verification_code_is_that_of_the_specification() -> None:
    files = [BillFile("/b", 1, "ff" * 20, ""), BillFile("/a", 1, "0a" * 20, "")]
    expected = hashlib.sha1(("0a" * 20 + "ff" * 20).encode()).hexdigest()
    assert verification_code(files) == verification_code(files[::-1]) == expected


def test_both_documents_have_every_file_once_and_under_its_package(workspace) -> None:
    make_image(workspace.home.store, [DEBIAN], names=["app:1"])
    bill = bill_of(workspace.machine, "app:1")
    components = json.loads(cyclonedx(bill))["components"]
    held = {
        inner["name"]: component["name"]
        for component in components
        for inner in component.get("components", ())
    }
    assert held == owners(bill)
    document = json.loads(spdx(bill))
    names = {item["SPDXID"]: item["name"] for item in document["packages"]}
    files = {item["SPDXID"]: item["fileName"] for item in document["files"]}
    relations = [
        (one["spdxElementId"], one["relationshipType"], one["relatedSpdxElement"])
        for one in document["relationships"]
    ]
    contained = {
        files[other][1:]: names[one]
        for one, kind, other in relations
        if kind == "CONTAINS" and other in files
    }
    assert contained == owners(bill)
    assert len(files) == len(contained)
    told = {(names[one], kind, names.get(other)) for one, kind, other in relations if one in names}
    assert {("tool", "DEPENDS_ON", "base"), ("tool", "GENERATED_FROM", "tools"),
            ("tool", "GENERATED_FROM", "golang")} <= told  # fmt: skip
    for item in document["packages"]:
        assert item["filesAnalyzed"] is ("packageVerificationCode" in item)


def test_a_root_file_system_has_a_bill_too(workspace, tmp_path) -> None:
    root = tmp_path / "root"
    for path, content in DEBIAN.items():
        if isinstance(content, str):
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(content)
    bill = bill_of(workspace.machine, f"rootfs:{root}")
    assert owners(bill)["/usr/bin/tool"] == "tool"
    assert (bill.manifest, bill.created) == (None, "1970-01-01T00:00:00Z")
    assert len(list(bill.files)) == sum(isinstance(item, str) for item in DEBIAN.values())


def test_an_image_of_nothing_has_an_empty_bill(workspace) -> None:
    make_image(workspace.home.store, [{}], names=["void:1"])
    bill = bill_of(workspace.machine, "void:1")
    assert (bill.packages, bill.origins, bill.sources) == ((), (), ())
    assert "files" not in json.loads(spdx(bill))
    assert replace(bill, name="x") != bill


def test_a_patched_package_has_its_patches_and_what_they_fix_in_both_documents(
    workspace: Workspace,
) -> None:
    digests = ["sha256:" + letter * 64 for letter in "ab"]
    patches = f"limit.patch {digests[0]} CVE-2017-9937,\n other.patch {digests[1]}, no patch"
    status = "".join(
        f"Package: {name}\nStatus: install ok installed\nVersion: 2.1-6.1+ih1\n"
        f"Architecture: amd64\nSource: jbigkit\nIronhull-Patches: {patches}\n\n"
        for name in ("libjbig0", "jbigkit-bin")
    )
    files = {"etc/os-release": OS_RELEASE, "var/lib/dpkg/status": status}
    make_image(workspace.machine.home.store, [files], names=["patched:1"])
    bill = bill_of(workspace.machine, "patched:1")
    for specification, version in (("1.6", SchemaVersion.V1_6), ("1.5", SchemaVersion.V1_5)):
        data = cyclonedx(bill, specification)  # type: ignore[arg-type]
        assert JsonStrictValidator(version).validate_str(data.decode()) is None
    libraries = [one for one in json.loads(data)["components"] if one["type"] == "library"]
    assert len(libraries) == 2
    for one in libraries:
        assert [patch["diff"]["url"] for patch in one["pedigree"]["patches"]] == [
            "limit.patch",
            "other.patch",
        ]
        assert one["pedigree"]["patches"][0]["resolves"] == [
            {"type": "security", "id": "CVE-2017-9937"}
        ]
        assert f"limit.patch ({digests[0]})" in one["pedigree"]["notes"]
    document = json.loads(spdx(bill))
    made = {one["SPDXID"]: one for one in document["packages"] if "-patch-" in one["SPDXID"]}
    assert {(one["name"], one["checksums"][0]["checksumValue"]) for one in made.values()} == {
        ("limit.patch", "a" * 64),
        ("other.patch", "b" * 64),
    }
    assert any(one["comment"].endswith("fixes CVE-2017-9937") for one in made.values())
    applied = [
        one["spdxElementId"]
        for one in document["relationships"]
        if one["relationshipType"] == "PATCH_APPLIED"
    ]
    assert sorted(applied) == sorted([*made, *made])
