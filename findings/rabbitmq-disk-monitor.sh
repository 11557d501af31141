#!/bin/sh
# rabbitmq-server 3.10.8 (Debian 12) asks /bin/sh for the space left on the disk by `df`. Without df its
# monitor starts all the same and knows the space as 'NaN', which is below no limit: the alarm that
# stops publishers before the disk is full is off. Without /bin/sh the monitor does not start. So an
# image with a shell and without coreutils seems well.
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
    rabbitmq-server=3.10.8-1.1+deb12u1 erlang-base=1:25.2.3+dfsg-1+deb12u4 \
    erlang-mnesia=1:25.2.3+dfsg-1+deb12u4 libtinfo6=6.4-4 libsystemd0=252.39-1~deb12u2 \
    libstdc++6=12.2.0-14+deb12u1 libgcc-s1=12.2.0-14+deb12u1 zlib1g=1:1.2.13.dfsg-1 \
    libc6=2.36-9+deb12u14 dash=0.5.12-2 coreutils=9.1-1 libcap2=1:2.66-4+deb12u3+b1 \
    libgcrypt20=1.10.1-3+deb12u1 liblzma5=5.4.1-1+deb12u2 libzstd1=1.5.4+dfsg2-5 liblz4-1=1.9.4-1 \
    libgpg-error0=1.46-1 libselinux1=3.4-1+b6 libpcre2-8-0=10.42-1+deb12u2 libacl1=2.3.1-3 \
    libattr1=1:2.5.1-4 libgmp10=2:6.2.1+dfsg1-1.1
cd "$folder/root"
for each in bin sbin lib lib64; do
    mkdir -p "usr/$each"
    ln -s "usr/$each" "$each"
done
for deb in ../debs/*.deb; do
    dpkg-deb --fsys-tarfile "$deb" | tar -x --keep-directory-symlink
done
mkdir -p dev proc tmp
mknod -m 0666 dev/null c 1 3
chmod 1777 tmp

# The monitor alone, with the defaults of its broker; nothing listens.
asked() {
    plugins=/usr/lib/rabbitmq/lib/rabbitmq_server-3.10.8/plugins
    erlang=/usr/lib/erlang
    unshare --mount --pid --fork --mount-proc="$folder/root/proc" \
        env -i ROOTDIR=$erlang BINDIR=$erlang/erts-13.1.5/bin EMU=beam PROGNAME=erl HOME=/tmp \
        PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 ERL_CRASH_DUMP_BYTES=0 \
        chroot "$folder/root" $erlang/erts-13.1.5/bin/erlexec -noshell -boot start_clean \
        -pa $plugins/rabbit-3.10.8/ebin -pa $plugins/rabbit_common-3.10.8/ebin -eval '
            application:load(rabbit), application:set_env(mnesia, dir, "/tmp"),
            process_flag(trap_exit, true),
            case catch rabbit_disk_monitor:start_link(50000000) of
                {ok, _} -> io:format("started, free: ~p~n", [rabbit_disk_monitor:get_disk_free()]);
                {error, {Why, _}} -> io:format("not started: ~p~n", [Why])
            end,
            halt().' 2>&1 | grep -o "started.*\|not started.*" || echo "it ended"
}
echo "rabbitmq-server 3.10.8"
whole=$(asked)
mv usr/bin/df ../df
without_df=$(asked)
mv ../df usr/bin/df
rm usr/bin/sh usr/bin/dash
without_shell=$(asked)
echo "with df and a shell: $whole"
echo "without df:          $without_df"
echo "without a shell:     $without_shell"
case "$whole, $without_df, $without_shell" in
"started, free: "[0-9]*", started, free: 'NaN', not started: enoent")
    echo "as described: without df there is no alarm, and nothing fails"
    ;;
*)
    echo "changed: see the top of $0" >&2
    exit 1
    ;;
esac
