"""What RUN in the final image does, whether it can be done elsewhere, and the rung that follows."""

from __future__ import annotations

import re

from ironhull.migrate.catalog.interface import ImageFacts
from ironhull.migrate.context.packages import links_against
from ironhull.migrate.dockerfile.shell import Command
from ironhull.migrate.draft import Draft
from ironhull.migrate.model import Confidence, Outside, Rung
from ironhull.migrate.plan import Obstacle
from ironhull.migrate.rules.packages import TOO_MUCH, needed_at_run_time
from ironhull.migrate.rules.programs import Effect, effect_of, installed_by
from ironhull.migrate.rules.reading import Step, below, normal
from ironhull.migrate.rules.rule import Rule

RUN = Rule(
    "run",
    "RUN belongs into a build stage",
    "the runtime has no shell to run anything with",
    Confidence.CERTAIN,
    "RUN npm install",
    "",
)
PACKAGES = Rule(
    "packages",
    "Packages that the application needs are in the runtime image",
    "an image that is built with its packages has them in its SBOM, and gets their fixes",
    Confidence.LIKELY,
    "RUN apt-get install -y libpq5",
    "FROM localhost/python-libpq5:3.13",
)
DROPPED = frozenset((Effect.NOTHING, Effect.CLEANUP, Effect.ACCOUNTS, Effect.SETTINGS))
SYSTEM = frozenset((
    "/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib64", "/media", "/mnt", "/opt",
    "/proc", "/root", "/run", "/sbin", "/srv", "/sys", "/tmp", "/usr", "/usr/bin", "/usr/lib",  # noqa: S108
    "/usr/lib64", "/usr/local", "/usr/local/bin", "/usr/local/etc", "/usr/local/lib",
    "/usr/local/sbin", "/usr/local/share", "/usr/local/src", "/usr/sbin", "/usr/share",
    "/usr/src", "/var", "/var/lib", "/var/log", "/var/run", "/var/cache", "/var/www",
    "/etc/ssl", "/etc/ssl/certs", "/usr/local/include", "/usr/include",
))  # fmt: skip
"""Folders that a runtime has of its own: never copied whole."""
_LOGS = (
    "/var/log",
    "/var/run",
    "/run",
    "/var/cache",
    "/var/lib/nginx",
    "/etc/nginx",
    "/tmp",  # noqa: S108
    "/var/tmp",  # noqa: S108
)


def assess(draft: Draft, steps: list[Step]) -> None:
    """Fill the plan: obstacles, packages, whether the final stage has to be split."""
    plan = draft.plan
    for step in steps:
        if step.line.keyword != "RUN":
            continue
        if step.opaque:
            shell_needed(
                draft,
                step,
                f"a RUN that cannot be taken apart: {step.opaque}",
                "move it into a stage of its own and copy its results",
            )
            continue
        for command in step.commands:
            _command(draft, step, command, steps)
    look_at_nginx(draft, steps)
    if plan.split and plan.directory == "/" and _into_root(draft, steps):
        shell_needed(
            draft,
            steps[0],
            "the application lies in the root folder itself",
            "give it a folder: WORKDIR /app before it is copied",
        )


def shell_needed(draft: Draft, step: Step, message: str, advice: str) -> None:
    """Note why the final stage cannot do without a shell."""
    draft.plan.needs_shell.append(Obstacle(RUN.id, step.line.line, message, advice))


def _into_root(draft: Draft, steps: list[Step]) -> bool:
    for step in steps:
        words = step.instruction.body.split()
        copies = step.line.keyword in ("COPY", "ADD") and bool(words)
        if copies and words[-1] in (".", "./", "/") and step.directory == "/":
            return True
    return any(
        step.directory == "/" and effect_of(command) is Effect.BUILD
        for step in steps
        for command in step.commands[:1]
    )


def _command(draft: Draft, step: Step, command: Command, steps: list[Step]) -> None:
    plan = draft.plan
    effect = effect_of(command, step.commands)
    if (
        effect is Effect.UNKNOWN
        and command.words
        and command.words[0].value.startswith(
            ("./", "bin/", "scripts/", "script/", "node_modules/.bin/", "vendor/bin/", "/opt/venv/")
        )
    ):
        effect = Effect.BUILD
        RUN.remark(
            draft,
            step.line.line,
            f"{command.words[0].value:.40} is taken for something that only builds",
            "see whether it writes outside of its folder",
        )
    if command.name.startswith(("docker-php-ext", "pecl", "install-php-ext")):
        plan.impossible.append(
            Obstacle(
                RUN.id,
                step.line.line,
                "it compiles extensions of PHP into the image with the conventional image's tools",
                "take a hardened image that has them, or define one",
            )
        )
        return
    if effect is Effect.UNKNOWN:
        what = " ".join(command.values)[:60] or "a command"
        shell_needed(
            draft,
            step,
            f"nobody knows what this leaves behind: {what}",
            "move it into a stage of its own and copy its results",
        )
    elif effect is Effect.PACKAGES:
        _packages(draft, step, command)
    elif effect is Effect.OWNERSHIP:
        plan.split = plan.split or not _ownership_dropped(draft, command, steps)
    elif effect is Effect.DIRECTORY:
        plan.split = (
            plan.split
            or any(
                not below(normal(path), "/var/log") and not normal(path).startswith(_LOGS)
                for path in command.values[1:]
                if path.startswith("/")
            )
            or any(not path.startswith(("/", "-")) for path in command.values[1:])
        )
    elif effect in (Effect.FILES, Effect.CLEANUP) and _nginx_defaults(draft, command):
        pass
    elif command.name in _AUTHORITIES and _own_authority(steps):
        plan.split = plan.certificates = True
    elif effect not in DROPPED:
        plan.split = True


def _nginx_defaults(draft: Draft, command: Command) -> bool:
    """Whether a command removes what the conventional nginx shows by default."""
    paths = [word for word in command.values[1:] if not word.startswith("-")]
    if draft.plan.language != "nginx":
        return False
    if command.name == "rm":
        return all(path.startswith((*_NGINX, "./")) for path in paths)
    return (
        command.name in ("touch", "ln", "mkdir")
        and paths[-1:] != []
        and (
            paths[-1].startswith(
                ("/var/log/nginx", "/var/run/nginx", "/run/nginx", "/var/cache/nginx")
            )
        )
    )


_NGINX = ("/etc/nginx", "/usr/share/nginx/html")
_AUTHORITIES = ("update-ca-certificates", "update-ca-trust")


def _own_authority(steps: list[Step]) -> bool:
    """Whether a certificate of one's own is put where these programs look."""
    return any(
        step.line.keyword in ("COPY", "ADD") and _CERTIFICATES.search(step.instruction.body)
        for step in steps
    )


_CERTIFICATES = re.compile(r"/usr/local/share/ca-certificates|/etc/pki/ca-trust|/usr/share/ca-cert")


def look_at_nginx(draft: Draft, steps: list[Step]) -> None:
    """Templates and scripts that the conventional image's entry point would have run."""
    if draft.plan.language != "nginx":
        return
    root = draft.plan.bases[draft.plan.chain[0]]
    for step in steps:
        body = step.instruction.body
        if step.line.keyword not in ("COPY", "ADD"):
            continue
        if "/etc/nginx/templates" in body or "/docker-entrypoint.d" in body:
            draft.plan.impossible.append(
                Obstacle(
                    RUN.id,
                    step.line.line,
                    "templates are filled in by a shell script of the conventional image",
                    "write the configuration itself, or fill it in when the image is built",
                )
            )
        elif (
            "/var/www/html" in body
            and root.family is not None
            and (root.family.language == "system")
        ):
            draft.refuse(
                RUN.id,
                step.line.line,
                "the distribution's nginx serves /var/www/html, the hardened one another folder",
                "copy the files to /usr/share/nginx/html, or bring a configuration",
            )


def _ownership_dropped(draft: Draft, command: Command, steps: list[Step]) -> bool:
    """Whether chown and chmod are needless: nobody is to write there, or it is the engine's."""
    paths = [word for word in command.values[1:] if not word.startswith("-")][1:]
    if command.name == "chmod":
        scripts = {"ENTRYPOINT", "CMD"}
        started = " ".join(step.instruction.body for step in steps if step.line.keyword in scripts)
        return all(path.rpartition("/")[2] in started and path.endswith(".sh") for path in paths)
    directory = draft.plan.directory
    return all(
        (path.startswith("/") and below(directory, normal(path)))
        or path in (".", "./", "$HOME")
        or normal(path).startswith(_LOGS)
        or path.startswith(("/usr/share/nginx", "/home/"))
        for path in paths
    )


def _packages(draft: Draft, step: Step, command: Command) -> None:
    installed = installed_by(command)
    for name in installed.names if installed else ():
        if name.startswith("$"):
            shell_needed(
                draft, step, f"which packages it installs is in {name:.40}", "write them out"
            )
        elif name in TOO_MUCH:
            shell_needed(
                draft,
                step,
                f"{name} needs more than a runtime without a shell has",
                "run it in a container of its own, or do without it",
            )
        else:
            needed = needed_at_run_time(name)
            if (
                needed
                and needed not in draft.plan.packages
                and (needed == name or links_against(needed, draft.context))
            ):
                draft.plan.packages.append(needed)


def decide(draft: Draft, steps: list[Step]) -> None:
    """Choose the rung; what was in the way of better ones becomes a person's work."""
    plan = draft.plan
    if plan.impossible:
        _refuse(draft, plan.impossible)
        return
    if plan.hardened:
        draft.rung = _rung_of(plan.runtime)
        return
    if plan.needs_shell:
        if plan.dev is None:
            _refuse(draft, plan.needs_shell)
            return
        draft.rung, plan.split = Rung.DEV, False
        for each in plan.needs_shell:
            draft.refuse(each.rule, each.line, each.message, each.advice)
    elif plan.packages:
        _with_packages(draft, steps)
    else:
        draft.rung = _rung_of(plan.runtime)
    if plan.split and plan.dev is None and _cannot_stay(draft):
        _refuse(draft, [_no_dev(draft)])


def _cannot_stay(draft: Draft) -> bool:
    """Whether what the conventional image builds would not run in the runtime: another libc."""
    root = draft.plan.bases[draft.plan.chain[0]]
    interpreted = draft.plan.language in ("node", "python", "ruby", "php")
    return interpreted or root.image is None


def _rung_of(facts: ImageFacts | None) -> Rung:
    if facts is None:
        return Rung.RUNTIME
    if facts.dev:
        return Rung.DEV
    return Rung.RUNTIME if facts.libc else Rung.STATIC


def _no_dev(draft: Draft) -> Obstacle:
    return Obstacle(
        RUN.id,
        draft.stages[draft.final].start.line,
        f"the catalog has no dev image for {draft.plan.language} to build with",
        "define one in it, or write a build stage",
    )


def _refuse(draft: Draft, obstacles: list[Obstacle]) -> None:
    draft.rung = Rung.REFUSED
    for each in obstacles:
        draft.refuse(each.rule, each.line, each.message, each.advice)


def _with_packages(draft: Draft, steps: list[Step]) -> None:
    plan, runtime = draft.plan, draft.plan.runtime
    names = ", ".join(plan.packages)
    line = next((step.line.line for step in steps if step.line.keyword == "RUN"), 0)
    if not draft.catalog.extensible or runtime is None:
        draft.rung, plan.split = Rung.DEV, False
        draft.refuse(
            PACKAGES.id,
            line,
            f"the application needs packages: {names}",
            "use a catalog that can be added to, or a base that has them",
        )
        if plan.dev is None:
            draft.rung = Rung.REFUSED
        return
    draft.rung = Rung.PACKAGES
    image = f"{runtime.image}-{plan.packages[0]}"
    plan.runtime = _extended(draft, runtime, image)
    wanted = "".join(f"\n    - {name}" for name in plan.packages)
    draft.outside.append(
        Outside(
            "image",
            f"build {plan.runtime.reference}: {runtime.image}:{runtime.version} with {names}",
            runtime.reference,
            f"includes:\n  - {runtime.image}:{runtime.version}\nimage: {image}\n"
            f"contents:\n  packages:{wanted}\n",
        )
    )
    draft.refuse(
        PACKAGES.id,
        line,
        f"the application needs packages at run time: {names}",
        f"define and build {plan.runtime.reference} with them",
    )


def _extended(draft: Draft, runtime: ImageFacts, image: str) -> ImageFacts:
    tag = runtime.reference.rpartition(":")[2]
    return ImageFacts(
        image,
        runtime.version,
        f"{draft.catalog.registry}/{image}:{tag}",
        False,
        runtime.user,
        runtime.uid,
        runtime.gid,
        runtime.entrypoint,
        runtime.cmd,
        runtime.work_dir,
        runtime.environment,
        runtime.shell,
        runtime.package_manager,
        runtime.libc or "glibc",
        runtime.programs,
    )
