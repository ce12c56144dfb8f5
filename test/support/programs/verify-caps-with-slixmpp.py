"""Logs in with slixmpp, which checks the capabilities in the stream features (XEP-0115 §5.4) by asking the server about their
node. Prints one line of JSON: ver, as the library has verified it, or null, and the features behind it.

Arguments: a JSON object with port, jid, password and ca (a file, for STARTTLS).
"""

import asyncio
import json
import sys

import slixmpp


async def verified(client, domain):
    caps = client["xep_0115"]
    for _ in range(100):
        ver = await caps.get_verstring(domain)
        if ver:
            info = await caps.get_caps(verstring=ver)
            return {"ver": str(ver), "features": sorted(info["features"])}
        await asyncio.sleep(0.1)
    return {"ver": None, "features": []}


async def main():
    asked = json.loads(sys.argv[1])
    client = slixmpp.ClientXMPP(asked["jid"], asked["password"])
    client.register_plugin("xep_0030")
    client.register_plugin("xep_0115")
    client.ca_certs = asked["ca"]
    started = asyncio.get_event_loop().create_future()
    client.add_event_handler("session_start", lambda _: started.done() or started.set_result(None))
    client.connect(("127.0.0.1", asked["port"]), force_starttls=True)
    await asyncio.wait_for(started, 20)
    print(json.dumps(await verified(client, client.boundjid.domain)), flush=True)
    await client.disconnect(wait=1)


asyncio.get_event_loop().run_until_complete(main())
