"""Each step that stands in for maintainer scripts, by name."""

from dataclasses import replace

import pytest
from tests.fakes.definition import AMD64, ARM64, definition, place

from ironhull.build.record import Alternative, PackagePart, TreeEntry
from ironhull.build.scripts import alternatives as read_alternatives
from ironhull.build.scripts import diversions
from ironhull.build.steps.accounts import accounts, run_as
from ironhull.build.steps.base import (
    alternatives,
    base_folders,
    local_time,
    merge_usr,
    name_service,
    os_release,
)
from ironhull.build.steps.certificates import certificates
from ironhull.build.steps.context import StepContext
from ironhull.build.steps.database import package_database
from ironhull.build.steps.java_truststore import java_truststore
from ironhull.build.steps.login import login
from ironhull.build.steps.paths import path_edits
from ironhull.build.tree import Tree, tree_of
from ironhull.debian.java_store import java_store
from ironhull.definition.model import (
    Accounts,
    Group,
    ImageDefinition,
    Keep,
    PathEdit,
    PathKind,
    User,
)
from ironhull.errors import DefinitionError, InputError, MalformedError
from ironhull.oci.tar import DIRECTORY, FILE, SYMLINK


def part(name: str, *paths: str, links=(), captured=(), **more) -> PackagePart:
    entries: dict[str, TreeEntry] = {}
    for path in [*paths, *(link for link, _ in links)]:
        pieces = path.split("/")
        for end in range(1, len(pieces)):
            folder = "/".join(pieces[:end])
            entries.setdefault(folder, TreeEntry(folder, DIRECTORY, 0o755))
        entries[path] = TreeEntry(path, FILE, 0o755 if "/bin/" in path else 0o644)
    for link, target in links:
        entries[link] = TreeEntry(link, SYMLINK, 0o777, link=target)
    values = {"fields": {"Package": name, "Version": "1"}, "md5sums": ""} | more
    return PackagePart(
        name, "1", "amd64", tuple(entries.values()), shipped=len(entries),
        captured=dict(captured), **values,
    )  # fmt: skip


def composed(*parts: PackagePart, of: ImageDefinition | None = None) -> tuple[Tree, StepContext]:
    chosen = of or definition()
    return tree_of(parts), StepContext(chosen, AMD64, parts, {}, frozenset())


def text(tree: Tree, path: str) -> str:
    data = tree.contents[path]
    assert isinstance(data, bytes)
    return data.decode()


def test_merged_usr_links_are_made_where_base_files_has_none():
    tree, context = composed(part("libc6", "usr/lib64/ld.so", "usr/bin/x"))
    merge_usr(tree, context)
    assert {n: tree.entries[n].link for n in ("bin", "sbin", "lib", "lib64")} == {
        "bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib64": "usr/lib64",
    }  # fmt: skip
    assert "lib32" not in tree


def test_merged_usr_refuses_a_folder_in_place_of_a_link():
    tree, context = composed(part("x", "bin/true"))
    with pytest.raises(InputError, match="/bin has to be a link"):
        merge_usr(tree, context)


def test_run_and_tmp_are_as_base_files_leaves_them():
    tree, context = composed(part("base-files", "var/run/x", "etc/debian_version"))
    base_folders(tree, context)
    assert tree.entries["var/run"].link == "/run"
    assert tree.entries["var/lock"].link == "/run/lock"
    assert tree.entries["tmp"].mode == tree.entries["run/lock"].mode == 0o1777
    assert tree.entries["root"].mode == 0o700


def test_the_bundle_is_all_certificates_in_the_order_of_their_names():
    folder = "usr/share/ca-certificates/mozilla"
    captured = {f"{folder}/B.crt": b"bbb", f"{folder}/A.crt": b"aaa\n", f"{folder}/a.crt": b"z\n"}
    tree, context = composed(part("ca-certificates", *captured, captured=captured.items()))
    certificates(tree, context)
    assert text(tree, "etc/ssl/certs/ca-certificates.crt") == "aaa\nbbb\nz\n"
    assert tree.resolve("usr/lib/ssl/cert.pem") == "etc/ssl/certs/ca-certificates.crt"
    assert tree.resolve("usr/lib/ssl/certs") == "etc/ssl/certs"


def test_java_trusts_what_the_bundle_holds_where_its_package_is():
    folder = "usr/share/ca-certificates/mozilla"
    pem = b"-----BEGIN CERTIFICATE-----\nb25l\n-----END CERTIFICATE-----\n"
    captured = {f"{folder}/One_Root.crt": pem}
    authorities = part("ca-certificates", *captured, captured=captured.items())
    tree, context = composed(authorities, part("ca-certificates-java", "usr/share/j/x"))
    java_truststore(tree, context)
    store = tree.contents["etc/ssl/certs/java/cacerts"]
    assert store == java_store({"debian:one_root.pem": b"one"})
    tree, context = composed(authorities)
    java_truststore(tree, context)
    assert "etc/ssl/certs/java/cacerts" not in tree


def test_a_file_of_authorities_without_a_certificate_is_named():
    captured = {"usr/share/ca-certificates/empty.crt": b"none"}
    authorities = part("ca-certificates", *captured, captured=captured.items())
    tree, context = composed(authorities, part("ca-certificates-java", "usr/share/j/x"))
    with pytest.raises(MalformedError, match=r"ca-certificates/empty\.crt: no certificate"):
        java_truststore(tree, context)


def test_no_certificates_no_bundle():
    tree, context = composed(part("x", "usr/x"))
    certificates(tree, context)
    assert "etc/ssl/certs/ca-certificates.crt" not in tree


def test_accounts_of_a_minimal_image_are_root_and_the_definition_s():
    tree, context = composed(part("x", "usr/x"))
    accounts(tree, context)
    assert text(tree, "etc/passwd") == (
        "root:x:0:0:root:/root:/usr/sbin/nologin\n"
        "nonroot:x:65532:65532::/home/nonroot:/usr/sbin/nologin\n"
    )
    assert text(tree, "etc/group") == "root:x:0:\nnonroot:x:65532:\n"
    assert tree.entries["home/nonroot"][2:5] == (0o700, 65532, 65532)
    assert tree.entries["etc/shadow"].mode == 0o640
    assert all(line.split(":")[1] == "*" for line in text(tree, "etc/shadow").splitlines())


def test_accounts_of_packages_come_from_the_masters_and_sysusers():
    captured = {
        "usr/share/base-passwd/passwd.master": b"root:*:0:0:root:/root:/bin/bash\n",
        "usr/share/base-passwd/group.master": b"root:*:0:\nadm:*:4:\n",
        "usr/lib/sysusers.d/apt.conf": b'u _apt 42:65534 "" /nonexistent\n',
        "usr/lib/sysusers.d/b.conf": b"# comment\ng wheel - -\nu web - 'Web' /srv\nm web adm\n",
    }
    tree, context = composed(part("base", "usr/bin/bash", captured=captured.items(),
                                  links=[("bin", "usr/bin")]))  # fmt: skip
    accounts(tree, context)
    passwd = text(tree, "etc/passwd").splitlines()
    assert passwd[0] == "root:x:0:0:root:/root:/bin/bash"
    assert "_apt:x:42:65534::/nonexistent:/usr/sbin/nologin" in passwd
    assert "web:x:998:998:Web:/srv:/usr/sbin/nologin" in passwd
    assert "adm:x:4:web" in text(tree, "etc/group").splitlines()


def test_a_group_number_that_contradicts_the_packages_is_an_error():
    captured = {"usr/share/base-passwd/group.master": b"mail:*:8:\n"}
    wanted = Accounts("u", False, (User("u", 1, 1, "/", "/x"),), (Group("mail", 9),))
    tree, context = composed(
        part("base-passwd", captured=captured.items()), of=definition(accounts=wanted)
    )
    with pytest.raises(InputError, match="group mail is 8 in the packages, 9 in the definition"):
        accounts(tree, context)


def test_the_user_to_run_as_is_numeric_and_has_to_exist():
    known = Accounts("app", False, (User("app", 1000, 1001, "/", "/x"),), ())
    assert run_as(known) == "1000:1001"
    assert run_as(replace(known, run_as="root")) == "0:0"
    with pytest.raises(InputError, match="'who', which is not among"):
        run_as(replace(known, run_as="who"))


def test_name_service_is_libc_bin_s_file_or_a_plain_default():
    captured = {"usr/share/libc-bin/nsswitch.conf": b"passwd: files\n"}
    tree, context = composed(part("libc6"), part("libc-bin", captured=captured.items()))
    name_service(tree, context)
    assert text(tree, "etc/nsswitch.conf") == "passwd: files\n"
    tree, context = composed(part("libc6"))
    name_service(tree, context)
    assert "hosts:          files dns" in text(tree, "etc/nsswitch.conf")


def test_local_time_is_utc_where_there_are_zones():
    tree, context = composed(part("tzdata", "usr/share/zoneinfo/Etc/UTC"))
    local_time(tree, context)
    assert tree.resolve("etc/localtime") == "usr/share/zoneinfo/Etc/UTC"


def test_os_release_is_quoted_for_shells():
    fields = {"ID": "debian", "PRETTY_NAME": 'A "b" $c `d`', "VERSION_ID": "13"}
    tree, context = composed(part("x", "usr/x"), of=definition(os_release=fields))
    os_release(tree, context)
    assert text(tree, "usr/lib/os-release") == (
        'ID=debian\nPRETTY_NAME="A \\"b\\" \\$c \\`d\\`"\nVERSION_ID=13\n'
    )
    assert tree.resolve("etc/os-release") == "usr/lib/os-release"


POSTINST = rb"""#!/bin/sh
update-alternatives --install /usr/bin/awk awk /usr/bin/mawk 5 \
    --slave /usr/share/man/man1/awk.1.gz awk.1.gz /usr/share/man/man1/mawk.1.gz
update-alternatives --quiet --install /usr/bin/$x x /usr/bin/x 1
"""


def test_alternatives_are_read_and_not_run():
    (found,) = read_alternatives(POSTINST)
    assert (found.link, found.name, found.path, found.priority) == (
        "/usr/bin/awk", "awk", "/usr/bin/mawk", 5,
    )  # fmt: skip
    assert found.slaves == (
        ("/usr/share/man/man1/awk.1.gz", "awk.1.gz", "/usr/share/man/man1/mawk.1.gz"),
    )


def test_the_alternative_with_the_highest_priority_gets_the_link_and_missing_slaves_none():
    better = Alternative("/usr/bin/awk", "awk", "/usr/bin/gawk", 10, ())
    gone = Alternative("/usr/bin/awk", "awk", "/usr/bin/none", 99, ())
    tree, context = composed(
        part("mawk", "usr/bin/mawk", alternatives=read_alternatives(POSTINST)),
        part("gawk", "usr/bin/gawk", alternatives=(better, gone)),
    )
    alternatives(tree, context)
    assert tree.resolve("usr/bin/awk") == "usr/bin/gawk"
    assert not any("man1" in path for path in tree.entries)


def test_diversions_of_the_move_to_a_merged_usr_do_not_count():
    script = b"""
dpkg-divert --package dash --no-rename --divert /bin/sh.distrib --add /bin/sh
dpkg-divert --package base-files --divert /.lib32.usr-is-merged --add /lib32
dpkg-divert --remove --package x /bin/y
"""
    assert diversions(script) == (("/bin/sh", "/bin/sh.distrib"),)


def test_login_stacks_and_shells_are_only_for_images_with_a_shell():
    keep = definition(keep=Keep(shell=True))
    tree, context = composed(
        part("libpam-runtime"), part("debianutils"), part("dash", "usr/bin/dash"), of=keep
    )
    login(tree, context)
    assert "pam_unix.so" in text(tree, "etc/pam.d/common-auth")
    assert text(tree, "etc/shells").splitlines()[1:] == ["/usr/bin/dash"]
    tree, context = composed(part("debianutils"))
    login(tree, context)
    assert "etc/shells" not in tree


def edit(kind: PathKind, path: str, **more) -> PathEdit:
    return PathEdit(kind=kind, path=path, place=place(), **more)


def test_path_edits_are_made_in_order_on_the_merged_tree():
    edits = (
        edit(PathKind.DELETE, "/bin/x"),
        edit(PathKind.FILE, "/etc/a/b", content=b"1", mode=0o600, uid=7, gid=8),
        edit(PathKind.EMPTY_FILE, "/etc/a/c"),
        edit(PathKind.SYMLINK, "/etc/a/d", source="b"),
        edit(PathKind.DIRECTORY, "/etc/a", uid=9, gid=9, recursive=True),
        edit(PathKind.FILE, "/arm", platforms=(ARM64,)),
    )
    tree, context = composed(
        part("p", "usr/bin/x", links=[("bin", "usr/bin")]), of=definition(paths=edits)
    )
    path_edits(tree, context)
    assert "usr/bin/x" not in tree
    assert tree.entries["etc/a/b"][2:5] == (0o600, 9, 9)
    assert "arm" not in tree
    assert tree.whiteouts() == ["usr/bin/x"]


def test_all_path_edits_that_fail_are_told_at_their_place():
    edits = (
        edit(PathKind.DELETE, "/none"),
        edit(PathKind.DELETE, "/usr"),
    )
    tree, context = composed(part("p", "usr/x"), of=definition(paths=edits))
    with pytest.raises(DefinitionError) as caught:
        path_edits(tree, context)
    assert [str(p) for p in caught.value.problems] == [
        "images/app/debian-13/1.yaml:7:3: cannot delete /none: the image has no such path",
        "images/app/debian-13/1.yaml:7:3: /usr is a folder with files in it (add recursive: true)",
    ]


def test_the_database_forgets_files_that_the_definition_deleted():
    sums = "0" * 32 + "  usr/a\n" + "1" * 32 + "  usr/b\n"
    paths = ("usr/a", "usr/b", "var/lib/dpkg/status.d/p", "var/lib/dpkg/status.d/p.md5sums")
    tree, context = composed(part("p", *paths, md5sums=sums))
    package_database(tree, context)
    assert not tree.contents
    tree.delete("usr/b")
    package_database(tree, context)
    assert text(tree, "var/lib/dpkg/status.d/p.md5sums") == "0" * 32 + "  usr/a\n"


def test_a_complete_database_needs_the_packages():
    keep = definition(keep=Keep(package_database="dpkg"))
    tree, context = composed(part("p", "usr/a"), of=keep)
    with pytest.raises(InputError, match=r"p 1: its \.deb is needed"):
        package_database(tree, context)


def test_an_alternative_that_climbs_or_hides_is_not_one():
    for link, name in (
        ("/a/../../etc/x", "x"),
        ("usr/bin/x", "x"),
        ("/usr/bin/x", "../x"),
        ("/usr/bin/x", ".wh.x"),
    ):
        script = f"update-alternatives --install {link} {name} /usr/bin/b 5\n"
        assert read_alternatives(script.encode()) == ()
    for priority in ("--5", "\u00b2", "5x"):
        script = f"update-alternatives --install /usr/bin/x x /usr/bin/b {priority}\n"
        assert read_alternatives(script.encode()) == ()
    script = b"update-alternatives --install /usr/bin/x x /usr/bin/b 5 --slave /m/../.. y /z\n"
    assert read_alternatives(script)[0].slaves == ()


def test_a_diversion_is_found_whatever_the_order_of_its_arguments():
    for script in (
        b"dpkg-divert --package p --add --divert /usr/bin/x.real --rename /usr/bin/x\n",
        b"dpkg-divert --package p --add /usr/bin/x --divert /usr/bin/x.real --rename\n",
    ):
        assert diversions(script) == (("/usr/bin/x", "/usr/bin/x.real"),)
    assert diversions(b"dpkg-divert --list /usr/bin/x; dpkg-divert --truename /usr/bin/y\n") == ()


def test_merged_usr_refuses_a_link_to_somewhere_else():
    tree, context = composed(part("x", "usr/bin/y", links=[("bin", "/tmp")]))
    with pytest.raises(InputError, match=r"/bin has to be a link to usr/bin and leads to /tmp"):
        merge_usr(tree, context)


@pytest.mark.parametrize("path", ["../x", "a/../b", "etc/.wh.passwd", "/etc/x", "a//b", "", "a\nb"])
def test_no_step_can_write_a_path_that_leaves_or_hides(path):
    tree, _ = composed(part("x", "usr/x"))
    with pytest.raises(InputError, match="not a path that an image can hold"):
        tree.put_symlink(path, "x")


def test_an_edit_of_the_root_or_of_a_whiteout_is_refused_at_its_place():
    edits = (
        PathEdit(PathKind.DIRECTORY, "/", place(), mode=0o700),
        PathEdit(PathKind.FILE, "/etc/.wh.passwd", place(), content=b""),
    )
    tree, context = composed(part("x", "usr/x"), of=definition(paths=edits))
    with pytest.raises(DefinitionError) as raised:
        path_edits(tree, context)
    assert len(raised.value.problems) == 2


@pytest.mark.parametrize(
    "line",
    ['u app - "', 'u app 5 "x:/root:/bin/bash" /', "u app 99999999999", "g app 5x", "u a:b 7"],
)
def test_a_sysusers_line_that_cannot_be_is_an_error_that_names_the_package(line):
    path = "usr/lib/sysusers.d/p.conf"
    tree, context = composed(part("p", path, captured=[(path, line.encode())]))
    with pytest.raises(InputError, match=r"/usr/lib/sysusers\.d/p\.conf of p: "):
        accounts(tree, context)


@pytest.mark.parametrize("line", [b"root:*:0\n", b"root:*:x:0:root:/root:/bin/bash\n", b"\xff\n"])
def test_a_damaged_master_of_accounts_is_an_error(line):
    path = "usr/share/base-passwd/passwd.master"
    tree, context = composed(part("base-passwd", path, captured=[(path, line)]))
    with pytest.raises(InputError, match="not a line of 7 fields"):
        accounts(tree, context)


def test_a_home_behind_a_link_does_not_replace_the_link():
    user = User("app", 7, 7, "/var/run", "/usr/sbin/nologin")
    of = definition(accounts=Accounts("app", False, (user,), ()))
    tree, context = composed(part("base-files", "etc/x"), of=of)
    base_folders(tree, context)
    accounts(tree, context)
    assert tree.entries["var/run"].is_symlink
    assert tree.entries["run"].uid == 7


def test_authorities_of_the_owner_reach_the_bundle_and_java_s_store():
    pem = b"-----BEGIN CERTIFICATE-----\n%s\n-----END CERTIFICATE-----\n"
    folder, local = "usr/share/ca-certificates/mozilla", "/usr/local/share/ca-certificates"
    captured = {f"{folder}/One.crt": pem % b"b25l"}
    both = pem % b"dHdv" + pem % b"dGhyZWU="
    edits = (
        edit(PathKind.FILE, f"{local}/Corp.crt", content=both),
        edit(PathKind.FILE, f"{local}/arm.crt", content=pem % b"YXJt", platforms=(ARM64,)),
    )
    tree, context = composed(
        part("ca-certificates", *captured, captured=captured.items()),
        part("ca-certificates-java", "usr/share/j/x"),
        of=definition(paths=edits),
    )
    certificates(tree, context)
    java_truststore(tree, context)
    assert text(tree, "etc/ssl/certs/ca-certificates.crt").encode() == pem % b"b25l" + both
    assert tree.contents["etc/ssl/certs/java/cacerts"] == java_store(
        {"debian:one.pem": b"one", "local:corp.pem": b"two", "local:corp-1.pem": b"three"}
    )


def test_an_authority_in_another_form_or_under_another_name_is_said_at_its_place():
    local = "/usr/local/share/ca-certificates"
    pem = b"-----BEGIN CERTIFICATE-----\nb25l\n-----END CERTIFICATE-----\n"
    edits = (
        edit(PathKind.FILE, f"{local}/der.crt", content=b"\x30\x82"),
        edit(PathKind.FILE, f"{local}/corp.pem", content=pem),
    )
    tree, context = composed(part("x", "usr/x"), of=definition(paths=edits))
    with pytest.raises(DefinitionError) as caught:
        certificates(tree, context)
    assert [problem.message for problem in caught.value.problems] == [
        f"{local}/der.crt: no certificate in PEM form in it (BEGIN CERTIFICATE)",
        f"{local}/corp.pem: an authority's file is only taken if its name ends with .crt",
    ]


def test_accounts_that_units_tmpfiles_and_configuration_name_are_made():
    captured = {
        "usr/lib/systemd/system/cache.service": b"[Service]\nUser=cache\nGroup=cachers\n",
        "usr/lib/tmpfiles.d/cache.conf": b"#Type\nd /run/cache 0755 spool root -\n",
        "etc/cache/cache.cfg": b"global\n\tuser proxied\n\tgroup www-data # as ever\n",
        "etc/other.conf": b"user = else\n",
        "etc/cache.conf": b"user = %i\nuser root;\n",
    }
    tree, context = composed(part("cache-server", captured=captured.items()))
    accounts(tree, context)
    names = [line.split(":")[0] for line in text(tree, "etc/passwd").splitlines()]
    assert names == ["root", "proxied", "cache", "spool", "nonroot"]
    assert "www-data:x:33:" in text(tree, "etc/group").splitlines()
    assert "cachers:" in text(tree, "etc/group")


def test_configuration_that_the_definition_replaces_names_nobody():
    captured = {"etc/web/web.conf": b"user www-data;\n"}
    of = definition(paths=(edit(PathKind.FILE, "/etc/web/web.conf", content=b""),))
    tree, context = composed(part("web", "etc/web/web.conf", captured=captured.items()), of=of)
    accounts(tree, context)
    assert "www-data" not in text(tree, "etc/passwd")


def test_a_pattern_deletes_all_that_it_names_and_has_to_name_something():
    paths = ("usr/bin/gem", "usr/bin/gem3.3", "usr/bin/ruby", "usr/lib/g/1/exe/x", "usr/lib/g/2/a")
    edits = (
        edit(PathKind.DELETE, "/usr/bin/gem*"),
        edit(PathKind.DELETE, "/usr/lib/g/*/exe", recursive=True),
    )
    tree, context = composed(part("p", *paths), of=definition(paths=edits))
    path_edits(tree, context)
    left = [path for path, entry in tree.entries.items() if not entry.is_directory]
    assert left == ["usr/bin/ruby", "usr/lib/g/2/a"]
    tree, context = composed(
        part("p", "usr/x"), of=definition(paths=(edit(PathKind.DELETE, "/usr/y*"),))
    )
    with pytest.raises(DefinitionError, match=r"cannot delete /usr/y\*: the image has no such"):
        path_edits(tree, context)
