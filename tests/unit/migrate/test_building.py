"""Dockerfiles built stage by stage: what each instruction does to a folder and a configuration."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.fakes.image import make_image

from ironhull.engine.image_user import image_user
from ironhull.engine.interface import BuildRequest, Mount
from ironhull.errors import EngineError, InputError
from ironhull.migrate.building.copying import Copy, copy, make_folders
from ironhull.migrate.building.engine import BuildingSandbox, removed
from ironhull.migrate.building.ignoring import ignoring
from ironhull.migrate.building.stage import Around, Stage, perform
from ironhull.migrate.dockerfile.lexer import lex
from ironhull.oci.descriptor import Descriptor
from ironhull.oci.digest import digest_of
from ironhull.progress import Silent
from ironhull.sandbox.bubblewrap import Bubblewrap
from ironhull.sandbox.model import Ended, Wish
from ironhull.store.choice import choose_manifest
from ironhull.store.layout import ImageLayout

BASE = Descriptor("application/vnd.oci.image.manifest.v1+json", digest_of(b"base"), 4)


@pytest.fixture
def context(tmp_path: Path) -> Path:
    folder = tmp_path / "context"
    for path in ("package.json", "package-lock.json", "src/a.js", "src/deep/b.js", "secret"):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(path)
    (folder / "src/link").symlink_to("/etc/hostname")
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)
    return folder


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    root = tmp_path / "root"
    (root / "etc").mkdir(parents=True)
    (root / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/:/bin/sh\n")
    (root / "etc/group").write_text("root:x:0:\napp:x:1000:\n")
    return Stage(root, BASE, {}, {"Env": ["PATH=/bin", "A=1"], "Cmd": ["old"], "WorkingDir": "/w"})


def done(stage: Stage, text: str, context: Path, ran: list[tuple[str, ...]] | None = None) -> None:
    """The instructions, done one after the other."""
    around = Around(
        {"GIVEN": "by the caller"},
        lambda name: Copy(context, (), "", ignored=ignoring(context, context / "Dockerfile")),
        lambda stage, argv: (ran if ran is not None else []).append(argv),
    )
    for node in lex(f"FROM x\n{text}".encode()).nodes[1:]:
        if node.instruction is not None:
            perform(stage, node.instruction, around)


def names(stage: Stage) -> set[str]:
    return {
        str(path.relative_to(stage.root))
        for path in stage.root.rglob("*")
        if not path.is_relative_to(stage.root / "etc") and (path.is_symlink() or not path.is_dir())
    }


def test_the_configuration_says_what_the_instructions_say(stage: Stage, context: Path) -> None:
    done(
        stage,
        'ARG GIVEN\nARG PORT=80\nENV A=2 B="$A and ${GIVEN}"\nWORKDIR app\nWORKDIR ./inner\n'
        'LABEL x=y "long name"=z\nEXPOSE $PORT 53/UDP\nVOLUME /data\nUSER app\nSTOPSIGNAL SIGINT\n'
        'ENTRYPOINT ["node"]\nCMD serve --all\n',
        context,
    )
    assert stage.config == {
        "Env": ["PATH=/bin", "A=2", "B=1 and by the caller"],
        "WorkingDir": "/w/app/inner",
        "Labels": {"x": "y", "long name": "z"},
        "ExposedPorts": {"80/tcp": {}, "53/udp": {}},
        "Volumes": {"/data": {}},
        "User": "app",
        "StopSignal": "SIGINT",
        "Entrypoint": ["node"],
        "Cmd": ["/bin/sh", "-c", "serve --all"],
    }
    assert (stage.root / "w/app/inner").is_dir()


def test_an_entrypoint_takes_the_bases_command_away(stage: Stage, context: Path) -> None:
    done(stage, 'ENTRYPOINT ["node"]\n', context)
    assert "Cmd" not in stage.config


@pytest.mark.parametrize(
    ("words", "there"),
    [
        ("package*.json ./", {"w/package.json", "w/package-lock.json"}),
        ("package.json /app/p.json", {"app/p.json"}),
        ("package.json run.sh /app", {"app/package.json", "app/run.sh"}),
        ("src /app/", {"app/a.js", "app/deep/b.js", "app/link"}),
        ("src/*.js /app/", {"app/a.js"}),
        ("./src/../package.json /etc/../x", {"x"}),
        ('["src/a.js", "/b c/"]', {"b c/a.js"}),
    ],
)
def test_files_are_copied_to_where_docker_copies_them(
    stage: Stage, context: Path, words: str, there: set[str]
) -> None:
    done(stage, f"COPY {words}\n", context)
    assert names(stage) == there


def test_what_the_context_ignores_is_not_copied(stage: Stage, context: Path) -> None:
    (context / ".dockerignore").write_text("# notes\nsecret\nsrc\n!src/deep/b.js\n**/*-lock.json\n")
    done(stage, "COPY . .\n", context)
    assert names(stage) == {"w/.dockerignore", "w/package.json", "w/run.sh", "w/src/deep/b.js"}
    with pytest.raises(EngineError, match=r"line 2: COPY: secret: there is no such file"):
        done(stage, "COPY secret /\n", context)


def test_modes_stay_and_owners_are_roots_or_whose_they_are_said_to_be(
    stage: Stage, context: Path
) -> None:
    done(stage, "COPY run.sh /a\nCOPY --chown=app --chmod=640 run.sh /b\n", context)
    assert (stage.root / "a").stat().st_mode & 0o7777 == 0o755
    assert (stage.root / "b").stat().st_mode & 0o7777 == 0o640
    if os.geteuid() == 0:
        assert [(stage.root / name).stat().st_uid for name in "ab"] == [0, 1000]


def test_no_link_of_a_stage_leads_a_copy_out_of_it(
    stage: Stage, context: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (stage.root / "up").symlink_to("../outside")
    (stage.root / "off").symlink_to(outside)
    done(stage, "COPY src /up/\nCOPY src /off/x/\nCOPY run.sh /off/run.sh\n", context)
    assert list(outside.iterdir()) == []
    assert (stage.root / "outside/a.js").is_file()
    inner = stage.root / str(outside).lstrip("/")
    assert {path.name for path in inner.iterdir()} == {"x", "run.sh"}


def test_no_link_of_a_source_brings_in_what_is_outside_it(stage: Stage, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (tmp_path / "host").write_text("the host's")
    (source / "up").symlink_to("../host")
    with pytest.raises(InputError, match="no such file"):
        copy(Copy(source, ("up",), "/x"), stage.root)
    with pytest.raises(InputError, match="no such file"):
        copy(Copy(source, ("../host",), "/x"), stage.root)
    copy(Copy(source, (".",), "/x"), stage.root)
    assert (stage.root / "x/up").is_symlink()


def test_a_file_in_the_way_of_a_folder_is_said(stage: Stage) -> None:
    (stage.root / "file").write_text("")
    with pytest.raises(InputError, match="in the way"):
        make_folders(stage.root, "/file/below", (0, 0))


def test_commands_run_by_the_shell_or_as_they_are(stage: Stage, context: Path) -> None:
    ran: list[tuple[str, ...]] = []
    done(stage, 'RUN --mount=type=cache,target=/c npm ci\nRUN ["node", "a b"]\n', context, ran)
    assert ran == [("/bin/sh", "-c", "npm ci"), ("node", "a b")]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("ADD a b", r"line 2: ADD: ADD is not done in the sandbox \(it does ARG, CMD, COPY"),
        ("RUN <<E\nx\nE", "line 2: RUN: heredocs are not done"),
        ("RUN --mount=type=secret,id=a x", "line 2: RUN: --mount=type=secret,id=a is not done"),
        ("COPY --parents a b", "line 2: COPY: --parents is not done"),
        ("COPY a", "line 2: COPY: COPY needs a source and a target"),
        ("COPY --chmod=u+x run.sh /", "line 2: COPY: --chmod=u.x: write it in digits"),
        ("COPY --chown=nobody run.sh /", "line 2: COPY: the image has no user 'nobody'"),
        ("ENV A=$NEVER", "line 2: ENV: .*a variable without a value"),
        ("HEALTHCHECK NONE", "line 2: HEALTHCHECK: HEALTHCHECK is not done"),
    ],
)
def test_what_is_not_done_is_refused_with_its_line(
    stage: Stage, context: Path, line: str, said: str
) -> None:
    with pytest.raises(EngineError, match=said):
        done(stage, f"{line}\n", context)


@pytest.mark.parametrize(
    ("patterns", "path", "out"),
    [
        ("node_modules", "node_modules/a/b", True),
        ("node_modules", "x/node_modules", False),
        ("**/node_modules", "x/y/node_modules/z", True),
        ("*.md\n!README.md", "README.md", False),
        ("*.md\n!README.md", "a.md", True),
        ("a?c", "abc", True),
        ("[ab]c", "bc", True),
        ("/docs/", "docs/x", True),
        ("./docs", "docs", True),
        ("a.b", "axb", False),
        ("x/**/y", "x/1/2/y", True),
        ("x/**/y", "x/y", True),
    ],
)
def test_patterns_mean_what_they_mean_to_docker(
    tmp_path: Path, patterns: str, path: str, out: bool
) -> None:
    (tmp_path / ".dockerignore").write_text(patterns)
    assert ignoring(tmp_path, tmp_path / "Dockerfile")(path) is out


@pytest.mark.parametrize("pattern", ["**/a*" * 40 + "x", "**/" * 40 + "x", "*a" * 60 + "x"])
def test_no_pattern_takes_long(tmp_path: Path, pattern: str) -> None:
    (tmp_path / ".dockerignore").write_text(pattern)
    ignored = ignoring(tmp_path, tmp_path / "Dockerfile")
    assert not ignored("/".join(["a" * 100] * 100))


def test_a_line_that_is_no_pattern_is_said(tmp_path: Path) -> None:
    (tmp_path / ".dockerignore").write_text("a[z-a]")
    with pytest.raises(InputError, match="is no pattern"):
        ignoring(tmp_path, tmp_path / "Dockerfile")


def test_the_file_that_is_called_like_the_dockerfile_goes_first(tmp_path: Path) -> None:
    (tmp_path / ".dockerignore").write_text("a")
    (tmp_path / "Dockerfile.web.dockerignore").write_text("b")
    ignored = ignoring(tmp_path, tmp_path / "Dockerfile.web")
    assert [ignored(path) for path in "ab"] == [False, True]


def test_a_folder_below_an_ignored_one_goes_through_no_link_of_the_stage(
    stage: Stage, context: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (stage.root / "w").mkdir()
    (stage.root / "w/src").symlink_to(outside)
    (context / ".dockerignore").write_text("src\n!src/deep\n")
    done(stage, "COPY . .\n", context)
    assert list(outside.iterdir()) == []
    # Where the link leads in the stage.
    assert (stage.root / str(outside).lstrip("/") / "deep/b.js").is_file()


def test_what_was_made_for_mounts_is_taken_away_in_the_stage_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ImageLayout(tmp_path / "store", create=True)
    make_image(store, [{"bin/sh": "x"}], names=["base:1"])
    found = Bubblewrap(("/nowhere",), "0.11.0", "here")
    notes: list[str] = []

    class Told(Silent):
        def note(self, text: str) -> None:
            notes.append(text)

    sandbox = BuildingSandbox(lambda: found, tmp_path / "kept", store, tmp_path / "stages", Told())
    sandbox.load(store, choose_manifest(store, store.find("base:1")), ["base"])
    precious = tmp_path / "outside/inner/file"
    precious.parent.mkdir(parents=True)
    precious.write_text("precious")
    ran = []

    def step(bubblewrap: Bubblewrap, wish: Wish) -> Ended:
        ran.append(wish.argv)
        (wish.root / "opt").symlink_to(tmp_path / "outside")
        return Ended(0, b"", b"", 0.0)

    monkeypatch.setattr("ironhull.migrate.building.engine.run", step)
    (tmp_path / "Dockerfile").write_text("FROM base\nUSER 0\nRUN x\n")
    mounts = (Mount(precious, "/opt/inner/file"),)
    request = BuildRequest(tmp_path / "Dockerfile", tmp_path, "made:1", files=mounts)
    sandbox.build(request)
    assert ran == [("/bin/sh", "-c", "x")]
    assert notes == ["line 3: RUN x"]
    assert precious.read_text() == "precious"


def test_a_pipe_in_the_place_of_the_users_holds_up_nothing(stage: Stage) -> None:
    (stage.root / "etc/passwd").unlink()
    os.mkfifo(stage.root / "etc/passwd")
    assert image_user(stage.root, "7").uid == 7


def test_an_interrupt_while_folders_are_taken_away_leaves_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stages/0").mkdir(parents=True)
    real, asked = Path.rmdir, []

    def interrupted(path: Path) -> None:
        asked.append(path)
        if len(asked) == 1:
            raise KeyboardInterrupt
        real(path)

    monkeypatch.setattr(Path, "rmdir", interrupted)
    with pytest.raises(KeyboardInterrupt):
        removed(tmp_path / "stages")
    assert not (tmp_path / "stages").exists()
