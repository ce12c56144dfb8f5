"""A client made of aioxmpp that does what it is told: one JSON object a line on standard input, one event a line on
standard output. The words are those of test/support/library-person.ts.

Arguments: a JSON object with port, jid, password, resource, direct (direct TLS). The certificate to trust comes in SSL_CERT_FILE.
"""

import asyncio
import datetime
import json
import sys

import aioxmpp
import aioxmpp.dispatcher
import aioxmpp.connector
import aioxmpp.muc
import aioxmpp.xso


def tell(event, **more):
    print(json.dumps({"event": event, **more}), flush=True)


class Line(aioxmpp.xso.XSO):
    """The delegated payload, which aioxmpp wants to know beforehand like every other."""

    TAG = ("urn:example:verse", "line")
    n = aioxmpp.xso.Attr("n", default=None)
    text = aioxmpp.xso.Text(default=None)


aioxmpp.IQ.as_payload_class(Line)


class Client:
    def __init__(self, options):
        address = aioxmpp.JID.fromstr(options["jid"]).replace(resource=options["resource"])
        connector = aioxmpp.connector.XMPPOverTLSConnector if options["direct"] else aioxmpp.connector.STARTTLSConnector
        self.client = aioxmpp.PresenceManagedClient(
            address,
            aioxmpp.make_security_layer(options["password"]),
            override_peer=[("127.0.0.1", options["port"], connector())],
        )
        self.client.backoff_start = datetime.timedelta(milliseconds=100)
        self.muc = self.client.summon(aioxmpp.MUCClient)
        self.rooms = {}
        self.client.on_stream_established.connect(self.on_established)
        self.client.on_stream_resumed.connect(lambda: tell("resumed"))
        self.client.on_failure.connect(lambda error: tell("trouble", text=str(error)))
        messages = self.client.summon(aioxmpp.dispatcher.SimpleMessageDispatcher)
        for kind in (aioxmpp.MessageType.CHAT, aioxmpp.MessageType.NORMAL):
            messages.register_callback(kind, None, self.on_message)
        presences = self.client.summon(aioxmpp.dispatcher.SimplePresenceDispatcher)
        for kind in (aioxmpp.PresenceType.AVAILABLE, aioxmpp.PresenceType.UNAVAILABLE):
            presences.register_callback(kind, None, self.on_presence)

    def on_established(self):
        tell("online", jid=str(self.client.local_jid))

    def on_message(self, message):
        if message.body:
            told = {"from": str(message.from_), "type": message.type_.value, "body": message.body.any()}
            tell("message", **told)

    def on_presence(self, presence):
        kind = presence.type_.value or ""
        tell("presence", **{"from": str(presence.from_), "type": kind, "show": presence.show.value or ""})

    async def obey(self, order):
        what = order["do"]
        if what == "message" and order["type"] == "groupchat":
            message = aioxmpp.Message(type_=aioxmpp.MessageType.GROUPCHAT)
            message.body[None] = order["body"]
            self.rooms[order["to"]].send_message(message)
        elif what == "message":
            message = aioxmpp.Message(type_=aioxmpp.MessageType.CHAT, to=aioxmpp.JID.fromstr(order["to"]))
            message.body[None] = order["body"]
            await self.client.send(message)
        elif what == "presence":
            show = aioxmpp.PresenceShow(order.get("show"))
            self.client.presence = aioxmpp.PresenceState(available=True, show=show)
        elif what == "join":
            room, joined = self.muc.join(aioxmpp.JID.fromstr(order["room"]), order["nick"])
            self.rooms[order["room"]] = room
            room.on_message.connect(self.on_room_message)
            await joined
            tell("presence", **{"from": f"{order['room']}/{order['nick']}", "type": "", "show": ""})
        elif what == "ask":
            await self.ask(order)
        elif what == "leave":
            self.client.stop()
            await self.client.on_stopped.future()
            loop.stop()

    def on_room_message(self, message, member, source, **_):
        told = {"from": str(message.from_), "type": "groupchat", "body": message.body.any()}
        tell("message", **told)

    async def ask(self, order):
        to = None if order.get("to") is None else aioxmpp.JID.fromstr(order["to"])
        iq = aioxmpp.IQ(type_=aioxmpp.IQType(order["type"]), to=to, payload=Line())
        try:
            reply = await self.client.send(iq, timeout=20)
            tell("answer", type="result", payload=reply.text if reply is not None and reply.text else "")
        except aioxmpp.errors.XMPPError as error:
            tell("answer", type="error", payload=error.condition.value[1])
        except asyncio.TimeoutError:
            tell("answer", type="timeout", payload="")


async def main():
    client = Client(json.loads(sys.argv[1]))
    client.client.presence = aioxmpp.PresenceState(available=True)
    orders = set()
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        order = loop.create_task(client.obey(json.loads(line)))
        orders.add(order)
        order.add_done_callback(lambda done: done.exception() and tell("trouble", text=repr(done.exception())))


loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
# The loop itself keeps no task alive.
task = loop.create_task(main())
loop.run_forever()
