import json

import pytest

from ironhull.inventory.cataloguers import apk, composer, dotnet, dpkg, gem, npm, python
from ironhull.inventory.cataloguers.interface import Findings
from ironhull.inventory.cataloguers.table import file_cataloguer, text_cataloguer


def found(findings: Findings) -> list[tuple[str, str]]:
    return [(package.name, package.version) for package in findings.packages]


STATUS = """\
Package: libssl3
Status: install ok installed
Architecture: amd64
Multi-Arch: same
Source: openssl
Version: 3.0.20-1~deb12u2
Description: text
 Package: not-a-field
 .

Package: gcc
Status: install ok half-configured
Architecture: amd64
Source: gcc-defaults (1.203)
Version: 4:12.2.0-3

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1-1

Package: bash
Status: install ok installed
Source: bash (5.2.15-2)
Version: 5.2.15-2+b13
Built-Using: glibc (= 2.36-9),
 ncurses (= 6.4-4)
Static-Built-Using: rust (= 1.0)

"""


def test_a_source_package_has_its_own_name_and_version() -> None:
    packages = {item.name: item for item in dpkg.read(dpkg.DATABASE, STATUS.encode()).packages}
    sources = {name: (item.source, item.source_version) for name, item in packages.items()}
    assert sources == {
        "libssl3": ("openssl", "3.0.20-1~deb12u2"),
        "gcc": ("gcc-defaults", "1.203"),
        "bash": ("bash", "5.2.15-2"),
    }


def test_trap_21_config_files_are_no_package_and_half_configured_is_one() -> None:
    packages = {item.name: item for item in dpkg.read(dpkg.DATABASE, STATUS.encode()).packages}
    assert "gone" not in packages
    assert packages["gcc"].status == "half-configured"
    assert packages["libssl3"].status == ""


def test_trap_18_what_a_package_was_built_with_is_kept() -> None:
    bash = dpkg.read(dpkg.DATABASE, STATUS.encode()).packages[-1]
    assert bash.built_using == ("glibc (= 2.36-9)", "ncurses (= 6.4-4)", "rust (= 1.0)")


def test_trap_20_status_d_has_no_status_field() -> None:
    text = b"Package: base-files\nVersion: 12.4+deb12u15\nArchitecture: amd64\n"
    path = "/var/lib/dpkg/status.d/base-files"
    assert text_cataloguer(path) is dpkg.CATALOGUER
    assert found(dpkg.read(path, text)) == [("base-files", "12.4+deb12u15")]
    assert text_cataloguer(path + ".md5sums") is None


@pytest.mark.parametrize(
    ("stanza", "what"),
    [
        ("Package: a\nStatus: install ok installed\n", "Version"),
        ("Version: 1\nStatus: install ok installed\n", "Package"),
        ("Package: ../a\nVersion: 1\n", "Package"),
        ("Package: a\nStatus: installed\nVersion: 1\n", "Status"),
        ("Package: a\nVersion: 1 2\n", "Version"),
        ("Package: a\nVersion: 1\nSource: b (c) d\n", "Source"),
        ("%$&\n", "Package"),
    ],
)
def test_a_broken_stanza_is_reported_and_the_others_are_read(stanza: str, what: str) -> None:
    text = f"Package: good\nVersion: 1\n\n{stanza}\nPackage: also\nVersion: 2\n"
    findings = dpkg.read(dpkg.DATABASE, text.encode())
    assert found(findings) == [("good", "1"), ("also", "2")]
    assert [remark.kind for remark in findings.remarks] == ["unparsed"]
    assert "stanza 2" in findings.remarks[0].message
    assert what in findings.remarks[0].message


def test_bytes_that_are_no_text_break_nothing() -> None:
    findings = dpkg.read(dpkg.DATABASE, b"Package: a\nVersion: 1\nMaintainer: \xff\xfe\n")
    assert found(findings) == [("a", "1")]


def test_an_empty_database_has_no_packages() -> None:
    assert dpkg.read(dpkg.DATABASE, b"") == Findings()
    assert apk.read(apk.DATABASES[0], b"\n\n") == Findings()


APK = b"""\
C:Q1x
P:libcrypto3
V:3.1.4-r5
A:x86_64
L:Apache-2.0
o:openssl
F:lib
R:libcrypto.so.3
a:0:0:755
F:
R:top

P:nameless-version
o:x

P:solo
V:1-r0
"""


def test_the_source_of_an_alpine_package_is_its_origin() -> None:
    findings = apk.read(apk.DATABASES[0], APK)
    assert [(p.name, p.source, p.source_version) for p in findings.packages] == [
        ("libcrypto3", "openssl", "3.1.4-r5"),
        ("solo", "solo", "1-r0"),
    ]
    assert "V (version)" in findings.remarks[0].message


def test_apk_says_which_files_a_package_has() -> None:
    assert dict(apk.owned(APK.decode()))["libcrypto3"] == ["/lib/libcrypto.so.3", "/top"]


def test_npm_packages_have_name_version_and_licence() -> None:
    for licence in ({"license": "MIT"}, {"license": {"type": "MIT"}}, {"licenses": ["MIT"]}):
        text = json.dumps({"name": "@babel/core", "version": "7.23.0", **licence})
        [package] = npm.read("/x/package.json", text.encode()).packages
        assert (package.name, package.version, package.licenses) == (
            "@babel/core",
            "7.23.0",
            ("MIT",),
        )


def test_a_package_json_that_names_nothing_is_no_package() -> None:
    assert npm.read("/x/package.json", b'{"type": "module"}') == Findings()


@pytest.mark.parametrize("bad", [b"{", b"[]", b"\xff\xfe", b'{"a":' * 10_000])
def test_json_that_is_none_is_reported(bad: bytes) -> None:
    findings = npm.read("/x/package.json", bad)
    assert not findings.packages
    assert [remark.kind for remark in findings.remarks] == ["unparsed"]


def test_lock_files_of_every_version_say_what_a_bundle_holds() -> None:
    new = {
        "packages": {
            "": {"name": "app"},
            "node_modules/a": {"version": "1.0.0"},
            "node_modules/a/node_modules/@s/b": {"version": "2.0.0"},
            "node_modules/tool": {"version": "3.0.0", "dev": True},
            "node_modules/alias": {"name": "real", "version": "4.0.0"},
        }
    }
    old = {
        "dependencies": {
            "a": {"version": "1.0.0", "dependencies": {"@s/b": {"version": "2.0.0"}}},
            "tool": {"version": "3.0.0", "dev": True},
            "local": {"version": "file:../local"},
        }
    }
    path = "/app/package-lock.json"
    assert found(npm.read(path, json.dumps(new).encode())) == [
        ("@s/b", "2.0.0"),
        ("a", "1.0.0"),
        ("real", "4.0.0"),
    ]
    assert found(npm.read(path, json.dumps(old).encode())) == [("@s/b", "2.0.0"), ("a", "1.0.0")]


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("/usr/lib/python3/dist-packages/a-1.dist-info/METADATA", True),
        ("/usr/lib/python3/dist-packages/a-1.egg-info/PKG-INFO", True),
        ("/usr/lib/python3/dist-packages/a-1.egg-info", True),
        ("/usr/share/x/METADATA", False),
        ("/usr/share/PKG-INFO", False),
    ],
)
def test_python_metadata_counts_where_installers_put_it(path: str, wanted: bool) -> None:
    assert (text_cataloguer(path) is python.CATALOGUER) == wanted


def test_python_metadata_ends_at_the_first_blank_line() -> None:
    text = (
        "Metadata-Version: 2.1\nName: requests\nVersion: 2.31.0\nLicense: UNKNOWN\n"
        "Classifier: License :: OSI Approved :: Apache Software License\n\nVersion: 9\n"
    )
    [package] = python.read("/x.dist-info/METADATA", text.encode()).packages
    assert (package.name, package.version) == ("requests", "2.31.0")
    assert package.licenses == ("Apache Software License",)


def test_python_metadata_without_a_version_is_reported() -> None:
    findings = python.read("/x.dist-info/METADATA", b"Name: a\n")
    assert "Version" in findings.remarks[0].message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('s.name = "rack".freeze\n s.version = "2.2.8"\n', ("rack", "2.2.8")),
        ("  s.name = 'rack'\n  s.version = Gem::Version.new('2.2.8')\n", ("rack", "2.2.8")),
        ("s.name = NAME\ns.version = VERSION\n", ("file", "1.0")),
    ],
)
def test_gem_specifications_are_read_and_never_run(text: str, expected: tuple[str, str]) -> None:
    path = "/usr/lib/ruby/gems/3.1.0/specifications/file-1.0-x86_64-linux.gemspec"
    assert found(gem.read(path, text.encode())) == [expected]


def test_composer_lists_of_both_versions_are_read() -> None:
    packages = [{"name": "monolog/monolog", "version": "2.9.1", "license": ["MIT"]}, {"name": "x"}]
    path = "/app/vendor/composer/installed.json"
    for value in (packages, {"packages": packages}):
        findings = composer.read(path, json.dumps(value).encode())
        assert found(findings) == [("monolog/monolog", "2.9.1")]
        assert "package 2 (x)" in findings.remarks[0].message
    assert text_cataloguer(path) is composer.CATALOGUER
    assert text_cataloguer("/app/installed.json") is None


def test_dotnet_libraries_are_packages_and_references_are_not() -> None:
    value = {
        "libraries": {
            "App/1.0.0": {"type": "project"},
            "Newtonsoft.Json/13.0.3": {"type": "package"},
            "System.Reference/1.0": {"type": "reference"},
            "broken": {"type": "package"},
        }
    }
    findings = dotnet.read("/app/App.deps.json", json.dumps(value).encode())
    assert found(findings) == [("App", "1.0.0"), ("Newtonsoft.Json", "13.0.3")]
    assert len(findings.remarks) == 1
    assert text_cataloguer("/app/App.deps.json") is dotnet.CATALOGUER
    assert text_cataloguer("/app/App.json") is None


def test_the_database_of_a_chroot_inside_the_image_is_not_the_images() -> None:
    assert text_cataloguer("/srv/chroot/var/lib/dpkg/status") is None
    assert text_cataloguer("/var/lib/dpkg/status") is dpkg.CATALOGUER
    assert text_cataloguer("/srv/lib/apk/db/installed") is None


def test_archives_are_known_by_their_extension_in_any_case() -> None:
    assert file_cataloguer("/opt/APP.JAR") is not None
    assert file_cataloguer("/opt/app.zip") is None


BOM = b"\xef\xbb\xbf"


def test_a_byte_order_mark_before_a_text_is_none_of_its_words() -> None:
    assert npm.read("/a/package.json", BOM + b'{"name":"a","version":"1"}').packages
    assert python.read("/a.dist-info/METADATA", BOM + b"Name: a\nVersion: 1\n").packages
    assert dpkg.read(dpkg.DATABASE, BOM + b"Package: a\nVersion: 1\n").packages
    assert apk.read("/lib/apk/db/installed", BOM + b"P:a\nV:1\n").packages
    installed = b'[{"name":"a/b","version":"1"}]'
    assert composer.read("/vendor/composer/installed.json", BOM + installed).packages
