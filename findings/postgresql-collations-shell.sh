#!/bin/sh
# postgresql-15 15.20 (Debian 12) without /bin/sh: pg_import_system_collations('pg_catalog') fails with
# `could not execute command "locale -a": Cannot allocate memory`. There is memory, and the program is
# there; what is missing is the shell that popen() starts it by, and glibc 2.36 says ENOMEM for that.
# The collations of ICU, for which nothing has to be started, are then not imported either: what is left
# is a CREATE COLLATION for each.
#
# Run as root on Debian 12 for amd64; packages come from where apt is configured to get them, and
# are unpacked, not installed. Exit code 0: it is as described; 1: it has changed.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/debs" "$folder/root"
chmod 0755 "$folder"
cd "$folder/debs"
apt-get download --quiet=2 -o APT::Sandbox::User=root \
    postgresql-15=15.20-0+deb12u1 libpq5=15.20-0+deb12u1 libc6=2.36-9+deb12u14 \
    libc-bin=2.36-9+deb12u14 libaudit1=1:3.0.9-1 libcap-ng0=0.8.3-1+b3 \
    libcap2=1:2.66-4+deb12u3+b1 libcom-err2=1.47.0-2+b2 libffi8=3.4.4-1 libgcc-s1=12.2.0-14+deb12u1 \
    libgcrypt20=1.10.1-3+deb12u1 libgmp10=2:6.2.1+dfsg1-1.1 libgnutls30=3.7.9-2+deb12u7 \
    libgpg-error0=1.46-1 libgssapi-krb5-2=1.20.1-2+deb12u5 libhogweed6=3.8.1-2 \
    libicu72=72.1-3+deb12u1 libidn2-0=2.3.3-1+b1 libk5crypto3=1.20.1-2+deb12u5 \
    libkeyutils1=1.6.3-2 libkrb5-3=1.20.1-2+deb12u5 libkrb5support0=1.20.1-2+deb12u5 \
    libldap-2.5-0=2.5.13+dfsg-5 liblz4-1=1.9.4-1 liblzma5=5.4.1-1+deb12u2 libnettle8=3.8.1-2 \
    libp11-kit0=0.24.1-2 libpam0g=1.5.2-6+deb12u3 libsasl2-2=2.1.28+dfsg-10+deb12u1 \
    libssl3=3.0.22-1~deb12u2 libstdc++6=12.2.0-14+deb12u1 libsystemd0=252.39-1~deb12u2 \
    libtasn1-6=4.19.0-2+deb12u1 libunistring2=1.0-2 libxml2=2.9.14+dfsg-1.3~deb12u6 \
    libzstd1=1.5.4+dfsg2-5 zlib1g=1:1.2.13.dfsg-1 dash=0.5.12-2
mkdir -p "$folder/root/usr/bin" "$folder/root/usr/sbin" "$folder/root/usr/lib" "$folder/root/usr/lib64"
for each in bin sbin lib lib64; do
    ln -s "usr/$each" "$folder/root/$each"
done
for deb in *.deb; do
    dpkg-deb --fsys-tarfile "$deb" | tar -x --keep-directory-symlink -C "$folder/root"
done
cd "$folder/root"
mkdir -p dev tmp data
mknod -m 0666 dev/null c 1 3
chmod 1777 tmp
printf 'postgres:x:1000:1000::/data:/\n' >etc/passwd
chown 1000:1000 data
inside() {
    LC_ALL=C PGDATA=/data chroot --userspec=1000:1000 "$folder/root" "$@"
}

# With the shell: what PostgreSQL makes its first database with needs one too.
bin=/usr/lib/postgresql/15/bin
inside "$bin/initdb" --no-locale --encoding=UTF8 --username=postgres --no-sync >"$folder/initdb" 2>&1 ||
    { cat "$folder/initdb" >&2; exit 1; }
asked() {
    echo "begin; delete from pg_collation where collprovider = 'i';
select pg_import_system_collations('pg_catalog');" | tr '\n' ' ' >"$folder/query"
    inside "$bin/postgres" --single postgres <"$folder/query" 2>&1 || true
}
inside "$bin/postgres" --version
with=$(asked)
rm usr/bin/sh usr/bin/dash
without=$(asked)
inside /usr/bin/locale -a >"$folder/locales"
echo "with a shell:    $(echo "$with" | sed -n 's/.*\(pg_import_system_collations = "[0-9]*"\).*/\1/p')"
echo "without a shell: $(echo "$without" | grep -o 'ERROR:.*')"
echo "locale -a itself runs there: $(wc -l <"$folder/locales") locales"
imported=$(echo "$with" | sed -n 's/.*pg_import_system_collations = "\([0-9]*\)".*/\1/p')
refusal='could not execute command "locale -a": Cannot allocate memory'
if test "${imported:-0}" -gt 500 && echo "$without" | grep -q "$refusal" && test -s "$folder/locales"
then
    echo "as described: no shell, and not even ICU's collations"
else
    echo "changed: see the top of $0" >&2
    exit 1
fi
