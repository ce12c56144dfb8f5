"""A managing entity made of slixmpp that is a user (XEP-0355 §4): logs in over STARTTLS, becomes available, takes what it is told
that it manages, and answers each request that is forwarded to it with an empty element of the request's namespace.

Arguments: a JSON object with port, jid (bare or full), password, ca (a file) and features (what it says in discovery).
Prints one line of JSON for each event: online, advertised (namespaces), asked (namespace, from).
"""

import asyncio
import json
import sys

import slixmpp
from slixmpp.xmlstream import ET
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath

DELEGATION = "{urn:xmpp:delegation:2}"
FORWARDED = "{urn:xmpp:forward:0}forwarded"
INFO = "{http://jabber.org/protocol/disco#info}"


def tell(event, **more):
    print(json.dumps({"event": event, **more}), flush=True)


class Entity(slixmpp.ClientXMPP):
    def __init__(self, options):
        super().__init__(options["jid"], options["password"])
        self.options = options
        self.ca_certs = options["ca"]
        self.add_event_handler("session_start", self.start)
        for name, path, handler in (
            ("told", f"{{jabber:client}}message/{DELEGATION}delegation", self.told),
            ("asked", f"{{jabber:client}}iq/{DELEGATION}delegation", self.asked),
            ("disco", f"{{jabber:client}}iq/{INFO}query", self.described),
        ):
            self.register_handler(Callback(name, MatchXPath(path), handler))

    def start(self, _):
        tell("online", jid=self.boundjid.full)
        self.send_presence()

    def told(self, message):
        found = message.xml.iter(f"{DELEGATION}delegated")
        tell("advertised", namespaces=[one.get("namespace") for one in found])

    def asked(self, iq):
        if iq.xml.get("type") != "set":
            return
        inner = iq.xml.find(f"{DELEGATION}delegation/{FORWARDED}/{{jabber:client}}iq")
        namespace = inner[0].tag[1:].split("}")[0]
        tell("asked", namespace=namespace, **{"from": inner.get("from")})
        reply = self.make_iq(id=iq.xml.get("id"), ito=iq.xml.get("from"), itype="result")
        forwarded = ET.SubElement(ET.SubElement(reply.xml, f"{DELEGATION}delegation"), FORWARDED)
        result = ET.SubElement(forwarded, "{jabber:client}iq", type="result", id=inner.get("id"), to=inner.get("from"))
        result.set("from", inner.get("to", inner.get("from").split("/")[0]))
        ET.SubElement(result, f"{{{namespace}}}line")
        reply.send()

    def described(self, iq):
        query = iq.xml.find(f"{INFO}query")
        if iq.xml.get("type") != "get" or query.get("node") is None:
            return
        reply = self.make_iq(id=iq.xml.get("id"), ito=iq.xml.get("from"), itype="result")
        answer = ET.SubElement(reply.xml, f"{INFO}query", node=query.get("node"))
        for name in self.options["features"]:
            ET.SubElement(answer, f"{INFO}feature", var=name)
        reply.send()


entity = Entity(json.loads(sys.argv[1]))
entity.connect(("127.0.0.1", entity.options["port"]), force_starttls=True)
asyncio.get_event_loop().run_forever()
