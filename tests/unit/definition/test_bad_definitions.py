"""Bad input: every error of a file at once, each with its line and column and what to do."""

import os
from pathlib import Path

import pytest
from tests.work import ends

from ironhull.definition.reader import load, read
from ironhull.errors import DefinitionError

GOOD = """\
image: node
tags: ["20"]
accounts: {run-as: a, users: [{name: a, uid: 65532, gid: 65532}], groups: [{name: a, gid: 65532}]}
os-release: {id: debian, version-id: "13"}
"""


def problems(folder: Path, text: str | bytes, name: str = "web.yaml") -> list[str]:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DefinitionError) as caught:
        load(path)
    assert caught.value.exit_code == 2
    return [str(problem).replace(f"{folder}/", "") for problem in caught.value.problems]


def test_the_good_definition_of_these_tests_has_no_problem_and_no_warning(tmp_path: Path) -> None:
    path = tmp_path / "web.yaml"
    path.write_text(GOOD)
    assert read(path).warnings == ()


# What is added to GOOD (from line 5 on) → the one problem that it must give.
ONE_PROBLEM = {
    "unknown key": (
        "entrypiont: [node]",
        "5:1: unknown key 'entrypiont'; did you mean 'entrypoint'?",
    ),
    "unknown key with underscore": (
        "work_dir: /app",
        "5:1: unknown key 'work_dir'; did you mean 'work-dir'?",
    ),
    "unknown key, nothing near": (
        "dates: {xyzzy: x}",
        "5:9: unknown key 'xyzzy' "
        "(known: end-of-life, end-of-support, release, upstream-end-of-life)",
    ),
    "merge key": (
        "<<: {cmd: [x]}",
        "5:1: merge keys (<<) are not part of the format; use 'includes'",
    ),
    "duplicate key": ("cmd: [a]\ncmd: [b]", "6:1: key 'cmd' stands twice (line 5 too)"),
    "duplicate key below": (
        "environment: {A: x, A: y}",
        "5:21: key 'A' stands twice (line 5 too)",
    ),
    "wrong type, map": ("environment: [A]", "5:14: expected a map, got a list"),
    "wrong type, list": ("ports: 80/tcp", "5:8: expected a list, got '80/tcp'"),
    "number for text": (
        "environment: {PORT: 8080}",
        "5:21: expected text, got '8080'; put it in quotes: \"8080\"",
    ),
    "nothing for text": ("work-dir:", "5:10: expected an absolute path like /app, got nothing"),
    "text for flag": (
        "hardening: {shell: yes}",
        "5:20: expected true or false, got the text 'yes'",
    ),
    "enum": ("variant: runtim", "5:10: unknown value 'runtim'; did you mean 'runtime'?"),
    "signal": ("stop-signal: SIGQIUT", "5:14: unknown value 'SIGQIUT'; did you mean 'SIGQUIT'?"),
    "platform": (
        "platforms: [linux/amd46]",
        "5:13: unknown platform 'linux/amd46'; did you mean 'linux/amd64'?",
    ),
    "platform of another system": (
        "platforms: [windows/amd64]",
        "5:13: unknown platform 'windows/amd64'; did you mean 'linux/amd64'?",
    ),
    "platform twice": (
        "platforms: [linux/amd64, linux/amd64]",
        "5:26: platform linux/amd64 stands twice",
    ),
    "stage without steps": (
        "contents: {builds: [{name: a, outputs: [{source: /a}]}]}",
        "5:21: a stage without steps ('pipeline') builds nothing",
    ),
    "stage without outputs": (
        "contents: {builds: [{name: a, pipeline: [{runs: make}]}]}",
        "5:21: a stage without 'outputs' gives nothing to the image",
    ),
    "stages of one name": (
        "contents: {builds: [&a {name: a, pipeline: [{runs: x}], outputs: [{source: /a}]}, *a]}",
        "5:31: two stages are called 'a'",
    ),
    "step that does nothing": (
        "contents: {builds: [{name: a, pipeline: [{name: b}], outputs: [{source: /a}]}]}",
        "5:42: a step has 'runs' or 'uses', one of both",
    ),
    "step of a user that the stage has not": (
        "contents: {builds: [{name: a, pipeline: [{runs: x, run-as: me}], "
        "outputs: [{source: /a}]}]}",
        "5:42: the stage has no user 'me' ('accounts')",
    ),
    "unknown action": (
        "contents: {builds: [{name: a, pipeline: [{uses: go/buid@v1}], outputs: [{source: /a}]}]}",
        "5:49: unknown action 'go/buid'; did you mean 'go/build'?",
    ),
    "unknown option of an action": (
        "contents: {builds: [{name: a, pipeline: [{uses: go/build@v1, with: {tag: x}}], "
        "outputs: [{source: /a}]}]}",
        "5:69: go/build has no option 'tag'; did you mean 'tags'?",
    ),
    "output of a cache": (
        "contents: {builds: [{name: a, caches: [{path: /c}], pipeline: [{runs: x}], "
        "outputs: [{source: /c/x}]}]}",
        "5:86: /c/x is a cache, which is no output",
    ),
    "setuid output": (
        "contents: {builds: [{name: a, pipeline: [{runs: x}], "
        "outputs: [{source: /a, mode: '4755'}]}]}",
        "5:83: what a stage builds cannot be setuid or setgid: see 'paths'",
    ),
    "artifact without digest": (
        "contents: {artifacts: [{name: x}]}",
        "5:31: expected an image by its digest: NAME@sha256:<64 hex digits>, got 'x'",
    ),
    "part of a package told twice": (
        "contents: {packages: [{name: tzdata, only: [a], except: [b]}]}",
        "5:23: the part of tzdata is told by 'only' or by 'except', one of both",
    ),
    "commit for a file": (
        "contents: {files: [{url: 'https://files.example/a', path: /a, checksum: "
        "'0123456789012345678901234567890123456789'}]}",
        "5:73: 40 digits are of a commit: of a file, write sha256: and 64 hexadecimal digits",
    ),
    "package name": (
        "contents: {packages: [NodeJS]}",
        "5:23: expected a package as name, name=version or !name, got 'NodeJS'",
    ),
    "package in two versions": (
        "contents: {packages: [perl=1, perl=2]}",
        "5:31: package 'perl' is asked for in two versions (line 5)",
    ),
    "recommends of nothing": (
        "contents: {packages: [npm], recommends: [nmp]}",
        "5:42: 'nmp' is not one of the packages; did you mean 'npm'?",
    ),
    "relative path": ("work-dir: app", "5:11: expected an absolute path like /app, got 'app'"),
    "path that climbs": (
        "paths: [{type: directory, path: /a/../etc}]",
        "5:33: '/a/../etc' has '..' in it: write the path that is meant",
    ),
    "path with NUL": ('work-dir: "/a\\0b"', "5:11: the character '\\x00' is not allowed here"),
    "path with line feed": ('work-dir: "/a\\nb"', "5:11: the character '\\n' is not allowed here"),
    "delete all": (
        "paths: [{type: delete, path: /}]",
        "5:30: a delete cannot be the root folder",
    ),
    "mode as number": (
        "paths: [{type: directory, path: /a, mode: 0755}]",
        "5:43: expected an octal mode in quotes like \"0755\", got '0755'; put it in "
        'quotes: "0755"',
    ),
    "mode not octal": (
        'paths: [{type: directory, path: /a, mode: "0788"}]',
        "5:43: expected an octal mode in quotes like \"0755\", got '0788'",
    ),
    "mode too large": (
        'paths: [{type: directory, path: /a, mode: "17777"}]',
        "5:43: mode '17777' is more than 7777",
    ),
    "setuid file": (
        'paths: [{type: emptyfile, path: /a, mode: "4755"}]',
        "5:43: /a would be setuid or setgid; if that is meant, list it in hardening.setuid",
    ),
    "path kind": (
        "paths: [{type: symlnk, path: /a}]",
        "5:16: unknown value 'symlnk'; did you mean 'symlink'?",
    ),
    "symlink to nothing": ("paths: [{type: symlink, path: /a}]", "5:9: a symlink needs 'source'"),
    "file of nothing": (
        "paths: [{type: file, path: /a}]",
        "5:9: a file needs 'source' or 'content'",
    ),
    "file of two": (
        "paths: [{type: file, path: /a, content: x, source: web.yaml}]",
        "5:41: a file has 'source' or 'content', not both",
    ),
    "directory with content": (
        "paths: [{type: directory, path: /a, content: x}]",
        "5:46: a directory has no 'content'",
    ),
    "recursive file": (
        "paths: [{type: emptyfile, path: /a, recursive: true}]",
        "5:48: a emptyfile cannot be 'recursive'",
    ),
    "source missing": (
        "paths: [{type: file, path: /a, source: nginx.conf}]",
        "5:40: nginx.conf cannot be read: No such file or directory (tried nginx.conf)",
    ),
    "source is a folder": (
        "paths: [{type: file, path: /a, source: ./}]",
        "5:40: {folder} is not a regular file",
    ),
    "source absolute": (
        "paths: [{type: file, path: /a, source: /etc/hostname}]",
        "5:40: '/etc/hostname' is not relative to this file",
    ),
    "port": ("ports: [99999/tcp]", "5:9: port 99999 is not between 1 and 65535"),
    "port twice": ("ports: [80/tcp, 080/tcp]", "5:17: port 80/tcp stands twice"),
    "port protocol": (
        "ports: [80/http]",
        "5:9: expected a port in quotes like \"8080/tcp\", got '80/http'",
    ),
    "environment name": (
        "environment: {NODE-ENV: x}",
        "5:15: expected a name like NODE_VERSION, got 'NODE-ENV'",
    ),
    "entrypoint as text": (
        "entrypoint: node server.js",
        "5:13: expected a list, got 'node server.js'",
    ),
    "compression": (
        "compression: zstd:23",
        "5:14: zstd has the levels 1 to 19, got 23",
    ),
    "date": ('dates: {release: "2026-02-30"}', "5:18: '2026-02-30' is not a day of the calendar"),
    "checksum": (
        "contents: {files: [{url: 'https://a.example/x', checksum: md5:0, path: /x}]}",
        "5:59: expected sha256: and 64 hexadecimal digits, got 'md5:0'",
    ),
    "file without checksum": (
        "contents: {files: [{url: 'https://a.example/x', path: /x}]}",
        "5:26: a file from the network is taken only by its digest: write 'checksum: sha256:<64 "
        "hex digits>', or let the lock keep the digest of what is there, with the setting "
        "allow_unpinned = 'files'",
    ),
    "ftp": (
        f"contents: {{files: [{{url: 'ftp://a/x', checksum: sha256:{'0' * 64}, path: /x}}]}}",
        "5:26: expected an https:, http: or file: address, got 'ftp://a/x'",
    ),
    "key from the network": (
        "contents: {keyring: ['https://a.example/key.asc']}",
        "5:22: a key from the network is trusted only by its digest: write "
        "https://…#sha256=<64 hex digits>, save the key beside the definition, or let the lock "
        "keep the digest of what is there, with the setting allow_unpinned = 'keys'",
    ),
    "key from the network without TLS": (
        "contents: {keyring: ['http://a.example/key.asc']}",
        "5:22: expected a key file, or https://…#sha256=<64 hex digits>; nothing else is trusted",
    ),
    "key with a digest of another kind": (
        "contents: {keyring: ['https://a.example/key.asc#md5=0']}",
        "5:22: expected a key file, or https://…#sha256=<64 hex digits>; nothing else is trusted",
    ),
    "file of a repository": (
        "contents: {files: [{url: 'git+https://a.example/x.git#1', path: /x}]}",
        "5:26: a checkout of a repository (git) is what Ironhull does not do: name an archive of "
        "it",
    ),
    "condition": (
        "paths: [{type: directory, path: /a, if: 'target.arch'}]",
        "5:41: 'target.arch' is neither true nor false",
    ),
    "repository without check": (
        "contents: {repositories: ['deb [trusted=yes] https://a.example/d trixie main']}",
        "5:27: option 'trusted' turns the signature off: never done here",
    ),
    "source repository": (
        "contents: {repositories: ['deb-src https://a.example/d trixie main']}",
        "5:27: expected an apt line like: deb [signed-by=KEY] URI SUITE COMPONENT, got 'deb-src "
        "https://a.example/d trixie main'",
    ),
    "repository from disk": (
        "contents: {repositories: ['deb file:/srv/d trixie main']}",
        "5:27: expected an apt line: deb [signed-by=KEY] http(s)://… SUITE COMPONENT…",
    ),
    "repository at an address that is none": (
        "contents: {repositories: ['deb https://[ trixie main']}",
        "5:27: expected an apt line: deb [signed-by=KEY] http(s)://… SUITE COMPONENT…",
    ),
    "key at an address that is none": (
        "contents: {keyring: ['https://[/key.asc']}",
        "5:22: expected a key file, or https://…#sha256=<64 hex digits>; nothing else is trusted",
    ),
    "file at an address that is none": (
        f"contents: {{files: [{{url: 'https://[/x', checksum: sha256:{'0' * 64}, path: /x}}]}}",
        "5:26: 'https://[/x' is no address: it names no host",
    ),
    "repository that climbs": (
        "contents: {repositories: ['deb https://a.example/d ../../x main']}",
        "5:27: '../../x' is not a suite or component",
    ),
    "unknown variable in a package": (
        "vars: {NODE: x}\ncontents: {packages: ['nodejs=${NOD}']}",
        "6:23: expected a package as name, name=version or !name, got 'nodejs=${NOD}' "
        "(no variable 'NOD'; did you mean 'NODE')",
    ),
    "unknown variable in a path": (
        "work-dir: ${HOME}/app",
        "5:11: expected an absolute path like /app, got '${HOME}/app' (no variable 'HOME' (the "
        "file has no 'vars'))",
    ),
    "expression that is not simple": (
        "name: '#{ trimPrefix(target.arch, \"a\") }'",
        '5:7: the expression #{trimPrefix(target.arch, "a")} is not evaluated: not understood from '
        "', \"a\")' on; write the value, or ##{ for a literal #{",
    ),
    "expression of what is not known": (
        "name: '#{ source.dir == \"x\" }'",
        "5:7: the expression #{source.dir == \"x\"} is not evaluated: 'source.dir' is not known "
        "(known: target.arch, target.os, target.dev, target.flavor, target.fips); write the value, "
        "or ##{ for a literal #{",
    ),
    "expression without an end": (
        "name: '#{ target.dev'",
        "5:7: the expression #{target.dev} is not evaluated: it has no closing brace; write the "
        "value, or ##{ for a literal #{",
    ),
    "expression with a text for a condition": (
        'name: \'#{ target.flavor ? "a" : "b" }\'',
        '5:7: the expression #{target.flavor ? "a" : "b"} is not evaluated: \'\' is a text where '
        "true or false is needed; write the value, or ##{ for a literal #{",
    ),
    "environment that depends on the platform": (
        "environment: {ARCH: '${target.arch}'}",
        "5:21: depends on the platform, which only an entry of 'paths' or of 'contents.files', "
        "'artifacts' or 'builds' can: write the value, or an image for each platform",
    ),
    "variables in a circle": (
        "vars: {A: '${B}', B: '${A}'}\nname: ${A}",
        "5:22: variables go in a circle: A → B → A",
    ),
    "variable does not fit": (
        "vars: {A: abc}\nname: '${A:([0-9]+)}'",
        "6:7: the value 'abc' of A does not fit ([0-9]+)",
    ),
    "variable with an endless pattern": (
        "vars: {A: abc}\nname: '${A:((a+)+)$}'",
        "6:7: the regular expression '((a+)+)$' repeats a group that repeats or chooses itself; "
        "that can take forever: repeat single characters or classes",
    ),
    "variable with an open brace": (
        "vars: {A: b}\nname: '${A:(b'",
        "6:7: ${A: has no closing brace",
    ),
    "tracked variable too early": (
        "track: [{type: debian_package, package: pkg:deb/debian/nodejs, set: V}]\n"
        "contents: {packages: ['nodejs=${V}']}",
        "6:23: ${V} gets its value only from the lock: give it one under 'vars', or do not use it "
        "here",
    ),
    "track of another world": (
        "track: [{type: alpine_package, package: pkg:deb/debian/xz, set: V}]",
        "5:65: 'alpine_package' is not followed: give V its value under 'vars'",
    ),
    "track of an image that says not where": (
        "track: [{type: oci_artifact, package: 'oci://python:3.13', set: V}]",
        "5:39: expected an image by its tag, as python:3.13 of the own catalog or "
        "oci://registry.example/base/python:3.13, got 'oci://python:3.13'",
    ),
    "track of an image of a registry as if of the catalog": (
        "track: [{type: oci_artifact, package: 'registry.example/python:3.13', set: V}]",
        "5:39: expected an image by its tag, as python:3.13 of the own catalog or "
        "oci://registry.example/base/python:3.13, got 'registry.example/python:3.13'",
    ),
    "track of an image with an expression": (
        "track: [{type: oci_artifact, package: 'python:3.13', set: V, match: '(.*)'}]",
        "5:69: is for versions: an image's digest is taken whole",
    ),
    "track of an image and a package alike": (
        "track: [{type: debian_package, package: pkg:deb/debian/nodejs, set: V},\n"
        "  {type: oci_artifact, package: 'python:3.13', set: V}]",
        "6:53: variable V is tracked twice",
    ),
    "digest of an image too early": (
        "track: [{type: oci_artifact, package: 'python:3.13', set: V}]\n"
        "contents: {packages: ['nodejs=${V}']}",
        "6:23: ${V} gets its value only from the lock: give it one under 'vars', or do not use it "
        "here",
    ),
    "track of an image that is not told": (
        "track: [{type: oci_artifact, name: python, set: V}]",
        "5:49: 'oci_artifact' is not followed: give V its value under 'vars'",
    ),
    "track without group": (
        "track: [{type: debian_package, package: pkg:deb/debian/nodejs, set: V, match: x}]",
        "5:79: the regular expression 'x' has no group: put (…) around what is wanted",
    ),
    "user that does not exist, in a test": (
        "tests: [{name: a, commands: [[x]], user: rooot}]",
        "5:42: no user 'rooot'; did you mean 'root'?",
    ),
    "test that needs a shell": (
        "tests: [{name: a, commands: [node -v | cat]}]",
        "5:30: this text needs /bin/sh, which the image does not keep: write a list, like "
        '["node", "--version"], or set hardening.shell',
    ),
    "test of nothing": ("tests: [{name: a}]", "5:9: a test needs 'commands' or 'http'"),
    "test twice": (
        "tests: [{name: a, commands: [[x]]}, {name: a, commands: [[x]]}]",
        "5:44: two tests are called 'a'",
    ),
    "test with an endless expression": (
        "tests: [{name: a, commands: [[x]], output: '(x|x)*'}]",
        "5:44: the regular expression '(x|x)*' repeats a group that repeats or chooses itself; "
        "that can take forever: repeat single characters or classes",
    ),
    "empty command": (
        "tests: [{name: a, commands: [[]]}]",
        "5:30: expected at least 1 in the list",
    ),
    "tag of Python": (
        "name: !!python/object/apply:os.system [x]",
        "5:7: the tag 'tag:yaml.org,2002:python/object/apply:os.system' has no meaning here",
    ),
    "include that leaves": (
        "includes: [../../etc/passwd]",
        "5:12: '../../etc/passwd' leads out of {tree}, the folder of the definitions",
    ),
    "include missing": (
        "includes: [base.yaml]",
        "5:12: base.yaml cannot be read: No such file or directory (tried base.yaml)",
    ),
    "include of itself": (
        "includes: [web.yaml]",
        "5:12: files include each other in a circle: web.yaml → web.yaml",
    ),
}


@pytest.mark.parametrize("case", ONE_PROBLEM)
def test_a_mistake_gives_one_problem_at_its_place(case: str, tmp_path: Path) -> None:
    added, problem = ONE_PROBLEM[case]
    expected = problem.replace("{folder}", tmp_path.name)
    found = problems(tmp_path, GOOD + added)
    shown = "\n".join(found).replace(str(tmp_path), "{tree}")
    assert shown == f"web.yaml:{expected}"


ACCOUNTS = {
    "bad uid": (
        "{run-as: a, users: [{name: a, uid: -1, gid: 5}]}",
        ["3:46: expected a whole number from 0 to 4294967294, got '-1'"],
    ),
    "uid too large": (
        "{run-as: a, users: [{name: a, uid: 4294967295, gid: 5}]}",
        ["3:46: expected a whole number from 0 to 4294967294, got '4294967295'"],
    ),
    "uid as text": (
        '{run-as: a, users: [{name: a, uid: "5", gid: 5}]}',
        ["3:46: expected a whole number from 0 to 4294967294, got the text '5'"],
    ),
    "uid twice": (
        "{run-as: a, users: [{name: a, uid: 5, gid: 5}, {name: b, uid: 5, gid: 5}]}",
        ["3:73: uid 5 is 'a' already"],
    ),
    "uid of root": (
        "{run-as: a, users: [{name: a, uid: 0, gid: 5}]}",
        ["3:46: uid 0 is 'root' already", "3:20: no user 'a' (known: root)"],
    ),
    "name twice": (
        "{run-as: a, users: [{name: a, uid: 5, gid: 5}, {name: a, uid: 6, gid: 5}]}",
        ["3:65: user 'a' is defined twice"],
    ),
    "name that breaks passwd": (
        '{run-as: a, users: [{name: "a:x", uid: 5, gid: 5}]}',
        ["3:38: expected a name of at most 31 of a-z, 0-9, _ and -, got 'a:x'"],
    ),
    "run-as nobody we know": (
        "{run-as: nods, users: [{name: node, uid: 5, gid: 5}]}",
        ["3:20: no user 'nods'; did you mean 'node'?"],
    ),
    "run-as a number of nobody": (
        '{run-as: "7", users: [{name: node, uid: 5, gid: 5}]}',
        ["3:20: no user has the number 7 (0 is root, 5 is node): add one to 'users'"],
    ),
    "run-as the number of root unasked": (
        '{run-as: "0", users: [{name: node, uid: 5, gid: 5}]}',
        ["3:20: 'run-as: root' needs 'root: true'; better run as a user, for example nonroot"],
    ),
    "run-as root unasked": (
        "{run-as: root}",
        ["3:20: 'run-as: root' needs 'root: true'; better run as a user, for example nonroot"],
    ),
    "no run-as": ("{users: []}", ["3:11: the key 'run-as' is missing: who does the image run as?"]),
    "member that does not exist": (
        "{run-as: a, users: [{name: a, uid: 5, gid: 5}], "
        "groups: [{name: g, gid: 5, members: [b]}]}",
        ["3:96: group 'g': no user 'b' (known: a, root)"],
    ),
    "group twice": (
        "{run-as: a, users: [{name: a, uid: 5, gid: 5}], "
        "groups: [{name: g, gid: 5}, {name: g, gid: 6}, {name: h, gid: 5}]}",
        ["3:94: group 'g' is defined twice", "3:121: gid 5 is 'g' already"],
    ),
    "root as a user": (
        "{run-as: root, root: true, users: [{name: root, uid: 0, gid: 0}]}",
        ["3:46: root exists always: leave it out, or set 'root: true'"],
    ),
}


@pytest.mark.parametrize("case", ACCOUNTS)
def test_accounts_that_cannot_be_are_refused(case: str, tmp_path: Path) -> None:
    accounts, expected = ACCOUNTS[case]
    lines = GOOD.splitlines()
    lines[2] = f"accounts: {accounts}"
    found = problems(tmp_path, "\n".join(lines))
    assert sorted(found) == sorted(f"web.yaml:{text}" for text in expected)


def test_all_errors_of_a_file_come_together_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = "imagee: x\nvariant: dve\nports: [x]\nwork-dir: 5\n"
    lines = [text.split(":")[1] for text in problems(tmp_path, text)]
    # Line 1 twice more: what is missing altogether is said where the file begins.
    assert lines == ["1", "1", "1", "1", "1", "1", "2", "3", "4"]


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    found = " ".join(problems(tmp_path, "variant: dev\n"))
    for key in ("'image'", "'tags'", "'accounts'", "'os-release.id'", "'os-release.version-id'"):
        assert f"the key {key} is missing" in found


def test_errors_of_an_included_file_name_that_file(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("cmd: [x]\nports: [x]\n")
    found = problems(tmp_path, GOOD + "includes: [base.yaml]\nwork-dir: x\n")
    assert [text.split(": ")[0] for text in found] == ["base.yaml:2:9", "web.yaml:6:11"]


def test_a_broken_included_file_does_not_hide_the_errors_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("cmd: [x\n")
    found = problems(tmp_path, GOOD + "includes: [base.yaml]\nwork-dir: x\n")
    assert [text.split(": ")[0] for text in found] == ["base.yaml:2:1", "web.yaml:6:11"]


def test_files_that_include_each_other_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("includes: [b.yaml]\n")
    (tmp_path / "b.yaml").write_text("includes: [a.yaml]\n")
    (found,) = problems(tmp_path, GOOD + "includes: [a.yaml]\n")
    assert "b.yaml:1:12: files include each other in a circle: a.yaml → b.yaml → a.yaml" in found


def test_includes_have_a_limit_of_depth(tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / f"{number}.yaml").write_text(f"includes: [{number + 1}.yaml]\n")
    (found,) = problems(tmp_path, GOOD + "includes: [0.yaml]\n")
    assert found == "6.yaml:1:12: more than 8 levels or 64 files of includes"


def test_includes_have_a_limit_of_number(tmp_path: Path) -> None:
    for number in range(70):
        (tmp_path / f"{number}.yaml").write_text("name: x\n")
    names = ", ".join(f"{number}.yaml" for number in range(70))
    found = problems(tmp_path, GOOD + f"includes: [{names}]\n")
    assert len(found) == 70 - 63


def test_a_symlink_does_not_lead_an_include_or_source_out(tmp_path: Path) -> None:
    inside = tmp_path / "in"
    inside.mkdir()
    (tmp_path / "secret.yaml").write_text("name: secret\n")
    (inside / "link.yaml").symlink_to("../secret.yaml")
    added = "includes: [link.yaml]\npaths: [{type: file, path: /a, source: link.yaml}]\n"
    found = problems(inside, GOOD + added)
    assert len(found) == 2
    assert all("'link.yaml' leads out of" in text for text in found)
    link = (
        "contents: {files: [{url: 'file:link.yaml', checksum: sha256:" + "0" * 64 + ", path: /x}]}"
    )
    (found_url,) = problems(inside, GOOD + link)
    assert "'link.yaml' leads out of" in found_url


def test_a_pipe_in_the_place_of_a_file_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    (found,) = problems(tmp_path, GOOD + "includes: [pipe.yaml]\n")
    assert found == "web.yaml:5:12: pipe.yaml is not a regular file"


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="cannot be read: No such file"):
        load(tmp_path / "none.yaml")
    with pytest.raises(DefinitionError, match="is not a regular file"):
        load(tmp_path)


def test_a_file_without_permission_is_said(tmp_path: Path) -> None:
    (tmp_path / "web.yaml").write_text(GOOD)
    (tmp_path / "web.yaml").chmod(0)
    user = os.geteuid()
    if user == 0:
        # Root reads everything: be somebody else for a moment.
        os.seteuid(65534)
    try:
        with pytest.raises(DefinitionError, match="Permission denied"):
            load(tmp_path / "web.yaml")
    finally:
        os.seteuid(user)


def test_text_that_is_no_yaml_is_said_with_its_place(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, "image: [node\ntags: x\n")
    assert found.startswith("web.yaml:2:5: not YAML: ")
    (found,) = problems(tmp_path, b"image: node\ntags: [\xff]\n")
    assert found == "web.yaml:2:8: not UTF-8: byte 0xff"
    (found,) = problems(tmp_path, "image: node\n---\nimage: node\n")
    assert found == "web.yaml:2:1: a second document in one file"
    (found,) = problems(tmp_path, "")
    assert found == "web.yaml: the file is empty"
    (found,) = problems(tmp_path, "- a\n")
    assert found == "web.yaml:1:1: expected a map, got a list"
    (found,) = problems(tmp_path, "image: a\x07b\n")
    assert found.startswith("web.yaml: not YAML: ")


BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 10)}]\n" for n in range(12)
)
HOSTILE = {
    "anchors bomb": (BOMB, "more than 20000 values, with aliases expanded"),
    "alias of itself": ("a: &a [*a]\n", "the alias *a stands inside what it repeats"),
    "alias of nothing": ("a: *b\n", "the alias *b repeats an anchor that is not set"),
    "depth of lists": ("a: " + "[" * 100_000, "nested more than 40 levels deep"),
    "depth of maps": ("{a: " * 100_000, "nested more than 40 levels deep"),
    "values": ("a: [" + "x," * 30_000 + "]", "more than 20000 values, with aliases expanded"),
    "size": ("a: " + "x" * 1024 * 1024, "is larger than 1048576 bytes"),
    "key that is a list": ("[a]: b\n", "a key is a text, got a list"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_yaml_is_stopped_at_once(case: str, tmp_path: Path) -> None:
    text, expected = HOSTILE[case]
    with ends():
        (found,) = problems(tmp_path, text)
    assert found.endswith(expected)


def test_more_problems_than_anyone_reads_are_cut_off(tmp_path: Path) -> None:
    keys = "".join(f"entrypoin{number}: x\n" for number in range(9_000))
    with ends():
        found = problems(tmp_path, GOOD + keys)
    assert len(found) == 201
    assert found[-1] == "web.yaml: more than 199 problems; the rest is not said"


def test_variables_cannot_blow_a_text_up(tmp_path: Path) -> None:
    text = f"vars: {{A: {'x' * 1000}}}\nname: {'${A}' * 200_000}\n"
    (found,) = problems(tmp_path, GOOD + text)
    assert found == "web.yaml:6:7: with its variables, longer than 1048576 characters"


def test_included_files_have_a_limit_together(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / f"{number}.yaml").write_text(f"name: {'x' * 1024 * 1000}\n")
    names = ", ".join(f"{number}.yaml" for number in range(5))
    found = problems(tmp_path, GOOD + f"includes: [{names}]\n")
    assert "4.yaml is larger than" in found[-1]


def test_source_files_have_a_limit(tmp_path: Path) -> None:
    with (tmp_path / "large").open("wb") as file:
        file.truncate(5 * 1024 * 1024)
    (found,) = problems(tmp_path, GOOD + "paths: [{type: file, path: /a, source: large}]")
    assert found == "web.yaml:5:40: large is larger than 4194304 bytes"
    with (tmp_path / "half").open("wb") as file:
        file.truncate(4 * 1024 * 1024)
    one = "{type: file, path: /a, source: half}"
    (found,) = problems(tmp_path, GOOD + f"paths: [{', '.join([one] * 5)}]")
    assert "half is larger than 0 bytes" in found


@pytest.mark.parametrize("name", ["fedora", "ubuntu"])
def test_another_distribution_is_refused_by_name(name: str, tmp_path: Path) -> None:
    text = GOOD.replace("id: debian", f"id: {name}")
    (found,) = problems(tmp_path, text)
    assert found == f"web.yaml:4:18: no packages of the distribution {name!r} (known: debian)"


def test_a_codename_of_another_release_is_refused(tmp_path: Path) -> None:
    text = GOOD.replace('"13"', '"13", version-codename: bookworm')
    (found,) = problems(tmp_path, text)
    assert found.endswith("debian 13 is trixie, got 'bookworm'")
