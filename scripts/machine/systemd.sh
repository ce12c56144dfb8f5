# What a new operator does with deploy/install.sh, in a Debian whose first process is systemd; see run.sh.
# packages: prosody lua-unbound openssl curl
# packages of bookworm: nodejs
# packages of trixie: nodejs npm
set -u
failed=0
title() { printf '\n== %s\n' "$*"; }
ok() { # ok SENTENCE COMMAND…
	local sentence=$1 out
	shift
	if out=$("$@" 2>&1); then echo "ok   $sentence"; else
		echo "FAIL $sentence"
		echo "$out" | sed 's/^/     /'
		failed=$((failed + 1))
	fi
}
says() { # says TEXT COMMAND…: whatever the exit code is
	local text=$1 out
	shift
	out=$("$@" 2>&1)
	case $out in *"$text"*) ;; *)
		echo "wanted: $text"
		echo "$out"
		return 1
		;;
	esac
}
is() { [ "$1" = "$2" ] || { echo "wanted $2, got $1"; return 1; }; }
not() { ! "$@"; }
show() { systemctl show "${2:-caesura.service}" -p "$1" --value; }
until_is() { # until_is SECONDS VALUE COMMAND…
	local seconds=$1 value=$2 got
	shift 2
	for _ in $(seq "$seconds"); do
		got=$("$@" 2>&1)
		[ "$got" = "$value" ] && return
		sleep 1
	done
	echo "wanted $value, got $got"
	return 1
}
cd /root/caesura || exit

title "$(. /etc/os-release && echo "$PRETTY_NAME"), $(systemctl --version | head -1)"
ok 'systemd runs the machine' says running systemctl is-system-running --wait

title 'Node.js'
if ! node -e 'process.exit(process.versions.node.startsWith("18.") ? 1 : 0)'; then
	ok "Debian's Node 18 is refused, with what is needed" says 'Caesura needs 20.19 or later' deploy/install.sh
	mkdir -p /root/.nvm/versions/node && cp -a /root/node /root/.nvm/versions/node/v20
	ok 'Node below /root is refused, since the service cannot see it' says 'is where the service may not look' env PATH="/root/.nvm/versions/node/v20/bin:$PATH" deploy/install.sh
	ok 'nothing was installed by then' not test -e /usr/lib/caesura -o -e /etc/caesura
	cp -a /root/node/. /usr/local/
	hash -r
fi
echo "     node $(node --version) in $(command -v node), npm $(npm --version)"

title 'Installation'
ok 'install.sh --help tells the options' says --purge deploy/install.sh --help
ok 'installs offline, with what the cache of npm holds' says 'install: done' deploy/install.sh
find /usr/lib/caesura /usr/bin/caesura /etc/caesura -maxdepth 1 -printf '     %M %u:%g %p\n' | sort -k3
echo "     $(du -sh /usr/lib/caesura | cut -f1) in /usr/lib/caesura"
ok 'nothing there belongs to anybody but root' is "$(find /usr/lib/caesura /etc/caesura /usr/share/caesura ! -user root -o ! -group root | wc -l)" 0
ok 'nothing there can be written by others' is "$(find /usr/lib/caesura /etc/caesura /usr/share/caesura -perm /022 ! -type l | wc -l)" 0
ok 'caesura is a command for every user' says 0.1 setpriv --reuid=nobody --regid=nogroup --clear-groups caesura --version
ok 'nothing is started by that' is "$(systemctl is-active caesura.service caesura.socket | tr '\n' ' ')" 'inactive inactive '

title 'Prosody behind'
{ sed 's/"bosh", "websocket"/"bosh", "websocket", "s2s"/' deploy/servers/prosody.cfg.lua; } >/tmp/snippet.lua
printf 'pidfile = "/run/prosody/prosody.pid"\nlog = { info = "/var/log/prosody/prosody.log" }\nmodules_enabled = { "roster", "saslauth", "disco", "ping" }\nauthentication = "internal_hashed"\nhttp_ports = { }\nhttps_ports = { }\n' | cat - /tmp/snippet.lua >/etc/prosody/prosody.cfg.lua
systemctl restart prosody
prosodyctl register juliet capulet.lit r0m30 >/dev/null 2>&1

title 'Start'
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 90 -subj /CN=capulet.lit -addext subjectAltName=DNS:capulet.lit,IP:127.0.0.1 \
	-keyout /etc/caesura/tls/capulet.lit.key -out /etc/caesura/tls/capulet.lit.crt 2>/dev/null
chmod 600 /etc/caesura/tls/*
ok 'systemctl enable --now brings up the sockets and the service' systemctl enable --now caesura.socket caesura-direct.socket caesura-component.socket caesura.service
ok 'it is active because it said so (Type=notify)' is "$(show ActiveState) $(show SubState) $(show Type)" 'active running notify'
ok 'it says what it serves' says 'serving capulet.lit' show StatusText
ok 'the user exists only while it runs' is "$(show DynamicUser)" yes
ok 'the key is shown as a credential, for this service alone' is "$(find /run/credentials/caesura.service -name '*.key' -printf '%f')" tls_capulet.lit.key
ok 'the process is not root, and sees no key in /etc' says 'Permission denied' nsenter -t "$(show MainPID)" -m setpriv --reuid="$(ps -o uid= -p "$(show MainPID)" | tr -d ' ')" --clear-groups cat /etc/caesura/tls/capulet.lit.key
most=$(awk '/Max open files/ { print $5 }' /proc/1/limits)
ok 'open files are limited as the unit says, or as the machine allows' says " $((most < 65536 ? most : 65536))" prlimit --pid "$(show MainPID)" --nofile --noheadings
ok '/readyz is 200' curl -sf http://127.0.0.1:9199/readyz
ok 'caesura status speaks to it' says capulet.lit caesura status -c /etc/caesura/proxy.yaml
systemctl status caesura --no-pager -l -n 5 | sed 's/^/     /'
echo "     $(ls -ld /run/caesura /run/caesura/admin.sock | awk '{print $1, $3, $NF}' | tr '\n' ' ')"

title 'Socket activation'
ok 'a process that is stopped is brought back by the first client, who is served' bash -c 'systemctl stop caesura.service 2>/dev/null; openssl s_client -connect 127.0.0.1:5223 -servername capulet.lit </dev/null 2>/dev/null | grep -q "CN *= *capulet.lit"'
ok 'and it is active then' until_is 60 active systemctl is-active caesura.service
sed -i 's/^  # - { kind: websocket/  - { kind: websocket/' /etc/caesura/proxy.yaml
ok 'the port for WebSocket opens as its unit says' bash -c "$(sed -n 's/^#     \(systemctl enable.*\)/\1/p' deploy/systemd/caesura-websocket.socket)"
ok 'all sockets are handed over' says 'websocket' show StatusText
ok 'host metadata are served there (XEP-0156)' says xmpp-websocket curl -sk --resolve capulet.lit:5443:127.0.0.1 https://capulet.lit:5443/.well-known/host-meta
cp scripts/machine/crowd.mjs /root/caesura/crowd.mjs
node crowd.mjs >/tmp/crowd 2>&1 &
crowd=$!
sleep 8
ok 'restarts under load' systemctl restart caesura.service
sleep 4
ok 'an update replaces the program while it runs' says 'stays as it is' deploy/install.sh
ok 'and is taken into use by a restart' systemctl restart caesura.service
sleep 8
kill "$crowd"
wait "$crowd"
ok 'nobody was refused meanwhile' grep -q 'turned away 0$' /tmp/crowd
sed 's/^/     /' /tmp/crowd | tail -3

title 'A delegated request'
sed -i 's|http://jabber.org/protocol/pubsub: |urn:example:verse: |; /pubsub#owner/d' /etc/caesura/proxy.yaml
ok 'systemctl reload waits until the new configuration is in use' systemctl reload caesura
ok 'rules are those of the file then' says urn:example:verse caesura rules -c /etc/caesura/proxy.yaml
COMPONENT_SECRET='change me' node examples/managing-entity.mjs xmpp://127.0.0.1:5347 pubsub.capulet.lit >/tmp/entity 2>&1 &
entity=$!
until_is 30 1 grep -c delegates /tmp/entity >/dev/null
ask() {
	echo "<iq type='get' id='v1'><line xmlns='urn:example:verse' play='romeo'/></iq>" |
		XMPP_PASSWORD=r0m30 NODE_EXTRA_CA_CERTS=/etc/caesura/tls/capulet.lit.crt node examples/client.mjs xmpp://127.0.0.1:5222 juliet@capulet.lit
}
ok 'is answered by the entity' says 'But, soft' ask
kill "$entity"

title 'What goes wrong'
cp /etc/caesura/proxy.yaml /tmp/good.yaml
main=$(show MainPID)
echo 'delegatoins: {}' >>/etc/caesura/proxy.yaml
ok 'systemctl reload of a bad file fails' not systemctl reload caesura
ok 'the journal says why' says delegatoins journalctl -u caesura -n 20 -o cat
ok 'and the process goes on as before' is "$(show ActiveState) $(show MainPID)" "active $main"
ok 'warnings and worse can be asked for' says reload-refused journalctl -u caesura -p warning -o cat
ok 'of which the start has none that is not one' not says '"event":"started"' journalctl -u caesura -p warning -o cat
systemctl restart caesura.service 2>/dev/null
ok 'a start with a bad file fails with 2, once' is "$(show ExecMainStatus) $(show Result) $(show NRestarts)" '2 exit-code 0'
ok 'and why is an error in the journal' says delegatoins journalctl -u caesura -p err -o cat
systemctl status caesura --no-pager -n 6 2>/dev/null | sed 's/^/     /'
before=$(journalctl -u caesura -o cat | grep -c '^Starting caesura')
for _ in 1 2 3; do timeout 5 openssl s_client -connect 127.0.0.1:5223 </dev/null >/dev/null 2>&1; done
ok 'clients who come meanwhile do not start it for ever' until_is 90 failed systemctl is-active caesura-direct.socket
echo "     started $(($(journalctl -u caesura -o cat | grep -c '^Starting caesura') - before)) times; caesura.socket: $(show Result caesura-direct.socket)"
cp /tmp/good.yaml /etc/caesura/proxy.yaml
systemctl reset-failed caesura.service
ok 'the corrected file starts, and the ports are open again' systemctl restart caesura.service
ok 'all of them' is "$(systemctl is-active caesura.socket caesura-direct.socket caesura-component.socket caesura-websocket.socket | sort -u)" active
mkdir -p /etc/systemd/system/caesura.service.d
printf '[Service]\nWatchdogSec=12s\nTimeoutAbortSec=5s\n' >/etc/systemd/system/caesura.service.d/try.conf
systemctl daemon-reload
systemctl restart caesura.service
main=$(show MainPID)
kill -STOP "$main"
restarted() { [ "$(show MainPID)" != "$main" ] && [ "$(show ActiveState)" = active ] && echo yes; }
ok 'a process that hangs is ended by the watchdog, and started anew' until_is 90 yes restarted
ok 'and the journal says so' says 'Watchdog timeout' journalctl -u caesura -o cat
main=$(show MainPID)
kill -SEGV "$main"
ok 'so is one that crashes' until_is 60 yes restarted
rm -r /etc/systemd/system/caesura.service.d
systemctl daemon-reload

title 'The store of grants'
printf 'store: { path: /var/lib/caesura/grants }\n' >>/etc/caesura/proxy.yaml
sed -i 's|^    delegations:|    clientMode: { namespaces: ["http://jabber.org/protocol/pubsub"] }\n    delegations:|' /etc/caesura/proxy.yaml
ok 'is made in the state directory' bash -c 'systemctl restart caesura.service && test -e /var/lib/private/caesura/grants'
ok 'and can be opened again by the next process' systemctl restart caesura.service
ls -ld /var/lib/caesura /var/lib/private/caesura /var/lib/private/caesura/grants | awk '{print "     " $1, $3, $9, $10, $11}'

title 'Exposure'
systemd-analyze security caesura.service --no-pager 2>&1 | tail -1 | sed 's/^/     /'
ok 'of the running service is 2.0 or lower' systemd-analyze security caesura.service --threshold=20 --no-pager
ok 'nothing was refused by the sandbox' not says 'Permission denied' journalctl -u caesura -p warning -o cat

title 'Draining'
ok 'systemctl stop ends with success' bash -c 'systemctl stop caesura.service caesura.socket caesura-direct.socket caesura-component.socket caesura-websocket.socket && systemctl show caesura -p Result --value | grep -qx success'
journalctl -u caesura -o cat -n 4 | cut -c1-180 | sed 's/^/     /'

title 'Away again'
cp -a /etc/caesura/tls /root/tls
systemctl start caesura.service
ok '--uninstall stops it and keeps the configuration' says '--purge removes it' deploy/install.sh --uninstall
ok 'no unit is left' is "$(systemctl list-unit-files 'caesura*' --no-legend | wc -l)$(systemctl list-units --all 'caesura*' --no-legend | wc -l)" 00
ok 'the ports are free' is "$(ss -Hltn 'sport = 5222 or sport = 5223 or sport = 5347 or sport = 5443' | wc -l)" 0
ok '--purge takes the configuration' bash -c 'deploy/install.sh --purge && ! test -e /etc/caesura'

title 'As a Debian package'
ok 'is built' deploy/debian/build.sh /tmp
dpkg-deb -f /tmp/caesura_*.deb Version Architecture Installed-Size Depends | sed 's/^/     /'
if [ "$(dpkg-query -W -f '${Version}' nodejs | cut -d. -f1)" -lt 20 ]; then
	ok "is refused beside Debian's Node 18, with what is needed" says 'nodejs (>= 20.19)' dpkg -i /tmp/caesura_*.deb
	dpkg --purge caesura >/dev/null 2>&1
else
	ok 'is installed' dpkg -i /tmp/caesura_*.deb
	ok 'starts nothing by itself' is "$(systemctl is-active caesura.service caesura.socket | tr '\n' ' ')" 'inactive inactive '
	cp /root/tls/* /etc/caesura/tls/
	ok 'starts when told to' systemctl enable --now caesura.service
	ok 'and serves' curl -sf http://127.0.0.1:9199/readyz
	echo '# mine' >>/etc/caesura/proxy.yaml
	main=$(show MainPID)
	sed -i 's/"version": "0.1.0"/"version": "0.1.1"/' package.json
	ok 'a newer one is built' deploy/debian/build.sh /tmp
	ok 'and installed over it, without a question' dpkg -i /tmp/caesura_0.1.1_*.deb
	ok 'the configuration stays' grep -q '# mine' /etc/caesura/proxy.yaml
	ok 'the service runs the newer one' bash -c "[ \"\$(systemctl show caesura -p MainPID --value)\" != $main ] && systemctl is-active caesura && caesura --version | grep 0.1.1"
	ok 'removing it stops the service and closes the ports' bash -c 'dpkg -r caesura && ! systemctl is-active caesura.service caesura.socket && [ -z "$(ss -Hltn "sport = 5222")" ]'
	ok 'the configuration stays then too' grep -q '# mine' /etc/caesura/proxy.yaml
	ok 'purging takes it, and no key' bash -c 'dpkg --purge caesura && ! test -e /etc/caesura/proxy.yaml && test -e /etc/caesura/tls/capulet.lit.key'
fi

title "$failed failed"
exit $((failed > 0))
