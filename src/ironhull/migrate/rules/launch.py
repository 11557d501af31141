"""Start commands → what they come to without a shell: words, or why that cannot be."""

from __future__ import annotations

import posixpath
import re
from dataclasses import replace

from ironhull.migrate.context.interface import Context
from ironhull.migrate.context.packages import package_json
from ironhull.migrate.dockerfile.shell import Command, Word, read_shell
from ironhull.migrate.plan import Launch, Trouble
from ironhull.migrate.rules.reading import SHELL_FLAGS, SHELLS

MAX_DEPTH = 4
_WRAPPERS = ("tini", "dumb-init", "catatonit", "docker-init", "tini-static")
_SWITCHERS = ("gosu", "su-exec", "setpriv", "runuser")
_RUNNERS = {("poetry", "run"), ("pipenv", "run"), ("uv", "run"), ("pdm", "run"), ("rye", "run")}
_ROOT = frozenset((
    "supervisord", "sshd", "crond", "cron", "dockerd", "s6-svscan", "runsvdir", "init",
    "systemd", "httpd-foreground", "apache2-foreground", "apachectl", "apache2ctl", "smbd",
    "rsyslogd",
))  # fmt: skip
_DEVELOPMENT = frozenset((
    "ts-node", "ts-node-dev", "nodemon", "tsx", "vite", "react-scripts", "webpack",
    "webpack-dev-server", "ng", "vue-cli-service", "tsnd", "babel-node", "gatsby", "parcel",
    "concurrently", "turbo", "craco", "expo",
))  # fmt: skip
_STATIC_SERVERS = frozenset(("serve", "http-server", "static-server", "live-server"))
_COMPILES = {("go", "run"), ("cargo", "run"), ("dotnet", "run"), ("dotnet", "watch")}
_PACKAGE_RUNNERS = ("npm", "yarn", "pnpm", "yarnpkg", "bun")
_BINARIES = {
    "next": "node_modules/next/dist/bin/next",
    "nuxt": "node_modules/nuxt/bin/nuxt.js",
    "remix-serve": "node_modules/@remix-run/serve/dist/cli.js",
    "strapi": "node_modules/@strapi/strapi/bin/strapi.js",
    "sails": "node_modules/sails/bin/sails.js",
    "directus": "node_modules/directus/cli.js",
}
_WAITING = re.compile(r"wait[-_]for|dockerize|wait4x")
_PORT = re.compile(r"\$\{?PORT\b")
_OPTIONS = re.compile(r"\$\{?(?:JAVA_OPTS|JAVA_OPTIONS|JVM_OPTS|JAVA_ARGS)(?:\}|\b)")
EXPAND = "import os,sys;os.execvp(sys.argv[1],[os.path.expandvars(a) for a in sys.argv[1:]])"
"""What replaces variables in arguments where there is Python but no shell."""


def launch_of_words(
    words: tuple[str, ...], context: Context, language: str, depth: int = 0
) -> Launch | Trouble:
    """What an exec form comes to. Scripts are the caller's business."""
    if not words:
        return Launch(())
    if depth > MAX_DEPTH:
        return Trouble("its start command goes through too many scripts", "name the program itself")
    name = posixpath.basename(words[0])
    if name in SHELLS and len(words) > 2 and words[1] in SHELL_FLAGS:
        return launch_of_shell(words[2], context, language, depth + 1)
    if _WAITING.match(name) and "--" in words:
        inner = launch_of_words(words[words.index("--") + 1 :], context, language, depth + 1)
        if isinstance(inner, Trouble):
            return inner
        return replace(inner, waited=True, dropped=(*inner.dropped, name))
    if name in _WRAPPERS:
        inner = launch_of_words(_behind_options(words[1:]), context, language, depth + 1)
        return _dropping(inner, name)
    if name in _SWITCHERS and len(words) > 2:
        inner = launch_of_words(words[2:], context, language, depth + 1)
        return _dropping(inner, name)
    if words[:2] in _RUNNERS:
        return launch_of_words(words[2:], context, language, depth + 1)
    if name in _PACKAGE_RUNNERS:
        return _package_script(words, context, language, depth)
    if name == "npx":
        return launch_of_words(_behind_options(words[1:]), context, language, depth + 1)
    return _known(name, words, context, language)


def _behind_options(words: tuple[str, ...]) -> tuple[str, ...]:
    while words and words[0].startswith("-"):
        last, words = words[0], words[1:]
        if last == "--":
            break
    return words


def _dropping(found: Launch | Trouble, name: str) -> Launch | Trouble:
    if isinstance(found, Trouble):
        return found
    return replace(found, dropped=(*found.dropped, name))


def _known(name: str, words: tuple[str, ...], context: Context, language: str) -> Launch | Trouble:
    """Programs that need something, and scripts of packages that need an interpreter."""
    if name in _ROOT:
        return Trouble(
            f"it starts {name}, which needs root",
            "run one program per container: the application itself",
            root=True,
        )
    if name in _DEVELOPMENT and not (name == "tsx" and language != "node"):
        return Trouble(
            f"it starts {name}, a tool for development",
            "start what a production build makes",
        )
    if (name, *words[1:2]) in _COMPILES or name in ("mvn", "mvnw", "gradle", "gradlew"):
        return Trouble(
            f"it compiles the application at each start: {' '.join(words):.60}",
            "compile it in a RUN, and start what comes out",
        )
    if name in _STATIC_SERVERS and language == "node":
        return Trouble(
            f"it serves files with {name}",
            "copy the built files into the hardened nginx and serve them from there",
        )
    if name in ("pm2-runtime", "pm2", "forever"):
        return Trouble(
            f"it starts {name}, which starts the application",
            "start the application with node; restarts and copies are the orchestrator's work",
        )
    if name in _BINARIES and language == "node":
        return Launch(("node", _BINARIES[name], *words[1:]))
    if name == "nest" and words[1:2] == ("start",):
        return Launch(("node", "dist/main"))
    if language == "ruby" and name in ("bundle", "rails", "puma", "rackup", "rake"):
        path = words[0] if "/" in words[0] else None
        return Launch(("ruby", path, *words[1:]) if path else ("ruby", "-S", *words))
    return Launch(words, remarks=_remarks(name, words))


def _remarks(name: str, words: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    development = (
        (name == "flask" and "run" in words)
        or "runserver" in words
        or "--reload" in words
        or (name in ("python", "python3") and words[1:4] == ("-m", "flask", "run"))
        or "--debug" in words
    )
    if not development:
        return ()
    return (
        (
            "it starts a server for development",
            "start gunicorn, uvicorn without --reload, or what the framework names for production",
        ),
    )


def launch_of_shell(text: str, context: Context, language: str, depth: int = 0) -> Launch | Trouble:
    """What a shell form comes to."""
    script = read_shell(text)
    if script.opaque:
        return Trouble(f"its start command is a shell script: {script.opaque}", _PLAIN)
    commands, directory = script.commands, ""
    while len(commands) > 1 and commands[0].name == "cd" and len(commands[0].words) == 2:
        directory = posixpath.join(directory, commands[0].words[1].value)
        if commands[1].before not in ("&&", ";"):
            break
        commands = commands[1:]
    if len(commands) != 1:
        names = ", ".join(dict.fromkeys(command.name for command in commands if command.name))
        return Trouble(f"its start command runs several programs: {names or 'none'}", _SEVERAL)
    found = _simple(commands[0], context, language, depth)
    if isinstance(found, Trouble):
        return found
    return replace(found, directory=directory or found.directory)


_PLAIN = 'write one program with its arguments: CMD ["program", "argument"]'
_SEVERAL = "do what runs first in a job of its own (an init container), and start one program"


def _simple(command: Command, context: Context, language: str, depth: int) -> Launch | Trouble:
    if command.redirects:
        return Trouble("its start command redirects output", "log to standard output")
    if any(not word.plain for word in command.assignments):
        return Trouble("its start command sets a variable from another one", "set it with ENV")
    environment = tuple(
        (name, value)
        for name, _, value in (word.value.partition("=") for word in command.assignments)
    )
    words = command.words
    if words and words[0].value == "exec":
        words = words[1:]
    words, defaults = _defaults(words) if language == "python" else (words, ())
    made = _expanded(words, language)
    if isinstance(made, Trouble):
        return made
    values, remarks = made
    found = launch_of_words(values, context, language, depth)
    if isinstance(found, Trouble):
        return found
    return replace(
        found,
        environment=(*environment, *defaults, *found.environment),
        remarks=(*remarks, *found.remarks),
    )


_DEFAULT = re.compile(r"\$\{([A-Za-z_]\w*):?-([\w.:/-]+)\}")


def _defaults(words: tuple[Word, ...]) -> tuple[tuple[Word, ...], tuple[tuple[str, str], ...]]:
    """`${x:-word}` as `${x}`, with the words as what ENV is to say."""
    found = tuple(pair for word in words for pair in _DEFAULT.findall(word.text))
    if not found:
        return words, ()
    return tuple(
        replace(
            word,
            text=_DEFAULT.sub(r"${\1}", word.text),
            value=_DEFAULT.sub(r"${\1}", word.value),
        )
        for word in words
    ), found


def _expanded(
    words: tuple[Word, ...], language: str
) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]] | Trouble:
    """The words, variables taken out where the program reads them itself."""
    if all(word.plain for word in words):
        return tuple(word.value for word in words), ()
    name = words[0].value.rpartition("/")[2] if words[0].plain else ""
    if name == "gunicorn":
        kept = _without_port(words)
        if all(word.plain for word in kept):
            return tuple(word.value for word in kept), ()
    if name == "java":
        kept = [word for word in words if not _OPTIONS.search(word.text)]
        if all(word.plain for word in kept):
            note = (
                "JAVA_OPTS was put into the command by the shell",
                "name it JAVA_TOOL_OPTIONS, which Java reads itself",
            )
            return tuple(word.value for word in kept), (note,)
    if language == "python" and name and all(_simple_variables(word) for word in words):
        return ("python3", "-c", EXPAND, *(word.value for word in words)), ()
    shown = next(word.text for word in words if not word.plain)
    return Trouble(f"a shell replaces {shown:.40} in its start command", _PLAIN)


def _simple_variables(word: Word) -> bool:
    """Nothing but `$x` and `${x}`, and neither a pattern nor white space that would split it."""
    if word.plain:
        return True
    rest = re.sub(r"\$(?:\{[A-Za-z_]\w*\}|[A-Za-z_]\w*)", "", word.text)
    return not re.search(r"[$`*?\[~\\']", rest)


def _without_port(words: tuple[Word, ...]) -> list[Word]:
    """Gunicorn's words without `-b …:$PORT`: it binds to $PORT by itself."""
    kept: list[Word] = []
    skip = False
    for word, following in zip(words, (*words[1:], None), strict=True):
        if skip:
            skip = False
        elif word.value in ("-b", "--bind") and following and _PORT.search(following.text):
            skip = True
        elif not (word.text.startswith(("--bind=", "-b")) and _PORT.search(word.text)):
            kept.append(word)
    return kept


def _package_script(
    words: tuple[str, ...], context: Context, language: str, depth: int
) -> Launch | Trouble:
    """`npm start`, `yarn run serve`, `pnpm start`: what package.json says."""
    rest = [word for word in words[1:] if word not in ("--silent", "-s", "--production")]
    name = rest[1] if len(rest) > 1 and rest[0] in ("run", "run-script") else "".join(rest[:1])
    extra = tuple(word for word in rest[2 if rest[:1] and rest[0].startswith("run") else 1 :])
    if words[0] == "bun" and name.endswith((".ts", ".js", ".tsx", ".mjs")):
        return Launch(words)
    package = package_json(context)
    if package is None:
        return Trouble(
            f"it starts with {' '.join(words)}, and {words[0]} is not in the runtime",
            "give the folder that has package.json as --context, or start node itself",
        )
    text = package.scripts.get(name, "node server.js" if name == "start" else "")
    if not text:
        return Trouble(f"package.json has no script {name!r:.40}", "start node itself")
    for hook in (f"pre{name}", f"post{name}"):
        if hook in package.scripts:
            return Trouble(f"package.json runs {hook} too", "do that when the image is built")
    found = launch_of_shell(text, context, language or "node", depth + 1)
    if isinstance(found, Launch) and found.words:
        arguments = extra[1:] if extra[:1] == ("--",) else extra
        return replace(found, words=(*found.words, *arguments))
    return found
