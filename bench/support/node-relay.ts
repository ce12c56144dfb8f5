// A bare TCP relay in Node, with `data` handlers and back-pressure and nothing else: what no proxy in Node goes below.
// Arguments: listening port, backend port, and for TLS on the client side the files of a certificate and its key.

import { readFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";

const [port, backend, cert, key] = process.argv.slice(2);

function relay(client: Socket): void {
  const server = connect({ port: Number(backend), host: "127.0.0.1" });
  join(client, server);
  join(server, client);
}

function join(from: Socket, to: Socket): void {
  from.setNoDelay(true);
  from.on("data", (chunk) => {
    if (!to.write(chunk)) from.pause();
  });
  to.on("drain", () => from.resume());
  from.on("end", () => to.end());
  from.on("error", () => to.destroy());
}

const listener =
  cert === undefined || key === undefined
    ? createServer(relay)
    : createTlsServer({ cert: readFileSync(cert), key: readFileSync(key) }, relay);
listener.listen({ port: Number(port), host: "127.0.0.1", backlog: 4096 }, () => process.stdout.write("ready\n"));
