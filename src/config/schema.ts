import { z } from "zod";
import { logLevels } from "./config.js";
import { durationPattern, parseDuration, parseSize, sizePattern } from "./units.js";

/** What the reference and the JSON Schema say of a key beside its type. */
export interface KeyNotes {
  /** One sentence. */
  readonly about: string;
  /** As it is written in the file. */
  readonly example: string | number | boolean | readonly string[] | Readonly<Record<string, unknown>>;
  /** What is meant when the key is left out, where that is no value. */
  readonly absent?: string;
  /** The kind of value, as an operator would call it, where the JSON type says too little. */
  readonly type?: string;
  /** Smallest and largest value as written. */
  readonly range?: string;
}

export const keyNotes = z.registry<KeyNotes>();

const about = <Schema extends z.ZodType>(schema: Schema, notes: KeyNotes): Schema => {
  keyNotes.add(schema, notes);
  return schema;
};

interface Measure extends KeyNotes {
  readonly least: string;
  readonly most: string;
  readonly fallback: string;
}

function duration({ least, most, fallback, ...notes }: Measure) {
  const [min, max] = [parseDuration(least) ?? 0, parseDuration(most) ?? 0];
  const schema = z
    .string()
    .regex(durationPattern)
    .transform((text, context) => {
      const ms = parseDuration(text);
      if (ms !== undefined && min <= ms && ms <= max) return ms;
      context.issues.push({ code: "custom", input: text, message: `out of range: ${least} to ${most}` });
      return z.NEVER;
    })
    .prefault(fallback);
  return about(schema, { type: "duration", range: `${least} to ${most}`, ...notes });
}

function size({ least, most, fallback, ...notes }: Measure) {
  const [min, max] = [parseSize(least) ?? 0, parseSize(most) ?? 0];
  const schema = z
    .string()
    .regex(sizePattern)
    .transform((text, context) => {
      const bytes = parseSize(text);
      if (bytes !== undefined && min <= bytes && bytes <= max) return bytes;
      context.issues.push({ code: "custom", input: text, message: `out of range: ${least} to ${most}` });
      return z.NEVER;
    })
    .prefault(fallback);
  return about(schema, { type: "size", range: `${least} to ${most}`, ...notes });
}

function count(least: number, most: number, fallback: number, notes: KeyNotes) {
  return about(z.int().min(least).max(most).default(fallback), { range: `${least} to ${most}`, ...notes });
}

// Longest names: a path of Linux (PATH_MAX), a domain name (RFC 1035 §2.3.4), a JID of three parts (RFC 7622 §3.1).
const file = z.string().min(1).max(4_096);
const host = z.string().min(1).max(253);
const jid = z.string().min(1).max(3_071);
const port = z.int().min(1).max(65_535);
const listeningPort = z.int().min(0).max(65_535);

export const certificateSchema = z.strictObject({
  cert: about(file.clone(), {
    type: "file",
    about: "PEM file with the domain's certificate, followed by the certificates that lead to its authority.",
    example: "certs/capulet.lit.crt",
  }),
  key: about(file.clone(), {
    type: "file",
    about: "PEM file with the private key of that certificate, without a passphrase.",
    example: "certs/capulet.lit.key",
  }),
});

export const serverC2sSchema = z.strictObject({
  host: about(host.clone(), { about: "Address or name of the server's client port.", example: "127.0.0.1" }),
  port: about(port.clone(), { about: "The server's client port.", example: 15222, range: "1 to 65535" }),
  tls: about(z.enum(["none", "starttls", "direct"]).default("none"), {
    about:
      "How the leg to the server is protected: in clear (for a server on the same machine), by STARTTLS, or by TLS from the first byte.",
    example: "starttls",
  }),
  ca: about(file.optional(), {
    type: "file",
    about: "PEM file with the authorities (or the server's own certificate) to trust for `starttls` and `direct`.",
    example: "certs/prosody.crt",
    absent: "the authorities that come with Node.js",
  }),
  pinnedCertificate: about(z.string().min(1).max(4_096).optional(), {
    type: "fingerprint or file",
    about:
      "The only certificate that the server may show: its SHA-256 fingerprint in hexadecimal, or a PEM file; name, authority and dates are then not looked at.",
    example: "certs/prosody.crt",
    absent: "any certificate that `ca` and `serverName` allow",
  }),
  serverName: about(host.optional(), {
    about: "The name that the server's certificate must carry; also sent to it as SNI.",
    example: "capulet.lit",
    absent: "the domain",
  }),
  verify: about(z.boolean().default(true), {
    about: "`false` takes any certificate of the server, which anybody on the way can abuse; a warning says so.",
    example: true,
  }),
  proxyProtocol: about(z.enum(["v1", "v2"]).optional(), {
    about: "Reserved: tells the server the client's address by a PROXY header. Not available yet, and refused.",
    example: "v2",
    absent: "no PROXY header",
  }),
});

export const serverComponentSchema = z.strictObject({
  host: about(host.clone(), { about: "Address or name of the server's component port.", example: "127.0.0.1" }),
  port: about(port.clone(), {
    about: "The server's component port (XEP-0114).",
    example: 15347,
    range: "1 to 65535",
  }),
});

export const serverSchema = z.strictObject({
  c2s: about(serverC2sSchema, {
    about: "The real server's client port, to which client streams are passed on.",
    example: { host: "127.0.0.1", port: 15222, tls: "none" },
  }),
  component: about(serverComponentSchema.optional(), {
    about: "The real server's component port, to which component links are relayed with their handshake untouched.",
    example: { host: "127.0.0.1", port: 15347 },
    absent: "component links end here, and `components` holds their secrets",
  }),
});

export const componentSchema = z.strictObject({
  secretFile: about(file.optional(), {
    type: "file",
    about: "File that holds the shared secret of the component; a line end behind it does not count.",
    example: "secrets/pubsub",
    absent: "see `secretEnv`",
  }),
  secretEnv: about(
    z
      .string()
      .regex(/^[A-Za-z_][A-Za-z0-9_]*$/)
      .optional(),
    {
      type: "environment variable",
      about: "Environment variable that holds the shared secret, instead of a file.",
      example: "PUBSUB_SECRET",
      absent: "see `secretFile`",
    },
  ),
});

export const delegationSchema = z.strictObject({
  jid: about(jid.clone(), {
    about: "The managing entity: the domain of the component that answers this namespace.",
    example: "pubsub.capulet.lit",
  }),
  filtering: about(z.array(z.string().min(1).max(255)).max(16).default([]), {
    about:
      "Filtering attributes: only requests whose child element carries all of them, with whatever value, are delegated (XEP-0355 §4.3).",
    example: ["node"],
  }),
  timeout: duration({
    about: "How long the managing entity may take; then the client gets `service-unavailable`.",
    least: "100ms",
    most: "10m",
    fallback: "30s",
    example: "10s",
  }),
  blocking: about(z.boolean().default(false), {
    about:
      "`true` holds back everything else of the asking stream until the answer is there; it deadlocks until `timeout` if the managing entity waits for that client.",
    example: false,
  }),
  foreignTargets: about(z.enum(["delegate", "probe", "server"]).default("delegate"), {
    about:
      "What happens to requests to another user's bare JID: they are delegated, or left to the server, which knows block lists; `probe` asks the server first, is not available yet, and is refused.",
    example: "server",
  }),
  identities: about(
    z
      .array(z.string().regex(/^[A-Za-z0-9._+-]{1,64}\/[A-Za-z0-9._+-]{1,64}$/))
      .max(32)
      .default([]),
    {
      about: "Disco identities of the server, as category/type, that this delegation replaces (XEP-0355 §7.2.1).",
      example: ["pubsub/pep"],
    },
  ),
});

export const componentsSchema = z.record(
  jid,
  about(componentSchema, {
    about:
      "One component, named by its domain. Where the server checks the handshake the secret may be left out: `{}`.",
    example: { secretFile: "secrets/pubsub" },
  }),
);

export const delegationsSchema = z.record(
  z.string().min(1).max(1_024),
  about(delegationSchema, {
    about: "One delegated namespace, written exactly as it stands in `xmlns`, and who answers it.",
    example: { jid: "pubsub.capulet.lit", filtering: ["node"] },
  }),
);

export const domainSchema = z.strictObject({
  tls: about(certificateSchema, {
    about: "The certificate that clients of this domain see; read again at each reload.",
    example: { cert: "certs/capulet.lit.crt", key: "certs/capulet.lit.key" },
  }),
  server: about(serverSchema, {
    about: "The real server of this domain.",
    example: { c2s: { host: "127.0.0.1", port: 15222 } },
  }),
  components: about(componentsSchema.optional(), {
    about:
      "The components that may connect, by domain: with their secrets where their links end here, as an allow-list where the links are relayed.",
    example: { "pubsub.capulet.lit": { secretFile: "secrets/pubsub" } },
    absent: "any component that the server admits",
  }),
  delegations: about(delegationsSchema.prefault({}), {
    about: "The delegated namespaces of this domain.",
    example: { "urn:xmpp:mam:2": { jid: "pubsub.capulet.lit" } },
  }),
});

const listenerHost = about(host.clone(), {
  about: "Local address to listen on: `127.0.0.1`, `::1`, `0.0.0.0` and `::` for all, or a name of this machine.",
  example: "127.0.0.1",
});

const listenerPort = about(listeningPort.clone(), {
  about: "Local port; 0 lets the system choose one, for tests.",
  example: 5222,
  range: "0 to 65535",
});

export const clientListenerSchema = z.strictObject({
  kind: about(z.literal("c2s"), { about: "`c2s`: clients connect here (RFC 6120).", example: "c2s" }),
  host: listenerHost,
  port: listenerPort,
  tls: about(z.enum(["starttls", "direct", "none"]), {
    about:
      "`starttls`; `direct`: TLS from the first byte (XEP-0368); `none`: in clear, on a loopback address only, for tests or where TLS ends in front.",
    example: "starttls",
  }),
});

export const componentListenerSchema = z.strictObject({
  kind: about(z.literal("component"), {
    about: "`component`: components connect here (XEP-0114).",
    example: "component",
  }),
  host: listenerHost,
  port: listenerPort,
  tls: about(z.enum(["none"]).default("none"), {
    about: "Component links have no TLS of their own; keep them on loopback or in a private network.",
    example: "none",
  }),
});

export const listenerSchema = z.discriminatedUnion("kind", [clientListenerSchema, componentListenerSchema]);

export const adminSchema = z.strictObject({
  host: about(host.default("127.0.0.1"), {
    about: "Local address of the administration port; it asks for no password, so keep it on loopback.",
    example: "127.0.0.1",
  }),
  port: about(listeningPort.default(9_199), {
    about: "Local port of `/metrics`, `/livez` and `/readyz`; 0 lets the system choose one, for tests.",
    example: 9199,
    range: "0 to 65535",
  }),
});

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
    about: "Largest stanza of the server or of a component; at least `stanza`, since answers and messages come back.",
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
    about: "What one stream may have held back behind a `blocking` delegation; at the limit the client is not read.",
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
  connections: count(1, 1_000_000, 10_000, {
    about:
      "Client and component connections at once; each needs two file descriptors (`LimitNOFILE` of the service). Further ones are closed at once.",
    example: 50_000,
  }),
  connectionsPerAddress: count(0, 1_000_000, 1_000, {
    about: "Connections at once from one address; 0 sets no limit, for listeners behind another proxy.",
    example: 100,
  }),
});

export const timeoutsSchema = z.strictObject({
  tls: duration({
    about: "From `<proceed/>`, or from the connection with direct TLS, to the end of the TLS handshake.",
    least: "1s",
    most: "5m",
    fallback: "30s",
    example: "10s",
  }),
  header: duration({
    about: "From the connection to the peer's complete stream header.",
    least: "1s",
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
    least: "1s",
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
});

export const domainsSchema = z.record(
  host,
  about(domainSchema, {
    about: "One served domain; Unicode is taken as its A-labels.",
    example: { tls: { cert: "certs/capulet.lit.crt", key: "certs/capulet.lit.key" } },
  }),
);

/** The schema of `proxy.yaml`: each key with type, default, range, one sentence and an example. */
export const configSchema = z.strictObject({
  version: about(z.literal(1), { about: "Version of this file's layout.", example: 1 }),
  domains: about(domainsSchema, {
    about: "The served domains by name.",
    example: { "capulet.lit": { tls: { cert: "certs/capulet.lit.crt", key: "certs/capulet.lit.key" } } },
  }),
  listen: about(z.array(listenerSchema).min(1).max(64), {
    about: "Where clients and components connect.",
    example: { kind: "c2s", host: "127.0.0.1", port: 5222, tls: "starttls" },
  }),
  admin: about(adminSchema.optional(), {
    about: "The port for metrics and health.",
    example: { host: "127.0.0.1", port: 9199 },
    absent: "no administration port",
  }),
  limits: about(limitsSchema.prefault({}), { about: "Limits on what peers may cost.", example: { stanza: "512KiB" } }),
  timeouts: about(timeoutsSchema.prefault({}), {
    about: "Deadlines of every wait.",
    example: { authentication: "60s" },
  }),
  log: about(logSchema.prefault({}), { about: "The log, JSON lines on standard output.", example: { level: "info" } }),
});
