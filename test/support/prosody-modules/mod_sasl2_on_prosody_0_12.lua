-- The modules for SASL2 in Debian's prosody-modules were written against what became Prosody 13. This gives them what they
-- miss on Prosody 0.12; on a later one it does nothing.
local datetime = require "util.datetime";
local errors = require "util.error";
local st = require "util.stanza";
local smacks = module:depends("smacks");
local c2s_sessions = module:shared("/*/c2s/sessions");
local xmlns_sm, xmlns_errors = "urn:xmpp:sm:3", "urn:ietf:params:xml:ns:xmpp-stanzas";

if smacks.do_enable then return; end

local stanza_mt = getmetatable(st.stanza("any"));
if not stanza_mt.add_error then
	function stanza_mt:add_error(err)
		return self:tag("error", { type = err.type or "cancel" }):tag(err.condition, { xmlns = xmlns_errors }):up():up();
	end
end

if not stanza_mt.get_child_attr then
	function stanza_mt:get_child_attr(name, xmlns, attr)
		local child = self:get_child(name, xmlns);
		return child and child.attr[attr];
	end
end

-- mod_sasl2_fast writes times with fractions of a second.
local write_time = datetime.datetime;
function datetime.datetime(time) return write_time(time and math.floor(time)); end

-- mod_sasl2_fast asks who the stream header says is coming, and offers nothing to nobody. Prosody 0.12 does not tell its
-- modules. The name itself is not used, so any will do.
module:hook("advertise-sasl-features", function (event)
	event.stream = event.stream or { from = "somebody@" .. module.host };
end, 100);

-- mod_sasl2_sm calls do_enable and do_resume. They are made here from the handlers of <enable/> and <resume/>: what these
-- send at once is taken, and the rest follows when SASL2 is done.
local function sent_by(handler, session, stanza)
	local real, sent = session.send, {};
	session.send = setmetatable({}, { __call = function (_, what) table.insert(sent, what); return true; end });
	handler(session, stanza, xmlns_sm);
	session.send = real;
	return sent;
end

local function refused(answer)
	local condition = answer and answer.tags[1] and answer.tags[1].name or "internal-server-error";
	return nil, errors.new({ type = "cancel", condition = condition }, { h = answer and tonumber(answer.attr.h) });
end

function smacks.do_enable(session, stanza)
	local answer = sent_by(smacks.handle_enable, session, stanza)[1];
	if not answer or answer.name ~= "enabled" then return refused(answer); end
	return { type = "enabled", id = answer.attr.id, resume_max = answer.attr.max, finish = function () end };
end

function smacks.do_resume(session, stanza)
	local sent = sent_by(smacks.handle_resume, session, stanza);
	local answer = sent[1];
	if not answer or answer.name ~= "resumed" then return refused(answer); end
	local resumed = c2s_sessions[session.conn];
	resumed.send = session.send;
	resumed.send.session = resumed;
	resumed.send.filter = resumed.filter;
	resumed.sasl_handler = session.sasl_handler;
	return {
		type = "resumed", id = answer.attr.previd, session = resumed,
		finish = function ()
			resumed.resending_unacked = true;
			for i = 2, #sent do resumed.send(sent[i]); end
			resumed.resending_unacked = nil;
		end
	};
end
