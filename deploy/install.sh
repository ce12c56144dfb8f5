#!/bin/sh
set -eu
# Whatever that of whoever installs is; what is for root alone says so.
umask 022

usage() {
	cat <<-END
		usage: deploy/install.sh [--uninstall | --purge]

		Installs Caesura as a systemd service, or takes it away again. Safe to repeat: an installation is replaced as a
		whole, and what is yours in /etc/caesura is not touched.

		  (no option)   build if need be, install; nothing is started or restarted
		  --uninstall   stop it, remove the program and the units; /etc/caesura stays
		  --purge       remove /etc/caesura as well, keys and secrets included; what users have granted, below
		                /var/lib/private/caesura, stays

		Environment:
		  DESTDIR   puts everything below that folder, for packages; systemd is not told then
		  NODE      the Node.js that the service runs with; the one in PATH if not given
	END
}

here=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
destdir=${DESTDIR:-}
lib=$destdir/usr/lib/caesura
bin=$destdir/usr/bin
etc=$destdir/etc/caesura
units=$destdir/usr/lib/systemd/system
share=$destdir/usr/share/caesura
bash_completion=$destdir/usr/share/bash-completion/completions/caesura
zsh_completion=$destdir/usr/share/zsh/vendor-completions/_caesura
fish_completion=$destdir/usr/share/fish/vendor_completions.d/caesura.fish
unit_names='caesura.service caesura.socket caesura-direct.socket caesura-component.socket caesura-websocket.socket'

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
	# The service has ProtectHome= and PrivateTmp=, and is no user whom a private folder lets in. nvm and its like install there.
	case $(readlink -f "$node") in
	/root/* | /home/* | /run/user/* | /tmp/* | /var/tmp/*)
		[ -n "$destdir" ] || fail "$node is where the service may not look; install Node.js in /usr/local, and name it: NODE=/usr/local/bin/node"
		echo "install: note: $node is where a service may not look; it has to be elsewhere on the machine that this is for" >&2
		;;
	esac
}

check_permission() {
	[ -n "$destdir" ] || [ "$(id -u)" = 0 ] || fail 'only root may do this'
}

# A checkout is built as it is now, also after a pull; a release brings what was built of it.
build() {
	if [ ! -d "$here/src" ]; then
		[ -f "$here/dist/cli/caesura.js" ] || fail "there is neither a program nor its source in $here"
		return
	fi
	(cd "$here" && "$node" --input-type=module --eval '
		import { ensureBuild, ensurePackages } from "./scripts/setup.mjs";
		const say = (text) => console.log("install:", text);
		await ensurePackages(say);
		await ensureBuild(say);
	')
}

# Everything into a folder beside the old one, which is exchanged at the end: for all but that moment an interruption changes nothing.
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
	# Some versions of npm keep the numbers of whoever made a package, and who has such a number here could change it.
	if [ "$(id -u)" = 0 ]; then chown -hR 0:0 "$lib.new"; fi
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

# Where each shell looks by itself for what a command can be completed to.
install_completion() {
	mkdir -p "$(dirname "$2")"
	"$node" "$lib/dist/cli/caesura.js" completion "$1" >"$2"
}

install_configuration() {
	mkdir -p "$etc/tls" "$etc/secrets"
	chmod 755 "$etc"
	chmod 700 "$etc/tls" "$etc/secrets"
	# Editors find the schema beside the file.
	ln -sfn ../../usr/lib/caesura/proxy.schema.json "$etc/proxy.schema.json"
	if [ -e "$etc/proxy.yaml" ]; then
		echo "install: $etc/proxy.yaml stays as it is"
	else
		cp "$here/deploy/systemd/proxy.yaml" "$etc/proxy.yaml"
		chmod 644 "$etc/proxy.yaml"
	fi
}

install() {
	check_permission
	check_node
	command -v npm >/dev/null || fail 'there is no npm in PATH'
	build
	install_program
	install_units
	install_shared
	install_completion bash "$bash_completion"
	install_completion zsh "$zsh_completion"
	install_completion fish "$fish_completion"
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
	check_permission
	# shellcheck disable=SC2086 # names without spaces
	manager disable --now $unit_names || true
	for name in $unit_names; do rm -f "$units/$name"; done
	rm -rf "$lib" "$lib.new" "$lib.old" "$share"
	rm -f "$bin/caesura" "$bin/caesura.new" "$bash_completion" "$zsh_completion" "$fish_completion"
	manager daemon-reload
	# Those that had failed are remembered otherwise.
	# shellcheck disable=SC2086 # names without spaces
	manager reset-failed $unit_names 2>/dev/null || true
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
--help | -h) usage ;;
*) fail "$1 is no option; there are --uninstall, --purge and --help" ;;
esac
