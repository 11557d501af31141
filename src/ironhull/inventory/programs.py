"""Programs that an attacker would use: names without version and target triplet."""

from __future__ import annotations

PROGRAMS: dict[str, str] = {
    "shells": ("sh ash bash dash zsh ksh mksh fish csh tcsh rbash busybox toybox nu elvish xonsh"),
    "package_managers": (
        "apt apt-get aptitude dpkg apk rpm yum dnf microdnf tdnf zypper pacman opkg snap flatpak "
        "pip pipx uv conda mamba npm npx yarn pnpm corepack gem bundle bundler cargo composer "
        "cpan cpanm luarocks brew nix-env"
    ),
    "compilers": (
        "cc c++ c89 c99 gcc g++ cpp clang clang++ tcc gfortran rustc go gofmt javac ghc ocaml "
        "ld ld.bfd ld.gold ld.lld as nasm yasm make cmake ninja tsc swiftc dmd gdc kotlinc"
    ),
    "network_tools": (
        "curl wget wget2 nc ncat netcat nc.openbsd nc.traditional socat telnet ssh scp sftp rsync "
        "ftp tftp nmap tcpdump dig nslookup host ping traceroute ip ss netstat arp iptables nft "
        "openssl aria2c lynx w3m rsh rlogin sshd dropbear git svn"
    ),
    "interpreters": (
        "python pypy perl ruby node nodejs deno bun php lua luajit tclsh java gawk awk mawk guile "
        "erl elixir Rscript julia irb jshell gdb dotnet pwsh"
    ),
}
