"""Images whose programs are compiled in a stage, fetched by checksum, or out of another image."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from ironhull.build.built import BuiltImage
from ironhull.cli.machine import silent
from ironhull.errors import DefinitionError, NetworkError
from ironhull.oci.platform import Platform
from ironhull.sandbox.model import Wish
from ironhull.sandbox.running import run
from ironhull.store.choice import choose_manifest, machine_platform
from ironhull.store.rootfs import write_rootfs
from ironhull.workspace.bubblewrap import bubblewrap
from ironhull.workspace.building import BuildChoices, build_images
from ironhull.workspace.machine import Machine

EXAMPLES = Path(__file__).parents[2] / "examples/sources"


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    return silent(home=tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The examples, where locks may be written beside them."""
    target = tmp_path_factory.mktemp("sources") / "sources"
    shutil.copytree(EXAMPLES, target, ignore=shutil.ignore_patterns("*.lock.json"))
    for path in target.rglob("*.yaml"):
        text = path.read_text()
        path.write_text(text.replace("[linux/amd64]", f"[{machine_platform()}]"))
    return target


def build(machine: Machine, path: Path, *, twice: bool = False) -> BuiltImage:
    chosen = BuildChoices(attest=False, check_reproducible=twice)
    return build_images(machine, [str(path)], chosen)[0]


@pytest.fixture(scope="module")
def compiled(machine: Machine, folder: Path) -> BuiltImage:
    """The program in C, built twice: another folder, time zone and number of jobs."""
    return build(machine, folder / "c/hello.yaml", twice=True)


def said(machine: Machine, image: BuiltImage, folder: Path, *command: str) -> str:
    """What a command in the image prints, run as its user in the sandbox."""
    root = folder / "root"
    store = machine.home.store
    write_rootfs(store, choose_manifest(store, image.descriptor), root)
    for name in ("proc", "dev", "tmp"):
        (root / name).mkdir(exist_ok=True)
    ended = run(bubblewrap(machine), Wish(root, command, {"PATH": "/usr/local/bin"}))
    assert ended.exit_code == 0, ended.stderr
    return ended.stdout.decode()


def test_a_program_compiled_from_c_runs_without_its_compiler(
    machine: Machine, compiled: BuiltImage, tmp_path: Path
) -> None:
    (platform,) = compiled.platforms
    assert Platform.parse(platform.platform) == machine_platform()
    names = {package.name for package in platform.packages}
    assert "zlib1g" in names
    assert not {"gcc", "make", "bash", "libc6-dev"} & names
    assert said(machine, compiled, tmp_path, "hello").startswith("hello, built with zlib 1.")


def test_a_program_compiled_from_go_runs_alone(
    machine: Machine, folder: Path, tmp_path: Path
) -> None:
    image = build(machine, folder / "go/hello.yaml")
    assert said(machine, image, tmp_path, "hello").startswith("hello 1.0, built with go1.")


def test_a_program_in_java_runs_on_the_modules_that_it_needs_alone(
    home_with_layers: Path, folder: Path, tmp_path: Path
) -> None:
    """In a home that has the layers of Java's packages, which take minutes to make."""
    machine = silent(home=home_with_layers)
    image = build(machine, folder / "java/hello.yaml")
    (platform,) = image.platforms
    assert not [package for package in platform.packages if "openjdk" in package.name]
    command = ("/opt/java/bin/java", "-cp", "/opt/hello", "Hello")
    words = said(machine, image, tmp_path, *command)
    assert words == "hello, from a Java of java.base and java.logging\n"


OTHER = """\
# syntax=ironhull/build:1-debian13
image: {name}
tags: ["1"]
platforms: [{platform}]
contents:
  packages: [base-files, libc6, zlib1g]
  {contents}
accounts:
  run-as: nonroot
  users: [{{name: nonroot, uid: 65532, gid: 65532}}]
  groups: [{{name: nonroot, gid: 65532}}]
os-release: {{id: debian, version-id: "13"}}
paths: [{{type: delete, path: /etc/update-motd.d, recursive: true}}]
cmd: [hello]
"""


def other(folder: Path, name: str, contents: str) -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(OTHER.format(name=name, platform=machine_platform(), contents=contents))
    return path


def test_a_program_out_of_another_image_runs(
    machine: Machine, compiled: BuiltImage, folder: Path, tmp_path: Path
) -> None:
    digest = compiled.descriptor.digest
    contents = f"artifacts: [{{name: 'registry.example/hello:1@{digest}', includes: [usr/local]}}]"
    image = build(machine, other(folder, "copied", contents))
    assert said(machine, image, tmp_path, "hello").startswith("hello, built with zlib 1.")
    moved = contents.replace(digest, "sha256:" + "0" * 64).replace(
        "registry.example", "127.0.0.1:9"
    )
    with pytest.raises(NetworkError, match=r"moved\.yaml:7:.*127\.0\.0\.1:9/hello:1@sha256:0000"):
        build(machine, other(folder, "moved", moved))


def test_a_program_fetched_by_its_checksum_runs_and_another_one_is_refused(
    machine: Machine, compiled: BuiltImage, folder: Path, tmp_path: Path
) -> None:
    store = machine.home.store
    write_rootfs(store, choose_manifest(store, compiled.descriptor), tmp_path / "from")
    program = shutil.copy(tmp_path / "from/usr/local/bin/hello", folder / "hello.bin")
    digest = hashlib.sha256(Path(program).read_bytes()).hexdigest()
    contents = (
        "files: [{url: 'file:hello.bin', path: /usr/local/bin/hello, mode: '0755', "
        f"checksum: sha256:{digest}}}]"
    )
    image = build(machine, other(folder, "fetched", contents))
    assert said(machine, image, tmp_path, "hello").startswith("hello, built with zlib 1.")
    with pytest.raises(DefinitionError, match=r"wrong\.yaml:7:.*should be sha256"):
        build(machine, other(folder, "wrong", contents.replace(digest, "1" * 64)))


STEPS = (
    "builds: [{{name: bad, contents: {{packages: [bash, coreutils]}}, "
    "pipeline: [{{runs: '{runs}'}}], outputs: [{{source: /target/x}}]}}]"
)


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        ("cat /etc/no-such; exit 3", "step 'step 1' ended with 3:"),
        ("exec 3<>/dev/tcp/127.0.0.1/80", "step 'step 1' ended with 1:"),
        ("chroot / /bin/true", "ended with 125:.*chroot: cannot change root"),
        ("echo x > /proc/sys/kernel/domainname", "ended with 1:.*(Read-only|Permission denied)"),
        ("mknod /target/disk b 8 0", "ended with 1:.*Operation not permitted"),
        ("test $(ls -d /proc/[0-9]* | wc -l) -gt 9", "ended with 1:"),
        ("truncate -s 9G /target/x", "ended with 153:"),
        ("ln -s /etc/passwd /target/x; rm /etc/passwd", "output /target/x is not there"),
    ],
)
def test_a_step_that_wants_more_than_it_may_is_one_clear_error(
    machine: Machine, folder: Path, runs: str, message: str
) -> None:
    path = other(folder, "bad", STEPS.format(runs=runs))
    with pytest.raises(DefinitionError, match=f"(?s){message}"):
        build(machine, path)
