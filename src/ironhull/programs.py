"""Programs that serve whoever gets into a container: one table, for the build and the inventory.

The build refuses shells, package managers and compilers wherever they are; the inventory counts
every kind. Both ask `program`, so an image that the build passes has none in its inventory.

A name is looked up as it is, then without what distributions put around it: the triplet of a cross
tool, `-static`, a version (`x86_64-linux-gnu-gcc-14`, `zsh5-static`, `pip3.13`). Tools that make
programs for machines without Linux are left alone: nothing that they make runs here.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import cache, lru_cache


class ProgramKind(StrEnum):
    """What a program is good for, in the words of an inventory's surface."""

    SHELL = "shells"
    PACKAGE_MANAGER = "package_managers"
    COMPILER = "compilers"
    NETWORK_TOOL = "network_tools"
    INTERPRETER = "interpreters"


# A program of two kinds stands in two rows: `go` compiles and fetches, `bun` runs and fetches.
PROGRAMS: dict[ProgramKind, str] = {
    # What runs commands that it reads, under the names of every package of Debian that has one.
    # Multiplexers (screen, tmux) are login shells too, but have to find a shell to be one.
    ProgramKind.SHELL: """
        sh ash bash rbash dash hush lash msh kmk_ash zsh rzsh fizsh
        ksh rksh mksh rmksh lksh rlksh oksh loksh pdksh posh yash osh ysh bosh pbosh sash
        csh bsd-csh tcsh fish fdsh rc rc.byron es scsh gash mrsh rush elvish xonsh nu pwsh
        busybox static-busybox static-sh toybox
    """,
    # What installs software: of the distribution, of a language, or in a user's folder.
    ProgramKind.PACKAGE_MANAGER: """
        apt apt-get apt-cache aptitude aptitude-curses dpkg dpkg-deb dselect apk opkg pacman
        rpm yum dnf microdnf tdnf zypper snap flatpak nix nix-env nix-shell guix brew
        pip pipx easy_install uv uvx poetry pdm conda mamba micromamba
        npm npx pnpm pnpx yarn yarnpkg corepack bun bunx
        gem bundle bundler composer cargo rustup go mvn gradle cpan cpanm cpanminus luarocks
        nuget opam cabal stack
    """,
    # What makes programs: compilers with their parts, assemblers, linkers, what drives them.
    ProgramKind.COMPILER: """
        cc c++ c89 c99 c89-gcc c99-gcc cpp gcc g++ gccgo gfortran gdc gnat gm2
        cc1 cc1plus collect2 lto1 f951 go1 d21 clang clang++ clang-cpp flang tcc
        rustc go gofmt javac ghc ocaml ocamlc ocamlopt zig nim crystal fpc valac ldc2 dmd
        swiftc kotlinc tsc ld ld.bfd ld.gold ld.lld ld.mold lld mold as nasm yasm
        make gmake cmake ninja
    """,
    # What speaks to other machines, or shows and changes how this one does.
    ProgramKind.NETWORK_TOOL: """
        curl wget wget2 aria2c axel lynx w3m links links2 elinks http https
        nc ncat netcat nc.openbsd nc.traditional socat telnet inetutils-telnet telnet.netkit
        ftp inetutils-ftp tnftp lftp tftp ssh scp sftp sshd dropbear rsh rlogin rsync git svn
        openssl nmap nping hping3 tcpdump tshark dig nslookup host whois ping traceroute mtr
        ip ss netstat arp iptables nft
    """,
    # What runs programs that it reads. A debugger counts: it runs what it is told in any process.
    ProgramKind.INTERPRETER: """
        python pypy perl raku ruby irb node nodejs deno bun qjs php lua luajit
        tclsh jimsh wish expect slsh java jshell bsh julia Rscript erl elixir guile gosh
        awk gawk mawk original-awk nawk dotnet mono csharp pwsh gdb lldb
    """,
}
_KINDS: dict[str, tuple[ProgramKind, ...]] = {
    name: tuple(kind for kind in PROGRAMS if name in PROGRAMS[kind].split())
    for names in PROGRAMS.values()
    for name in names.split()
}
FOLDERS = frozenset({"bin", "sbin", "libexec", "busybox", ""})
"""Names of folders in which programs are looked for by their name; '' is the root itself."""
# Words that other files are called by too (/etc/init.d/rc): programs only among programs.
_WORDS = frozenset({"rc", "es", "nu", "ip", "ss", "host", "http", "https", "links", "stack"})

_TRIPLET = r"[a-z0-9_]+-(?:[a-z]+-)?linux-(?:gnu|musl)[a-z0-9]*"


@cache
def _around() -> tuple[re.Pattern[str], ...]:
    """What may stand around a name, in the order in which it is taken off while it is not known.

    Compiled when first needed: many verbs load this table and ask nothing of it.
    """
    return (
        re.compile(rf"{_TRIPLET}-(?=.)"),
        re.compile(rf"(?<=.)-{_TRIPLET}$"),
        # Only of shells: node-static is a web server.
        re.compile(r"(?:(?<=sh)|(?<=sh\d)|(?<=box))[-.]static$"),
        # cc65 is not the version 65 of cc: a short name and a bare number are another name.
        re.compile(r"(?<=...)\d+[a-z]?$|(?<=.)(?:[-.]\d+(?:\.\d+)*|\d+(?:\.\d+)+)[a-z]?$"),
    )


def program(path: str) -> tuple[str, tuple[ProgramKind, ...]]:
    """What a file of this path is by its name: the plain name and its kinds.

    '' and no kinds for what the table does not know. The path is absolute or relative to the root.
    """
    name, kinds = _named(path[path.rfind("/") + 1 :])
    if name in _WORDS and not among_programs(path):
        return "", ()
    # OpenRC's runs services, not commands.
    if name == "rc" and path.endswith("sbin/rc"):
        return "", ()
    return name, kinds


def among_programs(path: str) -> bool:
    """Whether the path is in a folder of programs, where also a link or a script is one."""
    return path.strip("/").rpartition("/")[0].rpartition("/")[2] in FOLDERS


@lru_cache(maxsize=1 << 14)
def _named(name: str) -> tuple[str, tuple[ProgramKind, ...]]:
    for around in _around():
        if name in _KINDS:
            break
        name = around.sub("", name, count=1)
    return (name, _KINDS[name]) if name in _KINDS else ("", ())
