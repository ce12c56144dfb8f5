"""A client made of slixmpp that does what it is told: one JSON object a line on standard input, one event a line on
standard output. The words are those of test/support/library-person.ts.

Arguments: a JSON object with port, jid, password, resource, direct (direct TLS) and ca (a file).
"""

import asyncio
import json
import sys

import slixmpp
from slixmpp.exceptions import IqError, IqTimeout
from slixmpp.xmlstream import ET
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import MatchXPath


def tell(event, **more):
    print(json.dumps({"event": event, **more}), flush=True)


class Client(slixmpp.ClientXMPP):
    def __init__(self, options):
        super().__init__(f"{options['jid']}/{options['resource']}", options["password"])
        self.options = options
        self.is_leaving = False
        self.ca_certs = options["ca"]
        self.register_plugin("xep_0045")
        self.register_plugin("xep_0198")
        self.add_event_handler("session_start", lambda _: tell("online", jid=self.boundjid.full))
        self.add_event_handler("session_resumed", lambda _: tell("resumed"))
        self.add_event_handler("failed_all_auth", lambda _: tell("trouble", text="not authenticated"))
        self.add_event_handler("connection_failed", lambda why: tell("trouble", text=str(why)))
        self.add_event_handler("disconnected", self.come_back)
        self.add_event_handler("message", self.on_message)
        # The library's own events are named by <show/>.
        self.register_handler(Callback("presence", MatchXPath("{jabber:client}presence"), self.on_presence))

    def begin(self):
        direct = self.options["direct"]
        self.connect(("127.0.0.1", self.options["port"]), use_ssl=direct, force_starttls=not direct)

    def come_back(self, _):
        if not self.is_leaving:
            self.begin()

    def on_message(self, message):
        if message["body"]:
            tell("message", **{"from": str(message["from"]), "type": message["type"], "body": message["body"]})

    def on_presence(self, presence):
        kind = presence.xml.get("type", "")
        show = presence.xml.findtext("{jabber:client}show", "")
        tell("presence", **{"from": str(presence["from"]), "type": kind, "show": show})

    async def obey(self, order):
        what = order["do"]
        if what == "message":
            self.send_message(mto=order["to"], mbody=order["body"], mtype=order["type"])
        elif what == "presence":
            self.send_presence(pshow=order.get("show"))
        elif what == "join":
            self.plugin["xep_0045"].join_muc(order["room"], order["nick"])
        elif what == "ask":
            await self.ask(order)
        elif what == "leave":
            self.is_leaving = True
            await self.disconnect(wait=1)
            asyncio.get_event_loop().stop()

    async def ask(self, order):
        iq = self.make_iq(ito=order.get("to"), itype=order["type"])
        iq.append(ET.fromstring(order["payload"]))
        try:
            reply = await iq.send(timeout=20)
            payload = "".join(ET.tostring(child, encoding="unicode") for child in reply.xml)
            tell("answer", **{"type": reply["type"], "from": str(reply["from"]), "payload": payload})
        except IqError as error:
            tell("answer", type="error", payload=error.condition)
        except IqTimeout:
            tell("answer", type="timeout", payload="")


async def main():
    client = Client(json.loads(sys.argv[1]))
    client.begin()
    orders = set()
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        orders.add(loop.create_task(client.obey(json.loads(line))))


loop = asyncio.get_event_loop()
# The loop itself keeps no task alive.
task = loop.create_task(main())
loop.run_forever()
