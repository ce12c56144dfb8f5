// A client on @xmpp/client: logs in, then sends the requests that it is told to, one a line on its standard input.
//
//   echo "<iq type='get' id='v1'><line xmlns='urn:example:verse' play='romeo'/></iq>" |
//     XMPP_PASSWORD=r0m30 node examples/client.mjs xmpp://127.0.0.1:5222 juliet@capulet.lit
//
// With nodes behind the address it is there as a contact: it sends presence that says which nodes it wants to be notified of
// (XEP-0163 §4: capabilities with `+notify`), and stays until it is stopped.
//
// It prints what comes and goes. Started by another Node process with a channel, it tells that process instead, with the
// time in nanoseconds of the clock that all processes of a machine share. A certificate that is not signed by a known
// authority is named in NODE_EXTRA_CA_CERTS.
import { createHash } from "node:crypto";
import { createInterface } from "node:readline";
import { client, xml } from "@xmpp/client";
import { parse } from "ltx";

const [service = "xmpp://127.0.0.1:5222", jid = "juliet@capulet.lit", ...nodes] = process.argv.slice(2);
const [username, domain] = jid.split("@");
const entity = client({ service, domain, username, password: process.env["XMPP_PASSWORD"] ?? "", resource: "balcony" });

function report(direction, data) {
  const at = process.hrtime.bigint();
  if (process.send === undefined && direction === "error") console.error(`client: ${data}`);
  else if (process.send === undefined) console.log(`${direction === "sent" ? "→" : "←"} ${data}`);
  else process.send({ direction, at: String(at), data: String(data) });
}

entity.on("error", (error) => {
  report("error", error.message);
  process.exitCode = 1;
});

entity.on("online", (address) => {
  const { socket } = entity;
  const write = socket.write.bind(socket);
  socket.write = (data, done) => {
    report("sent", data);
    return write(data, done);
  };
  socket.on("data", (data) => report("received", data));
  report("online", address.toString());
  const input = createInterface({ input: process.stdin });
  // Through the library, which has to count what it sends (XEP-0198 §4).
  input.on("line", (line) => {
    Promise.resolve(line)
      .then((text) => entity.send(parse(text)))
      .catch((error) => report("error", error.message));
  });
  if (nodes.length > 0) beThere().catch((error) => report("error", error.message));
  // Time for the answers to the last line.
  else input.on("close", () => setTimeout(() => void entity.stop(), 1_000));
});

/** Sends presence with capabilities (XEP-0115 §5.1), and says what is behind them when it is asked (XEP-0030). */
async function beThere() {
  const [disco, caps, name] = ["http://jabber.org/protocol/disco#info", "http://jabber.org/protocol/caps", "example"];
  const features = [disco, caps, ...nodes.map((node) => `${node}+notify`)].toSorted();
  const ver = createHash("sha1")
    .update(`client/pc//${name}<${features.join("<")}<`)
    .digest("base64");
  entity.iqCallee.get(disco, "query", ({ element }) =>
    xml("query", { xmlns: disco, node: element.attrs.node }, [
      xml("identity", { category: "client", type: "pc", name }),
      ...features.map((feature) => xml("feature", { var: feature })),
    ]),
  );
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => void entity.stop());
  await entity.send(xml("presence", {}, xml("c", { xmlns: caps, hash: "sha-1", node: "urn:example:client", ver })));
}

entity.reconnect.stop();
await entity.start().catch(() => process.exit(1));
