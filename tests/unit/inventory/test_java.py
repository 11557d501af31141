import io
import zipfile

import pytest

from ironhull.inventory.cataloguers import java
from ironhull.inventory.cataloguers.interface import Findings


def jar(files: dict[str, str | bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def pom(group: str, artifact: str, version: str) -> dict[str, str | bytes]:
    path = f"META-INF/maven/{group}/{artifact}/pom.properties"
    return {path: f"#made\ngroupId={group}\nartifactId = {artifact}\nversion: {version}\n"}


def read(data: bytes, path: str = "/app/lib.jar") -> Findings:
    return java.read(path, io.BytesIO(data))


def found(findings: Findings) -> list[tuple[str, str, str]]:
    return [(item.name, item.version, item.location) for item in findings.packages]


def test_pom_properties_say_group_artifact_and_version() -> None:
    data = jar(pom("org.apache.logging.log4j", "log4j-core", "2.14.1"))
    path = "/app/log4j-core-2.14.1.jar"
    assert found(read(data, path)) == [("org.apache.logging.log4j:log4j-core", "2.14.1", path)]


def test_what_was_merged_into_an_archive_is_found_beside_its_own_package() -> None:
    data = jar(pom("org.example", "app", "1.0") | pom("com.google.guava", "guava", "30.1-jre"))
    assert [name for name, _, _ in found(read(data, "/app-1.0.jar"))] == [
        "org.example:app",
        "com.google.guava:guava",
    ]


@pytest.mark.parametrize(
    ("name", "manifest", "expected"),
    [
        ("spring-core-5.3.20.jar", "", ("org.springframework:spring-core", "5.3.20")),
        ("tool.jar", "Implementation-Version: 3.1\n", ("tool", "3.1")),
        ("tool-2.0.jar", "Implementation-Version: 3.1\n", ("tool", "2.0")),
        (
            "snappy-1.1.8.jar",
            "Bundle-SymbolicName: org.xerial.snappy.snappy;singleton:=true\n",
            ("org.xerial.snappy:snappy", "1.1.8"),
        ),
        (
            "guava-31.1-jre.jar",
            "Automatic-Module-Name: com.goo\n gle.common\n",
            ("com.google.common:guava", "31.1-jre"),
        ),
    ],
)
def test_a_manifest_helps_where_there_is_no_pom(
    name: str, manifest: str, expected: tuple[str, str]
) -> None:
    data = jar({"META-INF/MANIFEST.MF": f"Manifest-Version: 1.0\n{manifest}\nName: x\nA: b\n"})
    [(package, version, _)] = found(read(data, f"/{name}"))
    assert (package, version) == expected


def test_archives_in_archives_are_found_with_their_way_in() -> None:
    inner = jar(pom("org.yaml", "snakeyaml", "1.30"))
    middle = jar({"lib/snakeyaml-1.30.jar": inner} | pom("g", "middle", "1"))
    outer = jar({"BOOT-INF/lib/middle-1.jar": middle} | pom("g", "outer", "2"))
    assert found(read(outer, "/outer-2.war")) == [
        ("g:outer", "2", "/outer-2.war"),
        ("g:middle", "1", "/outer-2.war:BOOT-INF/lib/middle-1.jar"),
        (
            "org.yaml:snakeyaml",
            "1.30",
            "/outer-2.war:BOOT-INF/lib/middle-1.jar:lib/snakeyaml-1.30.jar",
        ),
    ]


def test_nesting_ends_with_a_remark() -> None:
    data = jar(pom("g", "innermost", "1"))
    for _ in range(8):
        data = jar({"next-1.jar": data})
    findings = read(data)
    assert not any("innermost" in item.name for item in findings.packages)
    assert any("deep" in remark.message for remark in findings.remarks)


def test_a_nested_bomb_is_cut_off_with_a_remark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(java, "_MAX_NESTED", 1 << 20)
    data = jar({"bomb-1.jar": bytes(8 << 20)} | pom("g", "outer", "1"))
    findings = read(data, "/outer-1.jar")
    assert [item.name for item in findings.packages] == ["g:outer"]
    assert "too many bytes" in findings.remarks[0].message


@pytest.mark.parametrize("name", [*pom("g", "a", "1"), "inner.jar"])
def test_a_member_whose_unpacking_has_no_bound_is_not_unpacked(name: str) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr(name, jar(pom("g", "a", "1")))
    assert "neither stored nor deflated" in read(buffer.getvalue()).remarks[0].message


def test_a_description_that_is_too_long_is_reported() -> None:
    path = "META-INF/maven/g/a/pom.properties"
    findings = read(jar({path: b"x" * (2 << 20)}))
    assert any(path in remark.location for remark in findings.remarks)


def test_a_directory_that_claims_to_be_huge_is_not_read() -> None:
    data = bytearray(jar(pom("g", "a", "1")))
    at = data.rfind(b"PK\x05\x06")
    data[at + 12 : at + 16] = (1 << 30).to_bytes(4, "little")
    assert "zip directory" in read(bytes(data)).remarks[0].message


@pytest.mark.parametrize("cut", [10, 60, 150])
def test_a_damaged_archive_is_reported(cut: int) -> None:
    findings = read(jar(pom("g", "a", "1"))[:cut])
    assert [remark.kind for remark in findings.remarks] == ["unparsed"]


def test_a_damaged_member_inside_a_good_archive_is_reported() -> None:
    inner = bytearray(jar(pom("g", "a", "1") | {"padding": "x" * 1000}))
    data = bytearray(jar({"inner-1.jar": bytes(inner)} | pom("g", "outer", "1")))
    middle = data.find(b"inner-1.jar") + 40
    data[middle : middle + 20] = b"\xff" * 20
    assert any("damaged" in remark.message for remark in read(bytes(data)).remarks)


def test_placeholders_of_maven_name_no_package() -> None:
    assert found(read(jar(pom("g", "a", "${project.version}")))) == []


APP = jar(pom("org.example", "app", "1.0"))
STUBS = {
    "a shell script": b"#!/bin/bash\nexec java -jar $0\nexit 1\n",
    "a program": b"\x7fELF" + bytes([2, 1, 1]) + bytes(9) + b"\2\0" + bytes(3000),
    "odd bytes": b"PX\0\1",
    "a zip's beginning": b"PK\3\4 and no more",
}


@pytest.mark.parametrize("stub", STUBS.values(), ids=STUBS)
def test_whatever_stands_before_an_archive_it_is_read_from_its_end(stub: bytes) -> None:
    findings = read(stub + APP)
    assert [name for name, _, _ in found(findings)] == ["org.example:app"]
    assert findings.remarks == []
    nested = jar({"BOOT-INF/lib/in-1.jar": stub + APP})
    assert ("org.example:app", "1.0", "/boot.jar:BOOT-INF/lib/in-1.jar") in found(
        read(stub + nested, "/boot.jar")
    )


@pytest.mark.parametrize(
    "tail",
    [
        b"",
        b"a comment",
        b"PK\5\6" + bytes(18) + b"a comment with the end of an empty archive in it",
        b"PK\5\6",
    ],
)
def test_no_comment_hides_an_archive(tail: bytes) -> None:
    whole = APP[:-2] + len(tail).to_bytes(2, "little") + tail
    assert [name for name, _, _ in found(read(whole))] == ["org.example:app"]


def test_bytes_behind_an_archive_that_are_no_comment_hide_nothing() -> None:
    assert [name for name, _, _ in found(read(APP + b"\n"))] == ["org.example:app"]


@pytest.mark.parametrize("data", [b"", b"version https://git-lfs.example/v1\n", bytes(40)])
def test_what_is_no_archive_is_no_package_that_is_missing(data: bytes) -> None:
    findings = read(data)
    assert findings.packages == []
    assert [remark.kind for remark in findings.remarks] == ["warning"]


def test_properties_of_blanks_are_read_once() -> None:
    # Blanks before a sign that never comes were looked through from each of them, for hours.
    blanks = " " * 400_000
    lines = f"a{blanks}b\ngroupId = g\nartifactId:  a\nversion\t=\t1{blanks}\n"
    data = jar({"META-INF/maven/g/a/pom.properties": lines})
    (package,) = java.read("/app.jar", io.BytesIO(data)).packages
    assert (package.name, package.version) == ("g:a", "1")
