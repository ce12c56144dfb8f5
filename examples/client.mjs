// A client on @xmpp/client: logs in, then sends the requests that it is told to, one a line on its standard input.
//
//   echo "<iq type='get' id='v1'><line xmlns='urn:example:verse' play='romeo'/></iq>" |
//     XMPP_PASSWORD=r0m30 node examples/client.mjs xmpp://127.0.0.1:5222 juliet@capulet.lit
//
// It prints what comes and goes. Started by another Node process with a channel, it tells that process instead, with the
// time in nanoseconds of the clock that all processes of a machine share. A certificate that is not signed by a known
// authority is named in NODE_EXTRA_CA_CERTS.
import { createInterface } from "node:readline";
import { client } from "@xmpp/client";
import { parse } from "ltx";

const [service = "xmpp://127.0.0.1:5222", jid = "juliet@capulet.lit"] = process.argv.slice(2);
const [username, domain] = jid.split("@");
const entity = client({ service, domain, username, password: process.env["XMPP_PASSWORD"] ?? "", resource: "balcony" });

function report(direction, data) {
  const at = process.hrtime.bigint();
  if (process.send === undefined) console.log(`${direction === "sent" ? "→" : "←"} ${data}`);
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
  // Time for the answers to the last line.
  input.on("close", () => setTimeout(() => void entity.stop(), 1_000));
});

entity.reconnect.stop();
await entity.start().catch(() => process.exit(1));
