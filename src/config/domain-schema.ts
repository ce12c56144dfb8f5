import { z } from "zod";
import { clientModeSchema } from "./client-mode-schema.js";
import { about, duration, file, host, jid, port } from "./values.js";

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

const proxyProtocol = about(z.enum(["v1", "v2"]).optional(), {
  about:
    "Tells the server the client's address by a PROXY header of this version in front of everything else, TLS included; the server must expect it (ejabberd: `use_proxy_protocol: true`; Prosody: `mod_net_proxy`, with `v2`) and trust Caesura alone.",
  example: "v2",
  absent: "no PROXY header; the server sees Caesura's address as that of every client",
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
  channelBinding: about(z.enum(["passthrough", "endpoint", "strip"]).default("passthrough"), {
    about:
      "What becomes of the server's offers to bind a login to its TLS connection (`…-PLUS`, XEP-0440): they pass as they are, which is right with `tls: none`; only `tls-server-end-point` is left, which needs the same certificate here and on the server; or none is left. See [operations](operations.md#logging-in-through-caesura) first.",
    example: "endpoint",
  }),
  proxyProtocol,
});

export const serverComponentSchema = z.strictObject({
  host: about(host.clone(), { about: "Address or name of the server's component port.", example: "127.0.0.1" }),
  port: about(port.clone(), {
    about: "The server's component port (XEP-0114).",
    example: 15347,
    range: "1 to 65535",
  }),
  proxyProtocol,
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
    about:
      "The managing entity that answers this namespace: the domain of a component, or a user of the domain (`user@domain`: whichever of the user's resources became available first; `user@domain/resource`: that one).",
    example: "pubsub.capulet.lit",
  }),
  filtering: about(z.array(z.string().min(1).max(255)).max(16).default([]), {
    about:
      "Filtering attributes: only requests whose child element carries all of them, with whatever value, are delegated (XEP-0355 §4.3).",
    example: ["node"],
  }),
  timeout: duration({
    about: "How long the managing entity may take; then the client gets `service-unavailable`.",
    least: "10ms",
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
      "What happens to requests to another user's bare JID: they are delegated (XEP-0355 §4.3); left to the server, which knows who exists, who may know it and who is blocked; or, with `probe`, delegated if the server does not turn the sender away when it is asked on its behalf.",
    example: "server",
  }),
  identities: about(
    z
      .array(z.string().regex(/^[A-Za-z0-9._+-]{1,64}\/[A-Za-z0-9._+-]{1,64}$/))
      .max(32)
      .optional(),
    {
      about: "Disco identities of the server, as category/type, that this delegation replaces (XEP-0355 §7.2.1).",
      example: ["pubsub/pep"],
      absent: "`[pubsub/pep]` for `http://jabber.org/protocol/pubsub`, else none",
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
  clientMode: about(clientModeSchema.optional(), {
    about: "What users may delegate themselves, to entities that ask them (XEP-0355 §5); needs `store`.",
    example: { namespaces: ["http://jabber.org/protocol/pubsub"] },
    absent: "nothing; only `delegations` counts",
  }),
});

export const domainsSchema = z.record(
  host,
  about(domainSchema, {
    about: "One served domain; Unicode is taken as its A-labels.",
    example: { tls: { cert: "certs/capulet.lit.crt", key: "certs/capulet.lit.key" } },
  }),
);
