-- Prosody behind Caesura on the same machine. Merge these into prosody.cfg.lua.

-- Only Caesura comes here: clients end their TLS there, and this leg is loopback in clear.
c2s_interfaces = { "127.0.0.1" }
c2s_ports = { 15222 }
c2s_direct_tls_ports = { }
c2s_require_encryption = false
allow_unencrypted_plain_auth = true -- only if PLAIN is offered

component_interfaces = { "127.0.0.1" }
component_ports = { 15347 }

-- WebSocket and BOSH would go around the delegation.
modules_disabled = { "bosh", "websocket" }

VirtualHost "capulet.lit"
	-- What is delegated is switched off here, or the two hold different data.
	modules_disabled = { "pep" }

Component "pubsub.capulet.lit"
	component_secret = "change me"
