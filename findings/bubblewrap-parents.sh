#!/bin/sh
# bubblewrap 0.8.0 (Debian 12; 0.12.0 of Debian 13 does the same): what is missing on the way to a
# mount point is made with mode 0700, while the parents of `--dir` are 0755. So a file that is bound
# to /run/settings/file can be read by nobody but the owner of the root, whatever the mode of the
# file and of everything that was named.
#
# Run on Debian 12 for amd64, where user namespaces are allowed; bubblewrap comes from where apt is
# configured to get it, and is unpacked, not installed. Exit code 0: it is as described; 1: it has
# changed.
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
chmod 0755 "$folder"
cd "$folder"
apt-get download --quiet=2 -o APT::Sandbox::User=root bubblewrap=0.8.0-2+deb12u1
dpkg-deb -x bubblewrap_*.deb root
bwrap="$folder/root/usr/bin/bwrap"

"$bwrap" --version
found=$("$bwrap" --unshare-user --tmpfs / --ro-bind /usr /usr \
    --symlink usr/lib /lib --symlink usr/lib64 /lib64 \
    --ro-bind /etc/hosts /bound/below/hosts --dir /made/below \
    -- /usr/bin/stat -c '%a %n' /bound /bound/below /bound/below/hosts /made /made/below)
echo "$found"

expected="700 /bound
700 /bound/below
$(stat -L -c %a /etc/hosts) /bound/below/hosts
755 /made
755 /made/below"
if test "$found" = "$expected"; then
    echo "as described: parents of mount points are for their owner, those of --dir for all"
else
    echo "changed: see the top of $0" >&2
    exit 1
fi
