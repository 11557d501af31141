"""Actions of build steps (`uses`): what each becomes, or why it is refused.

The public format names them; what they do is part of an engine that is not public. One whose
options are plain is the commands that anyone would write; for each other one the refusal says what
to write instead.
"""

from __future__ import annotations

import shlex

from ironhull.definition.place import Place
from ironhull.definition.tree import ListNode, MapNode, Node, Problems, Scalar, did_you_mean

_NETWORK = (
    "asks servers what is newest while it builds, which no lock can hold: name what it would fetch "
    "under the stage's 'contents.files', and use it with 'runs'"
)
_PATCH = "is done with 'runs': patch -p1 <FILE, with the patch under the stage's 'paths'"
_GIT = "checks out a repository: name an archive of the commit under the stage's 'contents.files'"
_PROOF = (
    "verifies what was fetched by a signature: 'contents.files' verifies it by its digest already"
)
_BILL = "is not needed: the bill of materials is made of every image, and of what 'spdx' says"
_HELM = "packages a chart for Kubernetes, which is no image"
_APK = "makes a package of Alpine's, which Ironhull does not read"
_DEB = "makes a Debian package: take what is built out of the stage with 'outputs' instead"
_REFUSED = {
    **dict.fromkeys(
        ("go/bump", "npm/bump", "npm/patch", "yarn/bump", "yarn/patch", "mvn/patch"), _NETWORK
    ),
    **dict.fromkeys(("git/patch", "patch", "yq/patch"), _PATCH),
    "git/checkout": _GIT,
    **dict.fromkeys(("cosign/verify-blob", "gpg/verify"), _PROOF),
    **dict.fromkeys(("sbom", "spdx"), _BILL),
    **dict.fromkeys(
        ("helm/package", "helm/rudder", "helm/cmd", "helm/login", "helm/logout",
         "helm/annotations"),
        _HELM,
    ),
    **dict.fromkeys(
        ("abuild/setup", "abuild/build", "abuild/upload", "abuild/apk", "abuild/disable",
         "abuild/bump"),
        _APK,
    ),
    **dict.fromkeys(
        ("deb/build", "dpkg/patch", "dpkg/build", "dpkg/bump", "dpkg/upload"), _DEB
    ),
    **dict.fromkeys(
        ("deb/install", "dpkg/extract"),
        "installs a package file: name the package under the stage's 'contents.packages'",
    ),
    "strip": "is done with 'runs': strip --strip-unneeded FILE (package binutils)",
}  # fmt: skip
KNOWN = ("go/build", *_REFUSED)
_GO_OPTIONS = ("cgo_enabled", "ldflags", "output", "tags", "package")


def commands_of(action: str, options: Node | None, place: Place, problems: Problems) -> str:
    """The commands of an action with its options; '' after an error was reported."""
    name, _, version = action.partition("@")
    if name in _REFUSED:
        problems.error(place, f"the action {name!r} {_REFUSED[name]}")
    elif name != "go/build":
        problems.error(place, f"unknown action {name!r:.60}{did_you_mean(name, KNOWN)}")
    elif version != "v1":
        problems.error(place, f"go/build is known as go/build@v1, got {action!r:.60}")
    else:
        return _go_build(options, place, problems)
    return ""


def _go_build(options: Node | None, place: Place, problems: Problems) -> str:
    if options is not None and not isinstance(options, MapNode):
        problems.error(place, f"expected a map under 'with', got {options.shown}")
        return ""
    values = {}
    for key, entry in options.entries.items() if options else ():
        if key not in _GO_OPTIONS:
            problems.error(
                entry.place, f"go/build has no option {key!r:.60}{did_you_mean(key, _GO_OPTIONS)}"
            )
            continue
        values[key] = _words(entry.value, problems)
    # In double quotes, so that the shell still sees `$(…)` and variables in them.
    flags = " ".join(values.get("ldflags", ())).replace("\\", "\\\\").replace('"', '\\"')
    cgo = values.get("cgo_enabled", ["0"])[0] in ("1", "true")
    parts = [f"CGO_ENABLED={int(cgo)}", "go build -trimpath -buildvcs=false"]
    parts += [f'-ldflags "-buildid= {flags}"']
    if values.get("tags"):
        parts.append(f"-tags {shlex.quote(','.join(values['tags']))}")
    if values.get("output"):
        parts.append(f"-o {shlex.quote(values['output'][0])}")
    parts += [shlex.quote(word) for word in values.get("package", ["."])]
    return " ".join(parts) + "\n"


def _words(node: Node, problems: Problems) -> list[str]:
    nodes = node.items if isinstance(node, ListNode) else (node,)
    for inner in nodes:
        if not isinstance(inner, Scalar):
            problems.error(inner.place, f"expected a text, got {inner.shown}")
    return [inner.text for inner in nodes if isinstance(inner, Scalar)] or [""]
