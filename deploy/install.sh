#!/bin/sh
# Installs Caesura as a systemd service, or takes it away again. Safe to repeat: an installation is replaced as a whole, and
# what is yours in /etc/caesura is not touched.
#
#   deploy/install.sh               build if need be, install
#   deploy/install.sh --uninstall   remove the program and the units; /etc/caesura stays
#   deploy/install.sh --purge       remove /etc/caesura as well
#
# DESTDIR    puts everything below that folder, for packages; systemd is not told then
# NODE       the Node.js that the service runs with; the one in PATH if not given
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
destdir=${DESTDIR:-}
lib=$destdir/usr/lib/caesura
bin=$destdir/usr/bin
etc=$destdir/etc/caesura
units=$destdir/usr/lib/systemd/system
share=$destdir/usr/share/caesura
unit_names='caesura.service caesura.socket caesura-direct.socket caesura-component.socket'

fail() {
	echo "install: $*" >&2
	exit 1
}

# Does what systemctl would, where there is a systemd that is meant.
manager() {
	if [ -z "$destdir" ] && [ -d /run/systemd/system ]; then systemctl "$@"; fi
}

check_node() {
	node=${NODE:-$(command -v node || true)}
	[ -n "$node" ] || fail 'there is no node in PATH; Caesura needs Node.js 20.19 or later'
	case $node in /*) ;; *) fail "NODE must be a whole path, not $node" ;; esac
	"$node" -e '
		const [major, minor] = process.versions.node.split(".").map(Number);
		process.exit(major > 20 || (major === 20 && minor >= 19) ? 0 : 1);
	' || fail "$node is $("$node" --version 2>/dev/null || echo 'no Node.js'); Caesura needs 20.19 or later"
}

# A source that has been updated is built again; one that was built before it was brought here has no src.
build() {
	if [ ! -d "$here/src" ]; then
		[ -f "$here/dist/cli/caesura.js" ] || fail "there is neither src nor dist in $here"
		return
	fi
	(cd "$here" && "$node" --input-type=module -e '
		import { ensureBuild, ensurePackages } from "./scripts/setup.mjs";
		const say = (text) => console.log("install: " + text);
		await ensurePackages(say);
		await ensureBuild(say);
	')
}

# Everything into a folder beside the old one, which is exchanged at the end: an interrupted installation changes nothing.
install_program() {
	rm -rf "$lib.new" "$lib.old"
	mkdir -p "$lib.new"
	cp -R "$here/dist" "$here/package.json" "$here/package-lock.json" "$here/proxy.schema.json" "$lib.new/"
	for name in .npmrc LICENSE; do
		if [ -f "$here/$name" ]; then cp "$here/$name" "$lib.new/"; fi
	done
	(cd "$lib.new" && npm ci --omit=dev --ignore-scripts --no-audit --no-fund --prefer-offline --loglevel=error)
	# Anybody may run `caesura check`, whatever the umask of whoever installs is.
	chmod -R u=rwX,go=rX "$lib.new"
	if [ -d "$lib" ]; then mv "$lib" "$lib.old"; fi
	mv "$lib.new" "$lib"
	rm -rf "$lib.old"
	mkdir -p "$bin"
	printf '#!/bin/sh\nexec %s /usr/lib/caesura/dist/cli/caesura.js "$@"\n' "$node" >"$bin/caesura.new"
	chmod 755 "$bin/caesura.new"
	mv "$bin/caesura.new" "$bin/caesura"
}

install_units() {
	mkdir -p "$units"
	for name in $unit_names; do
		sed "s|/usr/bin/node |$node |" "$here/deploy/systemd/$name" >"$units/$name"
		chmod 644 "$units/$name"
	done
}

install_shared() {
	rm -rf "$share"
	mkdir -p "$share"
	cp -R "$here/deploy/grafana" "$here/deploy/prometheus" "$here/deploy/servers" "$share/"
	cp "$here/deploy/systemd/proxy.yaml" "$share/proxy.yaml.example"
	chmod -R u=rwX,go=rX "$share"
}

install_configuration() {
	mkdir -p "$etc/tls" "$etc/secrets"
	chmod 755 "$etc"
	chmod 700 "$etc/tls" "$etc/secrets"
	# Editors find the schema beside the file.
	cp "$here/proxy.schema.json" "$etc/proxy.schema.json"
	chmod 644 "$etc/proxy.schema.json"
	if [ -e "$etc/proxy.yaml" ]; then
		echo "install: $etc/proxy.yaml stays as it is"
	else
		cp "$here/deploy/systemd/proxy.yaml" "$etc/proxy.yaml"
		chmod 644 "$etc/proxy.yaml"
	fi
}

install() {
	check_node
	command -v npm >/dev/null || fail 'there is no npm in PATH'
	build
	install_program
	install_units
	install_shared
	install_configuration
	manager daemon-reload
	cat <<-END
		install: done. Next:
		  1. put certificate and key into /etc/caesura/tls, secrets into /etc/caesura/secrets
		  2. edit /etc/caesura/proxy.yaml
		  3. systemctl enable --now caesura.socket caesura-direct.socket caesura-component.socket caesura.service
		An update: run this again, then systemctl restart caesura. The ports stay open meanwhile.
	END
}

uninstall() {
	# shellcheck disable=SC2086 # names without spaces
	manager disable --now $unit_names || true
	for name in $unit_names; do rm -f "$units/$name"; done
	rm -rf "$lib" "$lib.new" "$lib.old" "$share"
	rm -f "$bin/caesura" "$bin/caesura.new"
	manager daemon-reload
}

case ${1:-} in
'') install ;;
--uninstall)
	uninstall
	if [ -d "$etc" ]; then echo "install: $etc stays; --purge removes it"; fi
	;;
--purge)
	uninstall
	rm -rf "$etc"
	;;
*) fail "$1 is no option; there are --uninstall and --purge" ;;
esac
