#!/bin/bash
# Follows docs/quick-start.md and docs/pep-with-libervia.md on an empty Debian with a systemd of its own, command by command as
# they stand, and looks whether what they promise is seen. By hand: it is root's, takes minutes, and uses this machine's network
# and the ports of the pages. The integration tests follow the same commands without packages and systemd.
#
#   scripts/walk-pages.sh bookworm|trixie
#
# Needs debootstrap and systemd-container. The source is what git has in HEAD.
# WALK_MIRROR    where Debian is taken from; if not where debootstrap does it by itself
# WALK_NODE      a folder to be put over /usr/local in place of the download of Node.js
# WALK_PREPARE   a program that is given the new root's folder before anything is done there
# WALK_NETNS     the path of a network namespace, in place of this machine's network
# WALK_KEEP      if set, the root is left where it is
set -euo pipefail

here=$(cd -- "$(dirname -- "$0")/.." && pwd)
suite=${1:-}
case $suite in bookworm | trixie) ;; *) sed -n '2,14s/^# \{0,1\}//p' "$0" >&2 && exit 2 ;; esac
pages=(docs/quick-start.md docs/pep-with-libervia.md)
root=$(mktemp -d "/var/tmp/walk-$suite.XXXXXX")
chmod 755 "$root"
trap '[ -n "${WALK_KEEP:-}" ] && echo "walk: the root is $root" || rm -rf --one-file-system "$root"' EXIT

make_root() {
	debootstrap --variant=minbase --include=systemd-sysv,dbus "$suite" "$root" ${WALK_MIRROR:+"$WALK_MIRROR"} >"$root.log"
	rm "$root.log"
	cp /etc/resolv.conf "$root/etc/resolv.conf"
	mkdir "$root/root/caesura"
	git -C "$here" archive HEAD | tar -x -C "$root/root/caesura"
	if [ -n "${WALK_PREPARE:-}" ]; then "$WALK_PREPARE" "$root"; fi
	if [ -n "${WALK_NODE:-}" ] && [ "$suite" = bookworm ]; then cp -a "$WALK_NODE/." "$root/usr/local/"; fi
}

# The commands of a page. Of the two ways to Node.js it has the one of this Debian.
commands() {
	local other='nodejs npm'
	if [ "$suite" = trixie ] || [ -n "${WALK_NODE:-}" ]; then other=nodejs.org; fi
	if [ "$suite$other" = bookwormnodejs.org ]; then other='nodejs(.org| npm)'; fi
	awk -v other="$other" '
		/^```/ && inside { inside = 0; if (block !~ other) print block; next }
		/^```sh$/ { inside = 1; block = ""; next }
		inside { block = block $0 "\n" }
	' "$here/$1"
}

# The walk is a service of the new machine, which is switched off when it ends.
prepare_walk() {
	{
		echo 'set -meE -o pipefail'
		# shellcheck disable=SC2016 # it is the walk that expands this
		echo 'trap '\''echo "walk: $BASH_COMMAND failed"'\'' ERR'
		for page in "${pages[@]}"; do
			echo "echo 'walk: $page'"
			commands "$page"
		done
		echo 'echo "walk: the end"'
	} >"$root/root/walk.sh"
	cat >"$root/etc/systemd/system/walk.service" <<-'END'
		[Unit]
		SuccessAction=poweroff
		FailureAction=poweroff
		[Service]
		Type=oneshot
		EnvironmentFile=-/etc/environment
		Environment=HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive
		WorkingDirectory=/root/caesura
		ExecStart=/bin/bash /root/walk.sh
		StandardOutput=file:/root/walk.log
		StandardError=inherit
		[Install]
		WantedBy=multi-user.target
	END
	systemctl --root="$root" --quiet enable walk.service
}

walk() {
	local options=(--quiet --boot --directory="$root" --console=pipe --link-journal=no --resolv-conf=off)
	if [ -n "${WALK_NETNS:-}" ]; then options+=(--network-namespace-path="$WALK_NETNS"); fi
	# Where this machine has no systemd, nobody keeps a list of machines, and control groups may be of the old kind.
	if ! [ -d /run/systemd/system ]; then
		options+=(--register=no --keep-unit --setenv=SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1)
		export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1
	fi
	timeout --kill-after=60 1800 systemd-nspawn "${options[@]}" </dev/null >/dev/null
	cat "$root/root/walk.log"
}

seen() {
	grep -qF -- "$1" "$root/root/walk.log" || { echo "walk: this was not seen: $1" >&2 && return 1; }
}

judge() {
	seen 'walk: the end'
	seen '"ready":true'
	seen ': no problems.'
	# What the quick start shows of the entity's and the client's output, line by line.
	local line
	awk '/^```/ && inside { inside = 0; next } /^```text$/ { inside = 1; next } inside' "$here/docs/quick-start.md" >"$root/root/shown"
	while read -r line; do seen "$line"; done <"$root/root/shown"
	# What Romeo is told.
	seen "<event xmlns='http://jabber.org/protocol/pubsub#event'>"
}

make_root
prepare_walk
walk
judge
echo "walk: $suite, all as the pages say"
