-- Prosody in the composition: no delegation, no TLS, reached by Caesura alone.

interfaces = { "*" }
c2s_ports = { 15222 }
c2s_direct_tls_ports = { }
component_interfaces = { "*" }
component_ports = { 15347 }
c2s_require_encryption = false
allow_unencrypted_plain_auth = true

-- Federation is another matter; WebSocket and BOSH would go around the delegation.
modules_enabled = { "roster", "saslauth", "disco", "ping", "version", "carbons", "mam", "smacks", "blocklist", "vcard4" }
modules_disabled = { "s2s", "bosh", "websocket" }
http_ports = { }
https_ports = { }

authentication = "internal_hashed"
storage = "internal"
log = { { levels = { min = "info" }, to = "console" } }

VirtualHost "capulet.lit"

Component "verse.capulet.lit"
	component_secret = ENV_COMPONENT_SECRET
