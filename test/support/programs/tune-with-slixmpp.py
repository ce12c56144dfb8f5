"""Two contacts with slixmpp: one publishes the tune it hears (XEP-0118), the other wants to be told (+notify, XEP-0163 §4.2).

Arguments: a JSON object with port, ca (a file, for STARTTLS), service (the component behind the accounts' nodes), publisher and
contact: {jid, password}. Prints one line of JSON: who told the contact, and what.
"""

import asyncio
import json
import sys

import slixmpp
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import StanzaPath

def client(account, ca):
    made = slixmpp.ClientXMPP(account["jid"], account["password"])
    for plugin in ("xep_0030", "xep_0060", "xep_0115", "xep_0163", "xep_0118"):
        made.register_plugin(plugin)
    made.ca_certs = ca
    made.auto_authorize = True
    made.auto_subscribe = True
    made.started = asyncio.get_event_loop().create_future()

    def started(_):
        if not made.started.done():
            made.started.set_result(None)

    made.add_event_handler("session_start", started)
    return made


async def subscribed(one, other):
    """Waits until each has the other's presence."""
    done = asyncio.Event()

    def look(_=None):
        bare = other.boundjid.bare
        if bare in one.client_roster and one.client_roster[bare]["subscription"] == "both":
            done.set()

    one.add_event_handler("roster_update", look)
    look()
    await done.wait()


async def main():
    asked = json.loads(sys.argv[1])
    publisher = client(asked["publisher"], asked["ca"])
    contact = client(asked["contact"], asked["ca"])
    told = asyncio.get_event_loop().create_future()
    questioned = asyncio.Event()

    def tune(message):
        if not told.done() and message["from"].bare == publisher.boundjid.bare:
            item = message["pubsub_event"]["items"]["item"]
            told.set_result({"from": str(message["from"]), "title": item["tune"]["title"]})

    def question(iq):
        if iq["from"].bare == asked["service"]:
            questioned.set()

    contact.add_event_handler("user_tune_publish", tune)
    contact.register_handler(Callback("questions", StanzaPath("iq@type=get/disco_info"), question))
    for one in (publisher, contact):
        one.connect(("127.0.0.1", asked["port"]), force_starttls=True)
        await one.started
        await one.get_roster()
    # Interests go into the capabilities that the first presence names.
    await contact["xep_0115"].update_caps()
    for one in (publisher, contact):
        one.send_presence()
    publisher.send_presence(pto=contact.boundjid.bare, ptype="subscribe")
    await asyncio.gather(subscribed(publisher, contact), subscribed(contact, publisher))
    await questioned.wait()
    # The service has the answer to its question when it answers a question of the same stream.
    await contact["xep_0030"].get_info(jid=asked["service"])
    await publisher["xep_0118"].publish_tune(artist="Consort", title="Heart's ease")
    print(json.dumps(await told), flush=True)
    for one in (publisher, contact):
        await one.disconnect(wait=1)


asyncio.get_event_loop().run_until_complete(asyncio.wait_for(main(), 25))
