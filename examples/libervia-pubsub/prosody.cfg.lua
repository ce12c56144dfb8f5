-- Prosody behind Caesura, with Libervia Pubsub as its PEP service: a complete /etc/prosody/prosody.cfg.lua for
-- Debian 12 and 13. Needs the packages prosody and prosody-modules. There is no delegation module here: that is Caesura's part.

modules_enabled = {
	"roster"; "saslauth"; "tls"; "dialback"; "disco";
	"blocklist"; "carbons"; "csi_simple"; "mam"; "private"; "ping"; "smacks"; "time"; "uptime"; "version";
	-- What lets Libervia read rosters and notify contacts in the name of an account (XEP-0356, urn:xmpp:privilege:2).
	"privilege";
	-- Not here: pep, and what loads it, which is bookmarks, vcard4 and vcard_legacy. The server would keep a second
	-- store for the nodes of an account, and answer from that one whoever does not come through Caesura.
}

-- Clients come through Caesura, which ends their TLS; this leg is loopback in clear.
c2s_ports = { 15222 }
c2s_interfaces = { "127.0.0.1" }
c2s_direct_tls_ports = { }
c2s_require_encryption = false
allow_unencrypted_plain_auth = true

-- So does Libervia.
component_ports = { 15347 }
component_interfaces = { "127.0.0.1" }

-- Every user's login comes from the one address of Caesura, so no limits by address here.
authentication = "internal_hashed"
storage = "internal"
pidfile = "/run/prosody/prosody.pid"
log = { info = "/var/log/prosody/prosody.log"; error = "/var/log/prosody/prosody.err" }
certificates = "certs"

VirtualHost "capulet.lit"
	privileged_entities = {
		["pubsub.capulet.lit"] = {
			roster = "get";       -- who may see a node of access model presence or roster
			message = "outgoing"; -- notifications come from the account, not from the component
			presence = "roster";  -- who is online, and what its capabilities want to be told (+notify)
			iq = { ["http://jabber.org/protocol/pubsub"] = "both" }; -- subscriptions elsewhere in a user's name (XEP-0376)
		};
	}

Component "pubsub.capulet.lit"
	component_secret = "change me"
	modules_enabled = { "privilege" } -- without it here too, Libervia is never told its privileges
