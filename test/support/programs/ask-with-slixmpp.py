"""Logs in with slixmpp, sends one IQ, prints what came of it as one line of JSON, and leaves.

Arguments: a JSON object with port, jid, password, ca (a file, for STARTTLS; absent: in clear) and iq: {type, to, namespace,
payload}. The line holds type, from, payload, and for an error its condition.
"""

import asyncio
import json
import sys

import slixmpp
from slixmpp.exceptions import IqError, IqTimeout
from slixmpp.xmlstream import ET


async def ask(client, asked):
    payload = ET.fromstring(asked["payload"])
    iq = client.make_iq(ito=asked.get("to"), itype=asked["type"])
    iq.append(payload)
    try:
        reply = await iq.send(timeout=10)
        children = [ET.tostring(child, encoding="unicode") for child in reply.xml]
        return {"type": reply["type"], "from": str(reply["from"]), "payload": "".join(children)}
    except IqError as error:
        return {"type": "error", "from": str(error.iq["from"]), "condition": error.condition}
    except IqTimeout:
        return {"type": "timeout"}


async def main():
    asked = json.loads(sys.argv[1])
    client = slixmpp.ClientXMPP(asked["jid"], asked["password"])
    done = asyncio.get_event_loop().create_future()

    async def started(_):
        if not done.done():
            done.set_result({"bound": client.boundjid.full, **await ask(client, asked["iq"])})

    def failed(reason):
        if not done.done():
            done.set_result({"type": "no session", "reason": str(reason)})

    client.add_event_handler("session_start", started)
    client.add_event_handler("failed_all_auth", failed)
    client.add_event_handler("connection_failed", failed)
    if "ca" in asked:
        client.ca_certs = asked["ca"]
    client.connect(
        ("127.0.0.1", asked["port"]),
        use_ssl=asked.get("direct", False),
        force_starttls="ca" in asked and not asked.get("direct", False),
        disable_starttls="ca" not in asked,
    )
    if "ca" not in asked:
        client["feature_mechanisms"].unencrypted_plain = True
    print(json.dumps(await asyncio.wait_for(done, 20)), flush=True)
    await client.disconnect(wait=1)


asyncio.get_event_loop().run_until_complete(main())
