import pytest
from tests.fakes.definition import AMD64, ARM64, definition

from ironhull.build.check import CHECKS, CheckedImage, check_image
from ironhull.build.elf import Elf
from ironhull.build.mending import mending, yaml_lines
from ironhull.build.record import PackagePart, TreeEntry
from ironhull.build.tree import Tree, tree_of
from ironhull.definition.model import Healthcheck, Keep
from ironhull.oci.tar import DIRECTORY, FILE, SYMLINK


def elf(*needed: str, interpreter: str = "", rpath: tuple[str, ...] = (), machine: int = 62) -> Elf:
    return Elf(64, machine, 3, 0, interpreter, "", needed, rpath, True)


def entry(path: str, mode: int = 0o644, **more) -> TreeEntry:
    return TreeEntry(path, more.pop("kind", FILE), mode, **more)


def tree(*entries: TreeEntry, passwd: bytes = b"nonroot:x:65532:65532::/:/x\n") -> Tree:
    found: dict[str, TreeEntry] = {}
    for item in entries:
        pieces = item.path.split("/")
        for end in range(1, len(pieces)):
            folder = "/".join(pieces[:end])
            found.setdefault(folder, TreeEntry(folder, DIRECTORY, 0o755))
        found[item.path] = item
    made = tree_of([PackagePart("p", "1", "amd64", tuple(found.values()), {}, 0, "")])
    made.put_file("etc/passwd", passwd)
    return made


def problems(name: str, made: Tree, *, uid: int = 65532, platform=AMD64, **changes) -> list[str]:
    subject = CheckedImage(made, definition(**changes), platform, uid, uid)
    looked_at, found = CHECKS[name](subject)
    assert looked_at >= 0
    return [problem.text for problem in found]


def test_an_image_without_faults_passes_every_check():
    made = tree(
        entry("usr/bin/app", 0o755, elf=elf("libc.so.6", interpreter="/lib64/ld.so")),
        entry("usr/lib/x86_64-linux-gnu/libc.so.6", elf=elf()),
        entry("lib64/ld.so", 0o755),
    )
    subject = CheckedImage(made, definition(cmd=("app",)), AMD64, 65532, 65532)
    results = check_image(subject)
    assert [result.name for result in results] == list(CHECKS)
    assert all(result.ok for result in results), results


def test_every_problem_names_the_package_that_brings_the_path():
    parts = [
        PackagePart(
            "routes",
            "1",
            "all",
            (
                TreeEntry("usr", DIRECTORY, 0o755),
                TreeEntry("usr/routel", FILE, 0o755, shebang="/usr/bin/python3"),
            ),
            {},
            0,
            "",
        ),
        PackagePart(
            "posh", "1", "amd64", (TreeEntry("posh", FILE, 0o4755), TreeEntry("x", FILE, 0o666)),
            {}, 0, "",
        ),
    ]  # fmt: skip
    made = tree_of(parts)
    made.put_file("etc/passwd", b"nonroot:x:65532:65532::/:/x\n", mode=0o666)
    image = CheckedImage(made, definition(cmd=("/x",)), AMD64, 65532, 65532)
    said = {check.name: check.problems for check in check_image(image)}
    assert said["scripts"] == ("/usr/routel needs /usr/bin/python3 (from routes)",)
    assert said["no-shell"] == said["no-setuid"] == ("/posh (from posh)",)
    assert said["no-world-writable"] == (
        "/etc/passwd has mode 0666",
        "/x has mode 0666 (from posh)",
    )
    assert said["entrypoint"] == (
        "user 65532 may not execute /x: /x has mode 0666 and owner 0:0 (from posh)",
    )


def test_a_missing_library_is_found_and_one_that_is_not_searched_is_hinted_at():
    made = tree(
        entry("usr/bin/app", 0o755, elf=elf("liba.so.1", "libb.so.1")),
        entry("opt/lib/libb.so.1", elf=elf()),
    )
    assert problems("libraries", made) == [
        "/usr/bin/app needs liba.so.1",
        "/usr/bin/app needs libb.so.1 (there is /opt/lib/libb.so.1, not searched)",
    ]


@pytest.mark.parametrize("rpath", ["$ORIGIN/../lib", "${ORIGIN}/../lib", "/opt/lib"])
def test_a_run_path_is_searched(rpath):
    made = tree(
        entry("opt/bin/app", 0o755, elf=elf("libb.so.1", rpath=(rpath,))),
        entry("opt/lib/libb.so.1", elf=elf()),
    )
    assert problems("libraries", made) == []


def test_the_library_path_of_the_environment_is_searched():
    made = tree(entry("a", 0o755, elf=elf("l.so")), entry("opt/l.so", elf=elf()))
    assert problems("libraries", made, environment={"LD_LIBRARY_PATH": "/opt"}) == []


def test_a_missing_interpreter_and_a_foreign_cpu_are_found():
    made = tree(entry("a", 0o755, elf=elf(interpreter="/lib64/ld.so")))
    assert problems("libraries", made) == ["/a needs the interpreter /lib64/ld.so"]
    assert problems("libraries", made, platform=ARM64) == ["/a is for another CPU (e_machine 62)"]


def test_scripts_need_their_interpreter_even_behind_env():
    made = tree(
        entry("usr/bin/a", 0o755, shebang="/bin/sh -e"),
        entry("usr/bin/b", 0o755, shebang="/usr/bin/env -S node --x"),
        entry("usr/bin/c", 0o755, shebang="python"),
        entry("usr/bin/env", 0o755),
        entry("usr/share/not-executable", 0o644, shebang="/bin/ksh"),
        entry("usr/share/doc/p/example", 0o755, shebang="/bin/ksh"),
    )
    assert sorted(problems("scripts", made)) == [
        "/usr/bin/a needs /bin/sh",
        "/usr/bin/b needs node, by way of env",
        "/usr/bin/c is a script without an absolute interpreter",
    ]


def test_absolute_links_lead_somewhere_unless_the_runtime_makes_it():
    made = tree(
        entry("etc/a", kind=SYMLINK, link="/usr/none"),
        entry("etc/mtab", kind=SYMLINK, link="/proc/mounts"),
        entry("var/run", kind=SYMLINK, link="/run"),
    )
    assert problems("links", made) == ["/etc/a leads to /usr/none, which is not there"]


def test_the_entrypoint_is_there_and_may_be_executed_by_the_image_s_user():
    assert problems("entrypoint", tree(), cmd=("app",)) == [
        "'app', which the image starts, is not in it"
    ]
    made = tree(entry("usr/bin/app", 0o700))
    found = problems("entrypoint", made, entrypoint=("/usr/bin/app",))
    assert found == [
        "user 65532 may not execute /usr/bin/app: /usr/bin/app has mode 0700 and owner 0:0"
    ]
    assert problems("entrypoint", made, entrypoint=("/usr/bin/app",), uid=0) == []
    assert problems("entrypoint", tree()) == []


def test_the_user_exists_and_is_not_root_by_accident():
    assert problems("user", tree(passwd=b"")) == ["user 65532 is not in /etc/passwd"]
    root = tree(passwd=b"root:x:0:0::/:/x\n")
    assert problems("user", root, uid=0) == [
        "the image runs as root, and accounts.root does not say so"
    ]


def test_the_user_can_enter_its_folder():
    made = tree(entry("srv/app", 0o700, kind=DIRECTORY))
    (found,) = problems("user", made, work_dir="/srv/app")
    assert found.startswith("user 65532 cannot enter /srv/app")


@pytest.mark.parametrize(
    ("check", "program", "keep"),
    [
        ("no-shell", "sh", "shell"),
        ("no-shell", "dash", "shell"),
        ("no-shell", "busybox", "shell"),
        ("no-package-manager", "apt-get", "package_manager"),
        ("no-package-manager", "npm", "package_manager"),
        ("no-package-manager", "pip3.13", "package_manager"),
        ("no-compiler", "x86_64-linux-gnu-gcc-14", "compiler"),
        ("no-compiler", "ld.bfd", "compiler"),
    ],
)
def test_programs_that_attackers_use_are_found_unless_kept(check, program, keep):
    made = tree(entry(f"usr/bin/{program}", 0o755))
    assert problems(check, made) == [f"/usr/bin/{program}"]
    assert problems(check, made, keep=Keep(**{keep: True})) == []


def test_links_to_a_shell_count_and_links_to_nothing_do_not():
    made = tree(
        entry("usr/bin/tool", 0o755),
        entry("usr/bin/sh", kind=SYMLINK, link="tool"),
        entry("usr/bin/bash", kind=SYMLINK, link="none"),
    )
    assert problems("no-shell", made) == ["/usr/bin/sh"]


def test_setuid_and_world_writable_files_are_found():
    made = tree(
        entry("usr/bin/su", 0o4755),
        entry("srv/open", 0o666),
        entry("tmp", 0o1777, kind=DIRECTORY),
        entry("shared", 0o777, kind=DIRECTORY),
    )
    assert problems("no-setuid", made) == ["/usr/bin/su"]
    assert problems("no-setuid", made, keep=Keep(setuid=("/usr/bin/su",))) == []
    assert problems("no-world-writable", made) == [
        "/srv/open has mode 0666",
        "/shared has mode 0777",
    ]


def test_a_result_knows_its_platform():
    subject = CheckedImage(tree(), definition(), ARM64, 65532, 65532)
    assert {result.platform for result in check_image(subject)} == {"linux/arm64"}


def test_a_library_outside_of_ld_so_s_folders_does_not_count_by_its_folder_s_name():
    private = "usr/lib/x86_64-linux-gnu/private"
    made = tree(
        entry("usr/bin/app", 0o755, elf=elf("libb.so.1")),
        entry(f"{private}/libb.so.1", elf=elf()),
        entry("etc/ld.so.conf.d/private.conf"),
    )
    needs = f"/usr/bin/app needs libb.so.1 (there is /{private}/libb.so.1, not searched)"
    assert problems("libraries", made) == [needs]
    subject = CheckedImage(made, definition(), AMD64, 1, 1, (f"/{private}",))
    assert CHECKS["libraries"](subject) == (2, [])


@pytest.mark.parametrize("folder", ["usr/local/lib", "usr/lib/x86_64-linux-gnu/systemd"])
def test_folders_that_ld_so_does_not_look_into_by_itself_do_not_count(folder):
    made = tree(entry("a", 0o755, elf=elf("l.so")), entry(f"{folder}/l.so", elf=elf()))
    assert problems("libraries", made) == [f"/a needs l.so (there is /{folder}/l.so, not searched)"]


def test_an_interpreter_must_be_a_program():
    made = tree(
        entry("usr/bin/a", 0o755, shebang="/usr/lib"),
        entry("usr/bin/b", 0o755, shebang="/usr/lib/x"),
        entry("usr/bin/c", 0o755, elf=elf(interpreter="/usr/lib/x")),
        entry("usr/lib/x", 0o644),
    )
    assert sorted(problems("scripts", made)) == [
        "/usr/bin/a needs /usr/lib",
        "/usr/bin/b needs /usr/lib/x",
    ]
    assert problems("libraries", made) == ["/usr/bin/c needs the interpreter /usr/lib/x"]


@pytest.mark.parametrize(
    "arguments",
    ["-S node --x", "-Snode --x", "-vS node", "--split-string=node", "-u HOME node", "A=b node"],
)
def test_a_program_is_found_behind_the_options_of_env(arguments):
    made = tree(
        entry("usr/bin/a", 0o755, shebang=f"/usr/bin/env {arguments}"), entry("usr/bin/env", 0o755)
    )
    assert problems("scripts", made) == ["/usr/bin/a needs node, by way of env"]


def test_a_carriage_return_after_the_interpreter_is_told():
    made = tree(
        entry("usr/bin/a", 0o755, shebang="/bin/sh\r"),
        entry("usr/bin/b", 0o755, shebang="/usr/bin/env sh\r"),
        entry("bin/sh", 0o755),
        entry("usr/bin/env", 0o755),
    )
    (first, second) = sorted(problems("scripts", made))
    assert first.startswith(r"/usr/bin/a needs '/bin/sh\r' (its lines end as on Windows")
    assert second.startswith(r"/usr/bin/b needs 'sh\r' (its lines end as on Windows")


def test_a_folder_is_nothing_to_start():
    made = tree(entry("srv/app", 0o755, kind=DIRECTORY))
    for uid in (0, 1000):
        assert problems("entrypoint", made, entrypoint=("/srv/app",), uid=uid) == [
            "'/srv/app', which the image starts, is no program"
        ]


def test_what_tells_the_image_s_health_is_in_it():
    made = tree(entry("usr/bin/app", 0o755))
    health = Healthcheck(("curl", "-f", "http://localhost"))
    assert problems("entrypoint", made, cmd=("app",), healthcheck=health) == [
        "'curl', which the image starts, is not in it"
    ]


def test_a_work_dir_that_is_a_file_is_found():
    made = tree(entry("srv/app", 0o755))
    assert problems("user", made, work_dir="/srv/app") == ["work-dir /srv/app is not a folder"]


@pytest.mark.parametrize(
    ("check", "programs"),
    [
        ("no-shell", "ash bash-static bsd-csh csh elvish fish hush ksh93 rksh93 lksh mksh-static "
         "posh pwsh rbash rzsh sash tcsh xonsh yash zsh5 zsh-static busybox.static"),
        ("no-package-manager", "apt-cache dpkg-deb opkg uv uvx bundle bundler cpan cpanm cpan5.40 "
         "poetry bun luarocks dnf5"),
        ("no-compiler", "cc1 cc1plus collect2 lto1 nasm zig"),
    ],
)  # fmt: skip
def test_other_names_of_such_programs_are_found_too(check, programs):
    for program in programs.split():
        made = tree(entry(f"usr/bin/{program}", 0o755))
        assert problems(check, made) == [f"/usr/bin/{program}"]


def test_programs_that_only_sound_like_it_are_not_found():
    names = "ssh mosh rsh dsh ssh-keygen hash push gosh npmrc pipewire gosu asd going makedev"
    made = tree(*(entry(f"usr/bin/{name}", 0o755) for name in names.split()))
    for check in ("no-shell", "no-package-manager", "no-compiler"):
        assert problems(check, made) == []


@pytest.mark.parametrize("private", ["usr/lib/jvm/java/lib", "opt/java/lib", "jre/lib"])
def test_a_plug_in_needs_not_find_what_its_program_has_loaded_from_further_down(private):
    made = tree(
        entry(f"{private}/libawt.so", elf=elf("libjvm.so")),
        entry(f"{private}/server/libjvm.so", elf=elf()),
        entry("usr/lib/libplain.so", elf=elf("libdeep.so")),
        entry("usr/lib/deep/libdeep.so", elf=elf()),
    )
    assert problems("libraries", made) == [
        "/usr/lib/libplain.so needs libdeep.so (there is /usr/lib/deep/libdeep.so, not searched)"
    ]


def test_what_would_mend_an_image_is_told_package_by_package_and_path_by_path():
    script = {"mode": 0o755, "shebang": "/bin/sh"}
    parts = [
        PackagePart("init", "1", "all", (
            TreeEntry("usr", DIRECTORY, 0o755), TreeEntry("usr/bin", DIRECTORY, 0o755),
            TreeEntry("usr/bin/service", FILE, **script),
        ), {}, 0, ""),
        PackagePart("app", "1", "amd64", (
            TreeEntry("usr/bin/app", FILE, 0o755, elf=elf()),
            TreeEntry("usr/bin/app-admin", FILE, **script),
            TreeEntry("usr/lib", DIRECTORY, 0o755), TreeEntry("usr/lib/app", DIRECTORY, 0o755),
            TreeEntry("usr/lib/app/exe", DIRECTORY, 0o755),
            TreeEntry("usr/lib/app/exe/a", FILE, **script),
            TreeEntry("usr/lib/app/exe/b", FILE, **script),
            TreeEntry("usr/lib/app/gui.so", FILE, 0o644, elf=elf("libwindows.so.1")),
        ), {}, 0, ""),
    ]  # fmt: skip
    made = tree_of(parts)
    made.put_file("etc/passwd", b"nonroot:x:65532:65532::/:/x\n")
    checks = check_image(CheckedImage(made, definition(), AMD64, 65532, 65532))
    assert yaml_lines(mending(checks, made, {"app"})) == (
        "contents:\n  packages:\n"
        '    - "!init"\n'
        "paths:\n"
        "  - {type: delete, path: /usr/bin/app-admin, recursive: true}\n"
        "  - {type: delete, path: /usr/lib/app/exe, recursive: true}\n"
        "hardening:\n  idle:\n"
        "    - /usr/lib/app/gui.so\n"
    )


def test_who_asks_for_a_shell_is_told_to_allow_it_and_to_delete_links_to_what_goes():
    script = {"mode": 0o755, "shebang": "/bin/sh"}
    parts = [
        PackagePart("bash", "1", "amd64", (
            TreeEntry("usr", DIRECTORY, 0o755), TreeEntry("usr/bin", DIRECTORY, 0o755),
            TreeEntry("usr/bin/bash", FILE, 0o755, elf=elf()),
            TreeEntry("usr/bin/bashbug", FILE, **script),
            TreeEntry("usr/bin/bug", SYMLINK, 0o777, link="/etc/alternatives/bug"),
            TreeEntry("etc", DIRECTORY, 0o755), TreeEntry("etc/alternatives", DIRECTORY, 0o755),
            TreeEntry("etc/alternatives/bug", SYMLINK, 0o777, link="/usr/bin/bashbug"),
        ), {}, 0, ""),
    ]  # fmt: skip
    made = tree_of(parts)
    made.put_file("etc/passwd", b"nonroot:x:65532:65532::/:/x\n")
    checks = check_image(CheckedImage(made, definition(), AMD64, 65532, 65532))
    assert yaml_lines(mending(checks, made, {"bash"})) == (
        "paths:\n"
        "  - {type: delete, path: /etc/alternatives/bug, recursive: true}\n"
        "  - {type: delete, path: /usr/bin/bashbug, recursive: true}\n"
        "  - {type: delete, path: /usr/bin/bug, recursive: true}\n"
        "hardening:\n  shell: true\n"
    )
    assert '"!bash"' in yaml_lines(mending(checks, made, set()))
