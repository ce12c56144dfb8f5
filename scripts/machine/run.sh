#!/bin/bash
# Boots a whole Debian, systemd first, in a container of its own, and carries out one script in it as root. For what a test beside
# other processes cannot do: install packages, enable units, restart services.
#
#   scripts/machine/run.sh bookworm scripts/machine/systemd.sh
#   scripts/machine/run.sh trixie scripts/machine/systemd.sh
#
# Needs root and the packages mmdebstrap and systemd-container. The script names the packages that it needs in lines `# packages: …`,
# and finds the working tree, built, in /root/caesura. There is no network but loopback; what npm is to install comes along in its
# cache. Exit code: 0 if the script's was.
set -euo pipefail

suite=${1:?which Debian: bookworm or trixie}
script=${2:?which script}
here=$(cd "$(dirname "$0")/../.." && pwd)
cache=${CAESURA_MACHINE_CACHE:-/var/tmp/caesura-machine}

fail() {
	echo "machine: $*" >&2
	exit 2
}

[ "$(id -u)" = 0 ] || fail 'only root may do this'
for program in mmdebstrap systemd-nspawn; do
	command -v "$program" >/dev/null || fail "there is no $program"
done

always=systemd,systemd-sysv,dbus,iproute2,ca-certificates,procps
packages=$(sed -n "s/^# packages: //p; s/^# packages of $suite: //p" "$script" | tr -s ' \n' ',,' | sed 's/,$//')
tar=$cache/$suite-$(echo "$always,$packages" | sha256sum | cut -c1-12).tar
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The system is made once for each list of packages.
mkdir -p "$cache"
if [ ! -e "$tar" ]; then
	echo "machine: making $tar"
	mmdebstrap --quiet --variant=minbase --include="$always,$packages" "$suite" "$tar.new.tar"
	mv "$tar.new.tar" "$tar"
fi
root=$work/root
mkdir "$root"
tar -C "$root" -xf "$tar"

# The tree; and Node of this machine as a release is unpacked to /usr/local, for a Debian whose own is too old.
(cd "$here" && npm run --silent build)
mkdir "$root/root/caesura"
(cd "$here" && git ls-files -z --cached --others --exclude-standard | xargs -0 tar -c) | tar -C "$root/root/caesura" -x
cp -a "$here/dist" "$here/node_modules" "$root/root/caesura/"
rm -rf "$root/root/caesura/node_modules/.cache"
mkdir -p "$root/root/node/bin" "$root/root/node/lib/node_modules"
cp "$(command -v node)" "$root/root/node/bin/"
cp -a "$(dirname "$(readlink -f "$(command -v npm)")")/.." "$root/root/node/lib/node_modules/npm"
ln -s ../lib/node_modules/npm/bin/npm-cli.js "$root/root/node/bin/npm"
mkdir "$work/packages"
cp "$here/package.json" "$here/package-lock.json" "$here/.npmrc" "$work/packages/"
(cd "$work/packages" && npm ci --omit=dev --ignore-scripts --no-audit --no-fund --loglevel=error --cache "$root/root/npm-cache" >/dev/null)
cp "$script" "$root/root/script.sh"

cat >"$root/etc/systemd/system/script.service" <<END
[Unit]
Description=$(basename "$script")
After=multi-user.target
[Service]
Type=exec
WorkingDirectory=/root
Environment=HOME=/root npm_config_cache=/root/npm-cache npm_config_offline=true
ExecStart=-/bin/bash -c 'bash /root/script.sh >/root/output 2>&1; echo \$\$? >/root/code'
ExecStopPost=/usr/bin/systemctl --no-block poweroff
TimeoutStartSec=15min
END
mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
ln -s ../script.service "$root/etc/systemd/system/multi-user.target.wants/script.service"
echo capulet >"$root/etc/hostname"
printf '127.0.0.1 localhost capulet capulet.lit\n::1 localhost\n' >"$root/etc/hosts"
touch "$root/root/output"

tail -F "$root/root/output" 2>/dev/null &
show=$!
timeout --kill-after=10 20m systemd-nspawn --quiet --directory="$root" --boot --register=no --keep-unit --private-network --console=pipe </dev/null >"$work/console" 2>&1 || true
sleep 1
kill "$show"
[ -e "$root/root/code" ] || { tail -20 "$work/console"; fail 'it did not come to its end'; }
exit "$(cat "$root/root/code")"
