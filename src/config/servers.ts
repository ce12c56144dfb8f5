import { normaliseDomain } from "../xmpp/index.js";
import { checkHost, isLoopback } from "./addresses.js";
import { proveAuthorities, provePin } from "./certificates.js";
import type { AddressConfig, ListenerConfig, ServerC2sConfig, ServerComponentConfig } from "./config.js";
import type { ConfigDocument } from "./document.js";
import { serverC2sSchema, serverComponentSchema } from "./domain-schema.js";
import { reachedListener } from "./listener-place.js";
import type { ProblemCode } from "./problem.js";
import { proved } from "./shape.js";
import type { DocumentPath } from "./source.js";

interface ServerSources {
  /** The folder that relative paths start from. */
  readonly folder: string;
  readonly listeners: readonly ListenerConfig[];
}

/** Reads how a server's client port is reached. Complains; undefined if that cannot be used. */
export function proveC2s(
  document: ConfigDocument,
  at: DocumentPath,
  domain: string | undefined,
  raw: unknown,
  sources: ServerSources,
): ServerC2sConfig | undefined {
  const c2s = proved(serverC2sSchema, raw);
  if (c2s === undefined) return undefined;
  const isHost = checkHost(document, [...at, "host"], c2s.host);
  checkLoop(document, at, c2s, sources.listeners);
  checkServerTls(document, at, c2s, isHost);
  const serverName = c2s.serverName === undefined ? domain : normaliseDomain(c2s.serverName);
  if (serverName === undefined && c2s.serverName !== undefined) {
    document.complain([...at, "serverName"], {
      code: "invalid-domain",
      message: `${JSON.stringify(c2s.serverName)} is no domain name.`,
    });
  }
  const ca = c2s.ca === undefined ? undefined : proveAuthorities(document, [...at, "ca"], c2s.ca, sources.folder);
  const pinnedCertificate =
    c2s.pinnedCertificate === undefined
      ? undefined
      : provePin(document, [...at, "pinnedCertificate"], c2s.pinnedCertificate, sources.folder);
  if (serverName === undefined) return undefined;
  const { host, port, tls, channelBinding, verify, proxyProtocol } = c2s;
  return { host, port, tls, channelBinding, verify, ca, pinnedCertificate, serverName, proxyProtocol };
}

function checkServerTls(
  document: ConfigDocument,
  at: DocumentPath,
  c2s: {
    readonly host: string;
    readonly tls: string;
    readonly channelBinding: string;
    readonly verify: boolean;
    readonly ca?: unknown;
    readonly pinnedCertificate?: unknown;
    readonly serverName?: unknown;
  },
  isHost: boolean,
): void {
  const warn = (key: string, code: ProblemCode, message: string, hint?: string): void =>
    document.complain([...at, key], { severity: "warning", code, message, hint });
  if (c2s.channelBinding === "endpoint" && c2s.tls === "none") {
    document.complain([...at, "channelBinding"], {
      code: "binding-needs-tls",
      message: "Without TLS the server has no certificate that a login could be bound to.",
      hint: "Leave channelBinding out: with tls: none a server offers no binding, and none is needed.",
    });
  }
  if (c2s.channelBinding === "strip" && c2s.tls === "none") {
    warn(
      "channelBinding",
      "no-effect",
      '"channelBinding" has no effect with tls: none: the server has nothing to bind to.',
    );
  }
  if (c2s.tls === "none") {
    for (const key of ["ca", "pinnedCertificate", "serverName"] as const) {
      if (c2s[key] !== undefined) warn(key, "no-effect", `"${key}" has no effect with tls: none.`);
    }
    if (isHost && !isLoopback(c2s.host)) {
      warn(
        "host",
        "cleartext-server",
        `Passwords and messages travel to ${c2s.host} in clear.`,
        "Use tls: starttls or tls: direct, or let Caesura run on the server's machine.",
      );
    }
  } else if (!c2s.verify && c2s.pinnedCertificate === undefined) {
    warn(
      "verify",
      "unverified-server",
      "The server's certificate is not checked; anybody on the way can pose as the server.",
      "Name its certificate in ca or pinnedCertificate instead.",
    );
  }
}

/** Reads where a server's component port is. Complains; undefined if there is none, or none that can be used. */
export function proveComponentPort(
  document: ConfigDocument,
  at: DocumentPath,
  raw: unknown,
  sources: ServerSources,
): ServerComponentConfig | undefined {
  const component = raw === undefined ? undefined : proved(serverComponentSchema, raw);
  if (component === undefined) return undefined;
  if (checkHost(document, [...at, "host"], component.host) && !isLoopback(component.host)) {
    document.complain([...at, "host"], {
      severity: "warning",
      code: "cleartext-server",
      message: `Stanzas of components travel to ${component.host} in clear; component links have no TLS.`,
    });
  }
  checkLoop(document, at, component, sources.listeners);
  return { host: component.host, port: component.port, proxyProtocol: component.proxyProtocol };
}

function checkLoop(
  document: ConfigDocument,
  at: DocumentPath,
  target: AddressConfig,
  listeners: readonly ListenerConfig[],
): void {
  const own = reachedListener(target, listeners);
  if (own < 0) return;
  document.complain([...at, "port"], {
    code: "server-is-self",
    message: `${target.host} port ${target.port} is Caesura's own listener (listen[${own}]), not the server.`,
    hint: "Move the server to another port, or to another address.",
  });
}
