#!/bin/sh
# Builds a Debian package of this tree for the architecture of this machine, from what deploy/install.sh installs:
#
#   deploy/debian/build.sh [FOLDER]     FOLDER/caesura_VERSION_ARCHITECTURE.deb, by default in this folder
#
# Needs dpkg-deb, fakeroot if not root, and what install.sh needs. The same tree gives the same bytes (SOURCE_DATE_EPOCH).
set -eu
# dpkg-deb takes no folder that only its owner may look into.
umask 022

here=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
# Files of a package belong to root.
if [ "$(id -u)" != 0 ]; then exec fakeroot -- "$0" "$@"; fi
target=$(CDPATH='' cd -- "${1:-.}" && pwd)
node=${NODE:-$(command -v node)}
version=$("$node" -p 'JSON.parse(require("fs").readFileSync(process.argv[1], "utf8")).version' "$here/package.json")
architecture=$(dpkg --print-architecture)
if [ -z "${SOURCE_DATE_EPOCH:-}" ]; then
	SOURCE_DATE_EPOCH=$(git -C "$here" log -1 --format=%ct 2>/dev/null || stat -c %Y "$here/CHANGELOG.md")
fi
export SOURCE_DATE_EPOCH
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root

case $architecture in
amd64) prebuilt=linux-x64 ;;
arm64) prebuilt=linux-arm64 ;;
armhf) prebuilt=linux-arm ;;
*) prebuilt= ;;
esac
[ -n "$prebuilt" ] || {
	echo "build: the store of grants has no program for $architecture; deploy/install.sh builds one" >&2
	exit 1
}

mkdir -m 755 "$root"
DESTDIR=$root NODE=$node "$here/deploy/install.sh" >"$work/log" 2>&1 || {
	cat "$work/log" >&2
	exit 1
}

# The service runs with Debian's node, whichever this one is.
sed -i "s|$node |/usr/bin/node |" "$root/usr/bin/caesura" "$root"/usr/lib/systemd/system/caesura*
# Debian Policy 10.5: links between folders of the root are absolute.
ln -sfn /usr/lib/caesura/proxy.schema.json "$root/etc/caesura/proxy.schema.json"
# What npm brings for other machines, and to compile with.
level=$root/usr/lib/caesura/node_modules/classic-level
find "$level/prebuilds" -mindepth 1 -maxdepth 1 ! -name "$prebuilt" -exec rm -r {} +
rm -rf "$level/deps" "$level/binding.cc" "$level/binding.gyp" "$level/prebuilds/$prebuilt"/*.musl.node
find "$root/usr/lib/caesura" -name '.*' -mindepth 1 -maxdepth 1 -exec rm -r {} +
# What compilers and debuggers of these packages would read.
find "$root/usr/lib/caesura/node_modules" -type f \( -name '*.ts' -o -name '*.cts' -o -name '*.mts' -o -name '*.map' -o -name '*.html' -o -name '.*' \) -delete
find "$root/usr/lib/caesura/node_modules" -type d -empty -delete

doc=$root/usr/share/doc/caesura
mkdir -p "$doc/deploy" "$root/usr/share/man/man1" "$root/DEBIAN"
# As they lie in the tree, so that links lead somewhere.
cp -R "$here/docs" "$here/README.md" "$here/CHANGELOG.md" "$doc/"
cp "$here/deploy/README.md" "$doc/deploy/"
cp "$here/LICENSE" "$doc/copyright"
maintainer=$(sed -n 's/^Maintainer: //p' "$here/deploy/debian/control")
gzip -9n >"$doc/changelog.gz" <<END
caesura ($version) unstable; urgency=medium

  * What operators notice is in CHANGELOG.md.

 -- $maintainer  $(date -uR -d "@$SOURCE_DATE_EPOCH")
END
gzip -9n <"$here/deploy/debian/caesura.1" >"$root/usr/share/man/man1/caesura.1.gz"
chmod -R u=rwX,go=rX "$root/usr"

size=$(du -sk --exclude=DEBIAN "$root" | cut -f1)
sed "s/@VERSION@/$version/; s/@ARCHITECTURE@/$architecture/; s/@SIZE@/$size/" "$here/deploy/debian/control" >"$root/DEBIAN/control"
echo /etc/caesura/proxy.yaml >"$root/DEBIAN/conffiles"
for script in postinst prerm postrm; do
	cp "$here/deploy/debian/$script" "$root/DEBIAN/$script"
	chmod 755 "$root/DEBIAN/$script"
done
(cd "$root" && find usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum) >"$root/DEBIAN/md5sums"

dpkg-deb --build --root-owner-group -Zxz "$root" "$target/caesura_${version}_$architecture.deb"
