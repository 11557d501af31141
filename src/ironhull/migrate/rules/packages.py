"""Names of system packages: which only builds need, which images have, which are needed."""

from __future__ import annotations

import re

_BUILD_ONLY = frozenset((
    "build-essential", "build-base", "gcc", "g++", "make", "cmake", "git", "curl", "wget",
    "unzip", "zip", "xz-utils", "xz", "bzip2", "tar", "gnupg", "gnupg2", "pkg-config",
    "pkgconf", "autoconf", "automake", "libtool", "libtool-bin", "bison", "flex", "patch",
    "nasm", "yasm", "clang", "llvm", "lld", "musl-dev", "linux-headers", "libc-dev",
    "software-properties-common", "lsb-release", "apt-transport-https", "apt-utils",
    "dirmngr", "file", "rsync", "ssh", "openssh-client", "dos2unix", "upx", "upx-ucl",
    "subversion", "mercurial", "protobuf-compiler", "protoc", "ninja-build", "ninja", "meson",
    "gfortran", "python3", "python3-pip", "python3-venv", "python3-dev", "python3-setuptools",
    "python3-wheel", "python", "py3-pip", "python2", "python-is-python3", "pipx", "nodejs",
    "npm", "yarn", "nodejs-npm", "binutils", "cargo", "rust", "rustc", "golang", "go",
    "golang-go", "maven", "gradle", "ant", "git-lfs", "less", "vim", "vim-tiny", "nano",
    "emacs", "htop", "procps", "net-tools", "iputils-ping", "telnet", "dnsutils",
    "bind-tools", "tree", "sudo", "shadow", "man-db", "busybox-extras", "iproute2", "strace",
    "lsof", "nmap", "netcat", "netcat-openbsd", "netcat-traditional", "traceroute", "tcpdump",
    "gdb", "screen", "tmux", "ccache", "swig", "cython", "gettext", "gettext-base",
    "debhelper", "ruby-dev", "apache2-utils", "moreutils", "coreutils", "findutils", "grep",
    "sed", "gawk", "bash-completion", "locales-all", "hostname", "alpine-sdk", "util-linux",
    "libressl", "locales", "gcompat", "groff", "libcap2-bin", "libcap", "pipenv", "acl",
    "attr", "expect", "jq", "yq", "bc", "gpg", "gpg-agent", "ncurses", "python3-virtualenv",
    "apt", "binutils-gold", "libgcc", "ca-certificates-java", "poetry", "uv",
    "postgresql-client", "mysql-client", "default-mysql-client", "mariadb-client",
    "redis-tools", "redis", "sqlite", "dpkg-dev", "dumb-init", "tini", "wait-for-it", "gosu",
    "su-exec",
))  # fmt: skip
_PRESENT = frozenset((
    "ca-certificates", "tzdata", "openssl", "libssl3", "libssl1.1", "zlib1g", "zlib", "libc6",
    "libstdc++6", "libstdc++", "libgcc1", "libgcc-s1", "libc6-compat", "netbase", "libffi",
    "libffi8", "libffi7", "musl", "libssl3t64", "musl-utils", "libexpat1", "expat",
    "icu-libs-none",
))  # fmt: skip
"""In every runtime of a language, as part of it or of what it needs."""
_NEEDED_BY = {
    "libpq-dev": "libpq5", "postgresql-dev": "libpq5", "postgresql-libs": "libpq5",
    "libpq": "libpq5", "default-libmysqlclient-dev": "libmariadb3",
    "libmariadb-dev": "libmariadb3", "libmysqlclient-dev": "libmariadb3",
    "mariadb-dev": "libmariadb3", "mariadb-connector-c": "libmariadb3",
    "mariadb-connector-c-dev": "libmariadb3", "libxml2-dev": "libxml2", "libxml2": "libxml2",
    "libxslt-dev": "libxslt1.1", "libxslt1-dev": "libxslt1.1", "libxslt": "libxslt1.1",
    "libjpeg-dev": "libjpeg62-turbo", "libjpeg62-turbo-dev": "libjpeg62-turbo",
    "jpeg-dev": "libjpeg62-turbo", "libjpeg-turbo-dev": "libjpeg62-turbo",
    "libpng-dev": "libpng16-16t64", "libvips-dev": "libvips42t64", "vips-dev": "libvips42t64",
    "vips": "libvips42t64", "libmagickwand-dev": "libmagickwand-7.q16-10",
    "imagemagick-dev": "imagemagick", "libcairo2-dev": "libcairo2", "cairo-dev": "libcairo2",
    "libpango1.0-dev": "libpango-1.0-0", "pango-dev": "libpango-1.0-0",
    "libldap2-dev": "libldap2", "openldap-dev": "libldap2", "libsasl2-dev": "libsasl2-2",
    "unixodbc-dev": "unixodbc", "libsqlite3-dev": "libsqlite3-0",
    "sqlite-dev": "libsqlite3-0", "sqlite-libs": "libsqlite3-0",
    "librdkafka-dev": "librdkafka1", "libzmq3-dev": "libzmq5", "libgeos-dev": "libgeos-c1t64",
    "gdal-bin": "gdal-bin", "libgdal-dev": "libgdal36", "libmagic1": "libmagic1t64",
    "libmagic-dev": "libmagic1t64", "libgl1-mesa-glx": "libgl1", "libgl1": "libgl1",
    "libglib2.0-0": "libglib2.0-0t64", "ttf-dejavu": "fonts-dejavu-core",
    "font-noto": "fonts-noto-core", "icu-libs": "libicu76", "libicu-dev": "libicu76",
    "krb5-libs": "libgssapi-krb5-2", "freetds-dev": "freetds-common",
}  # fmt: skip
_INCLUDED_DEV = frozenset((
    "libffi-dev", "libssl-dev", "openssl-dev", "zlib1g-dev", "zlib-dev", "libc6-dev",
    "linux-libc-dev", "libbz2-dev", "liblzma-dev", "libreadline-dev", "libncurses5-dev",
    "libncursesw5-dev", "python-dev", "python2-dev", "python3.11-dev", "libyaml-dev",
    "libgmp-dev", "readline-dev", "bzip2-dev", "ncurses-dev", "libexpat1-dev", "libedit-dev",
    "libtool-dev", "libcurl4-openssl-dev", "curl-dev", "libzip-dev", "libonig-dev",
    "musl-dev", "libstdc++-dev",
))  # fmt: skip
TOO_MUCH = frozenset((
    "chromium", "chromium-browser", "google-chrome-stable", "wkhtmltopdf", "firefox-esr",
    "libreoffice", "xvfb", "firefox", "openssh-server", "cron", "supervisor", "dcron",
    "docker.io", "docker-ce", "docker-cli", "systemd", "rsyslog", "openssh",
    "libreoffice-writer", "nut", "samba", "texlive",
))  # fmt: skip
"""Programs that need a shell, root or half a desktop."""
LANGUAGES = {
    "nodejs": "node", "npm": "node", "nodejs-npm": "node", "python3": "python",
    "python3-pip": "python", "py3-pip": "python", "python3-venv": "python",
    "python3-full": "python", "default-jre": "java", "default-jre-headless": "java",
    "default-jdk": "java", "nginx": "nginx", "golang": "go", "golang-go": "go", "go": "go",
    "ruby": "ruby", "ruby-full": "ruby",
}  # fmt: skip
_JAVA_PACKAGE = re.compile(r"openjdk-?(\d+)(?:-j(?:re|dk).*)?$")
_APK = {
    "su-exec": "", "build-base": "build-essential", "python3-dev": "python3-dev",
    "py3-pip": "python3-pip", "musl-dev": "libc6-dev", "linux-headers": "linux-libc-dev",
    "libffi-dev": "libffi-dev", "openssl-dev": "libssl-dev", "postgresql-dev": "libpq-dev",
    "mariadb-dev": "libmariadb-dev", "mariadb-connector-c-dev": "libmariadb-dev",
    "zlib-dev": "zlib1g-dev", "jpeg-dev": "libjpeg-dev", "libjpeg-turbo-dev": "libjpeg-dev",
    "libpng-dev": "libpng-dev", "vips-dev": "libvips-dev", "cairo-dev": "libcairo2-dev",
    "pango-dev": "libpango1.0-dev", "giflib-dev": "libgif-dev", "libxml2-dev": "libxml2-dev",
    "libxslt-dev": "libxslt1-dev", "sqlite-dev": "libsqlite3-dev", "yaml-dev": "libyaml-dev",
    "protoc": "protobuf-compiler", "ninja": "ninja-build", "xz": "xz-utils",
    "openssh": "openssh-client", "libc-dev": "libc6-dev", "alpine-sdk": "build-essential",
    "postgresql-client": "postgresql-client", "python3": "python3", "bash": "bash", "npm": "",
    "nodejs": "", "libc6-compat": "", "gcompat": "", "ca-certificates": "ca-certificates",
    "yarn": "", "tzdata": "tzdata", "libgcc": "libgcc-s1", "libstdc++": "libstdc++6",
    "sqlite": "sqlite3", "go": "golang-go", "pkgconf": "pkg-config", "upx": "upx-ucl",
    "bind-tools": "dnsutils", "shadow": "passwd", "libressl-dev": "libssl-dev",
    "vips": "libvips42t64", "openjdk17": "openjdk-17-jdk-headless", "icu-libs": "libicu76",
    "icu-dev": "libicu-dev", "ncurses": "ncurses-bin", "gnupg": "gnupg", "openssl": "openssl",
    "cargo": "cargo", "rust": "rustc", "ttf-dejavu": "fonts-dejavu-core",
}  # fmt: skip
_SAME = frozenset((
    "git", "curl", "wget", "make", "g++", "gcc", "cmake", "autoconf", "automake", "libtool",
    "unzip", "zip", "jq", "bash", "nasm", "clang", "python3", "openssl", "tar", "file",
    "patch", "gettext", "rsync", "perl", "bison", "flex", "yasm", "gzip", "ruby", "swig",
    "bzip2", "tini", "dumb-init", "tree", "vim", "nano", "less", "htop", "procps", "nginx",
    "ffmpeg", "imagemagick", "graphviz", "ghostscript", "git-lfs", "sudo", "maven", "gradle",
    "supervisor", "pkg-config", "binutils", "coreutils", "findutils", "gawk", "meson",
    "libtool", "pipx", "ruby-dev", "util-linux",
))  # fmt: skip


def needed_at_run_time(name: str) -> str:
    """Debian's name of what has to be in the runtime because of a package; empty for nothing.

    A package that no table knows is needed: less is claimed rather than guessed.
    """
    plain = name.partition(":")[0].lower()
    if plain in _NEEDED_BY:
        return _NEEDED_BY[plain]
    if plain in _BUILD_ONLY or plain in _PRESENT or plain in _INCLUDED_DEV or plain == "bash":
        return ""
    if _JAVA_PACKAGE.match(plain) or plain in LANGUAGES:
        return ""
    if plain.endswith(("-dev", "-dbg", "-doc", "-headers")):
        return plain
    return plain


def language_of(name: str) -> tuple[str, str]:
    """The language that a package brings and its version; empty where it brings none."""
    found = _JAVA_PACKAGE.match(name)
    if found:
        return "java", found[1]
    return LANGUAGES.get(name, ""), ""


def debian_name(name: str) -> str | None:
    """Debian's name of an Alpine package; empty if Debian needs none, None if nobody knows."""
    if name in _APK:
        return _APK[name]
    return name if name in _SAME else None
