import { z } from "zod";
import { adminSchema, metricsSchema } from "./admin-schema.js";
import { storeSchema } from "./client-mode-schema.js";
import { logFormats, logLevels } from "./config.js";
import { domainsSchema } from "./domain-schema.js";
import { drainSchema } from "./drain.js";
import { streamManagementSchema } from "./stream-management.js";
import { about, count, duration, host, listeningPort, size } from "./values.js";

const listenerHost = about(host.clone().optional(), {
  about: "Local address to listen on: `127.0.0.1`, `::1`, `0.0.0.0` and `::` for all, or a name of this machine.",
  example: "127.0.0.1",
  absent: "must be given, unless `socket` is",
  type: "text",
});

const listenerPort = about(listeningPort.clone().optional(), {
  about: "Local port; 0 lets the system choose one, for tests.",
  example: 5222,
  range: "0 to 65535",
  absent: "must be given, unless `socket` is",
  type: "whole number",
});

// systemd.socket(5), FileDescriptorName=: ASCII without control characters and colons, 255 characters at the most.
const listenerSocket = about(
  z
    .string()
    .regex(/^[\x20-\x39\x3b-\x7e]{1,255}$/)
    .optional(),
  {
    about:
      "In place of `host` and `port`: the name of the socket, or of the sockets, that the service manager has opened for Caesura (`FileDescriptorName=` of a systemd socket unit). Such a port outlives the process, so that nobody is refused while Caesura is restarted.",
    example: "c2s-starttls",
    absent: "Caesura opens `host` and `port` itself",
    type: "text",
  },
);

const proxyProtocol = about(
  z
    .strictObject({
      from: about(z.array(z.string().min(1).max(64)).min(1).max(256), {
        about:
          "Networks and addresses of the proxies in front, the only ones that may connect here; whoever is in them chooses the address that limits and logs go by.",
        example: ["127.0.0.1", "10.0.0.0/8", "fd00::/8"],
      }),
    })
    .optional(),
  {
    about:
      "Every connection must begin with a PROXY header of version 1 or 2, as `send-proxy` and `send-proxy-v2` of HAProxy write it, which names the client's address; within `timeouts.header`, and before TLS.",
    example: { from: ["10.0.0.0/8"] },
    absent: "no PROXY header is read; the client's address is that of the connection",
  },
);

/** RFC 3986 §3.3, without escapes, queries and fragments. */
const urlPath = /^\/[A-Za-z0-9._~!$&'()*+,;=:@/-]*$/;
const webSocketUrl = /^wss?:\/\/[^\s/?#]+\/[^\s#]*$/;
/** RFC 6454 §6.2. */
const webOrigin = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/[^\s/?#]+$/;

export const clientListenerSchema = z.strictObject({
  kind: about(z.literal("c2s"), { about: "`c2s`: clients connect here (RFC 6120).", example: "c2s" }),
  host: listenerHost,
  port: listenerPort,
  socket: listenerSocket,
  tls: about(z.enum(["starttls", "direct", "none"]), {
    about:
      "`starttls`; `direct`: TLS from the first byte (XEP-0368); `none`: in clear, on a loopback address only, for tests or where TLS ends in front.",
    example: "starttls",
  }),
  proxyProtocol,
});

export const componentListenerSchema = z.strictObject({
  kind: about(z.literal("component"), {
    about: "`component`: components connect here (XEP-0114).",
    example: "component",
  }),
  host: listenerHost,
  port: listenerPort,
  socket: listenerSocket,
  tls: about(z.enum(["none"]).default("none"), {
    about: "Component links have no TLS of their own; keep them on loopback or in a private network.",
    example: "none",
  }),
  proxyProtocol,
});

export const websocketListenerSchema = z.strictObject({
  kind: about(z.literal("websocket"), {
    about: "`websocket`: clients connect here over WebSocket (RFC 7395).",
    example: "websocket",
  }),
  host: listenerHost,
  port: listenerPort,
  socket: listenerSocket,
  tls: about(z.enum(["none", "direct"]), {
    about: "`direct`: `wss`; `none`: in clear, on a loopback address only, for tests or where TLS ends in front.",
    example: "direct",
  }),
  path: about(z.string().regex(urlPath).max(255).default("/xmpp-websocket"), {
    about: "Where the WebSocket is; other paths are answered with 404.",
    example: "/ws",
  }),
  hostMeta: about(z.boolean().default(true), {
    about:
      "Whether `/.well-known/host-meta` and `host-meta.json` (XEP-0156) are answered on this port, for hosts that are served domains.",
    example: false,
  }),
  publicUrl: about(z.string().regex(webSocketUrl).max(2_048).optional(), {
    about: "The address of the WebSocket that `hostMeta` names, whichever host is asked for.",
    example: "wss://chat.capulet.lit/xmpp-websocket",
    absent:
      "`wss` with the host asked for, `path`, and the port that the connection came to; 443 where TLS ends in front and no PROXY header names another",
  }),
  origins: about(z.array(z.string().regex(webOrigin).max(300)).min(1).max(256).optional(), {
    about: "Web origins whose scripts may connect (RFC 6455 §10.2); programs that are no browsers name none, and may.",
    example: ["https://chat.capulet.lit"],
    absent: "scripts of every origin may connect",
  }),
  ping: duration({
    about:
      "A client that was silent for as long is sent a ping frame, and has as long to answer before it counts as lost; `0s` never. Keep it below the idle limit of proxies in front.",
    least: "0s",
    most: "1h",
    fallback: "30s",
    example: "45s",
  }),
  proxyProtocol,
});

export const listenerSchema = z.discriminatedUnion("kind", [
  clientListenerSchema,
  componentListenerSchema,
  websocketListenerSchema,
]);

export const limitsSchema = z.strictObject({
  // RFC 6120 §13.12: never below 10 000 bytes.
  stanza: size({
    about: "Largest stanza of an authenticated client; a larger one ends the stream with `policy-violation`.",
    least: "10KB",
    most: "64MiB",
    fallback: "256KiB",
    example: "512KiB",
  }),
  unauthenticatedStanza: size({
    about: "Largest element of a client that has not authenticated.",
    least: "10KB",
    most: "1MiB",
    fallback: "10KB",
    example: "16KiB",
  }),
  trustedStanza: size({
    about:
      "Largest stanza of the server or of a component; never below `stanza`, with which it grows if it is left out.",
    least: "10KB",
    most: "64MiB",
    fallback: "1MiB",
    example: "2MiB",
  }),
  depth: count(4, 128, 128, { about: "Deepest nesting of elements in a stanza.", example: 64 }),
  attributes: count(16, 10_000, 256, {
    about: "Most attributes of one element, namespace declarations included.",
    example: 128,
  }),
  children: count(100, 1_000_000, 25_000, { about: "Most elements in one stanza.", example: 10_000 }),
  nameBytes: count(64, 65_535, 1_024, {
    about: "Longest name of an element or attribute, in bytes of UTF-8.",
    example: 512,
  }),
  pendingPerSession: count(1, 100_000, 256, {
    about: "Delegated requests of one stream that may wait for their answers; at the limit the client is not read.",
    example: 64,
  }),
  heldBytes: size({
    about:
      "What one stream may have held back behind a `blocking` delegation; at the limit the client is not read; never below `stanza`, with which it grows if it is left out.",
    least: "16KiB",
    most: "64MiB",
    fallback: "1MiB",
    example: "256KiB",
  }),
  entityQueue: size({
    about: "What may wait to be sent to one managing entity; at the limit its delegations are refused.",
    least: "64KiB",
    most: "1024MiB",
    fallback: "8MiB",
    example: "16MiB",
  }),
  clientQueue: size({
    about:
      "What may wait to be sent to one client before its connection is closed; answers and routed stanzas only, relaying stops by itself.",
    least: "64KiB",
    most: "1024MiB",
    fallback: "4MiB",
    example: "1MiB",
  }),
  connections: count(1, 1_000_000, 10_000, {
    about:
      "Client and component connections at once; each needs two file descriptors (`LimitNOFILE` of the service). Further ones are closed at once.",
    example: 50_000,
  }),
  connectionsPerAddress: count(0, 1_000_000, 1_000, {
    about:
      "Connections at once from one address, on a listener with `proxyProtocol` the client's; 0 sets no limit, for listeners behind a proxy that does not tell it.",
    example: 100,
  }),
});

export const timeoutsSchema = z.strictObject({
  tls: duration({
    about: "From `<proceed/>`, or from the connection with direct TLS, to the end of the TLS handshake.",
    least: "100ms",
    most: "5m",
    fallback: "30s",
    example: "10s",
  }),
  header: duration({
    about: "From the connection to the peer's complete stream header; also to the end of a PROXY header.",
    least: "100ms",
    most: "5m",
    fallback: "30s",
    example: "10s",
  }),
  connect: duration({
    about: "From our connection attempt to a server that is ready, TLS included where `tls: direct`.",
    least: "100ms",
    most: "5m",
    fallback: "10s",
    example: "5s",
  }),
  authentication: duration({
    about: "From the stream header to a bound resource, or to an accepted component handshake.",
    least: "100ms",
    most: "30m",
    fallback: "120s",
    example: "60s",
  }),
  drain: duration({
    about: "How long a closing leg may take to accept what is queued for it.",
    least: "100ms",
    most: "10m",
    fallback: "30s",
    example: "10s",
  }),
  idle: duration({
    about:
      "How long an authenticated link may be silent in both directions; `0s` for ever. Keep it above the server's own limit (RFC 6120 §4.6).",
    least: "0s",
    most: "24h",
    fallback: "0s",
    example: "1h",
  }),
  shutdown: duration({
    about: "How long `SIGTERM` waits for delegated requests and for links to end before the rest is cut.",
    least: "0s",
    most: "10m",
    fallback: "30s",
    example: "5s",
  }),
});

export const logSchema = z.strictObject({
  level: about(z.enum(logLevels).default("info"), {
    about: "The least important lines to write; content of stanzas and credentials appear at none.",
    example: "debug",
  }),
  format: about(z.enum(logFormats).default("auto"), {
    about:
      "How a line looks: `json`; `pretty`, one readable line for a person; `journald`, JSON behind the priority `<0>` to `<7>` of sd-daemon(3); `auto`: `pretty` on a terminal, `journald` where standard output is the journal, else `json`.",
    example: "json",
  }),
});

/** The schema of `proxy.yaml`: each key with type, default, range, one sentence and an example. */
export const configSchema = z.strictObject({
  version: about(z.literal(1), { about: "Version of this file's layout.", example: 1 }),
  domains: about(domainsSchema, {
    about: "The served domains by name.",
    example: {
      "capulet.lit": {
        tls: { cert: "certs/capulet.lit.crt", key: "certs/capulet.lit.key" },
        server: { c2s: { host: "127.0.0.1", port: 15222 } },
      },
    },
  }),
  listen: about(z.array(listenerSchema).min(1).max(64), {
    about: "Where clients and components connect.",
    example: { kind: "c2s", host: "127.0.0.1", port: 5222, tls: "starttls" },
  }),
  admin: about(adminSchema.optional(), {
    about: "The port for the status page, metrics and health, and the socket for runtime commands.",
    example: { host: "127.0.0.1", port: 9199 },
    absent: "no administration port",
  }),
  metrics: about(metricsSchema.optional(), {
    about: "A port of its own for `/metrics`, `/livez` and `/readyz`, which says nothing about users.",
    example: { host: "10.0.0.5", port: 9198 },
    absent: "`/metrics` is on the administration port",
  }),
  limits: about(limitsSchema.prefault({}), { about: "Limits on what peers may cost.", example: { stanza: "512KiB" } }),
  timeouts: about(timeoutsSchema.prefault({}), {
    about: "Deadlines of every wait.",
    example: { authentication: "60s" },
  }),
  drain: about(drainSchema.prefault({}), {
    about: "How clients are told when the proxy stops; `timeouts.shutdown` says how long that may take.",
    example: { spread: "20s" },
  }),
  streamManagement: about(streamManagementSchema.prefault({}), {
    about:
      "Stream management and resumption (XEP-0198) of clients of domains that delegate; a reload applies to streams that are enabled, or lost, after it.",
    example: { ackDelegated: "accept" },
  }),
  store: about(storeSchema.optional(), {
    about: "Where grants of client mode are kept across restarts.",
    example: { path: "/var/lib/caesura/grants" },
    absent: "nothing is kept; no domain may have `clientMode`",
  }),
  log: about(logSchema.prefault({}), { about: "The log, lines on standard output.", example: { level: "info" } }),
});
