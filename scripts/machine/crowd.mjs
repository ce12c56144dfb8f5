// Strangers who come one after the other in four queues, two to the port of streams and two to that of WebSocket, until SIGTERM.
// Each is to hear a stream header or the end of one; whoever is refused, or hears nothing, is printed. Those who were connected and
// cut off before TLS was agreed upon can be told nothing, and come back. The last line counts.
import { connect } from "node:net";
import { WebSocket } from "ws";

const [port = "5222", webSocketPort = "5443", domain = "capulet.lit"] = process.argv.slice(2);
let served = 0;
let turnedAway = 0;
let cutOff = 0;
let isOver = false;
process.on("SIGTERM", () => {
  isOver = true;
});

function overTcp() {
  return new Promise((resolve) => {
    let heard = "";
    const socket = connect(Number(port), "127.0.0.1");
    socket.setTimeout(60_000, () => socket.destroy(new Error("silence")));
    socket.on("error", (error) => resolve({ heard, error }));
    socket.on("close", () => resolve({ heard }));
    socket.on("connect", () =>
      socket.write(
        `<stream:stream to='${domain}' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>`,
      ),
    );
    socket.on("data", (data) => {
      heard += data.toString("utf8");
      if (heard.includes("</stream:features>")) socket.end("</stream:stream>");
    });
  });
}

function overWebSocket() {
  return new Promise((resolve) => {
    let heard = "";
    const socket = new WebSocket(`wss://127.0.0.1:${webSocketPort}/xmpp-websocket`, "xmpp", {
      rejectUnauthorized: false,
      handshakeTimeout: 60_000,
      headers: { host: domain },
    });
    socket.on("error", (error) => resolve({ heard, error }));
    socket.on("close", () => resolve({ heard }));
    socket.on("open", () =>
      socket.send(`<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='${domain}' version='1.0'/>`),
    );
    socket.on("message", (data) => {
      heard += Buffer.isBuffer(data) ? data.toString("utf8") : "";
      if (heard.includes("features>")) socket.close();
    });
  });
}

async function queue(name, come) {
  while (!isOver) {
    const { heard, error } = await come();
    if (heard.includes("features>")) served++;
    // A process that ends says so; over WebSocket also before the handshake, with 503.
    else if (heard.includes("system-shutdown") || (error?.message ?? "").includes("503")) served++;
    else if (name === "websocket" && error?.code === "ECONNRESET") cutOff++;
    else {
      turnedAway++;
      console.log(`${name}: ${error?.code ?? error?.message ?? "closed"}: ${heard}`);
    }
  }
}

await Promise.all([
  queue("tcp", overTcp),
  queue("tcp", overTcp),
  queue("websocket", overWebSocket),
  queue("websocket", overWebSocket),
]);
console.log(`served ${served}, cut off in a handshake ${cutOff}, turned away ${turnedAway}`);
