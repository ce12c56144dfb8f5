-- Reads the PROXY protocol of HAProxy, both versions, in front of client connections: whoever connects to one of
-- told_by_proxy_ports has to say first where the client is. Prosody's own modules know it by that address from then on.
local net = require "util.net";
local struct = require "util.struct";

module:set_global();

local portmanager = require "core.portmanager";
local signature = "\r\n\r\n\0\r\nQUIT\n";
local waiting = {};

-- Both return nothing while the header is not whole, false if it is none, else the client's address and what follows.
local function read_text(data)
	local line, rest = data:match("^(PROXY [^\r]*)\r\n(.*)$");
	if not line then
		if #data < 107 then return nil; end
		return false;
	end
	local source = line:match("^PROXY TCP[46] (%S+) %S+ %d+ %d+$");
	return source or false, rest;
end

local function read_bytes(data)
	if #data < 16 then return nil; end
	local command, family, length = struct.unpack(">BBI2", data, 13);
	if #data < 16 + length then return nil; end
	local width = command == 0x21 and ({ [0x11] = 4; [0x21] = 16 })[family];
	return width and net.ntop(data:sub(17, 16 + width)) or false, data:sub(17 + length);
end

local function read(data)
	if data:sub(1, #signature) == signature then return read_bytes(data); end
	if data:sub(1, 6) == ("PROXY "):sub(1, #data) then return read_text(data); end
	return #data < #signature and signature:sub(1, #data) == data and nil;
end

local listener = {};

function listener.onconnect(conn) waiting[conn] = ""; end

function listener.onincoming(conn, data)
	waiting[conn] = waiting[conn] .. (data or "");
	local address, rest = read(waiting[conn]);
	if address == nil then return; end
	if address == false then
		module:log("warn", "A connection without a header that names a client is refused");
		conn:close();
		return;
	end
	module:log("info", "A client at %s is told by %s", address, conn:ip());
	function conn:ip() return address; end
	local client_listener = portmanager.get_service("c2s").listener;
	conn:setlistener(client_listener);
	client_listener.onconnect(conn);
	if rest ~= "" then client_listener.onincoming(conn, rest); end
end

function listener.ondisconnect(conn) waiting[conn] = nil; end
listener.ondetach = listener.ondisconnect;

module:provides("net", { name = "told_by_proxy"; listener = listener; });

function module.add_host(host_module)
	host_module:hook("resource-bind", function (event)
		module:log("info", "%s is at %s", event.session.full_jid, event.session.ip);
	end);
end
