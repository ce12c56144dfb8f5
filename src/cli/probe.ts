import { connect } from "node:net";
import type { Socket } from "node:net";
import { connect as connectTls, TLSSocket } from "node:tls";
import { endsOfOpened, isTrusted, proxyHeader, showsEndPoint, tlsClientOptions } from "../relay/index.js";
import type { Upstream } from "../relay/index.js";
import { Framer, FrameKind, parseElement, readHead } from "../xml/index.js";
import type { Element, FramerLimits, FramerOptions } from "../xml/index.js";
import { NS } from "../xmpp/index.js";

/** What a server said. An `element` is a nonza (stream features, a stream error, `<proceed/>`), an iq or a message. */
export type Heard =
  | { readonly kind: "header"; readonly attributes: ReadonlyMap<string, string> }
  | { readonly kind: "element"; readonly element: Element };

/** Why a conversation came to nothing: a sentence for the operator, and what to do. */
export class ProbeError extends Error {
  readonly hint: string | undefined;

  constructor(message: string, hint?: string) {
    super(message);
    this.hint = hint;
  }
}

const wrongPort =
  "Is that the server's port for it? Prosody: c2s_ports, component_ports; ejabberd: the listeners ejabberd_c2s, ejabberd_service.";
const silentPort = `${wrongPort} One that waits for TLS, or for a PROXY header, says nothing either (tls: direct, proxyProtocol).`;

// However slowly a server talks: each wait has its deadline, all of them have this many.
const maxDeadlines = 4;

const limits: FramerLimits = {
  maxFrameBytes: 65_536,
  maxDepth: 32,
  maxAttributes: 64,
  maxNameBytes: 1_024,
  maxChildren: 1_000,
};
// A server greets with some hundred bytes; one that talks without end is not listened to.
const maxBytes = 262_144;

/**
 * One conversation with a server for `caesura check --online`: connect, say something, hear frame by frame. Whoever
 * makes it closes it.
 *
 * Errors  each wait rejects with ProbeError: refused, silent for `deadlineMs`, closed, not XMPP, untrusted certificate.
 */
export class Probe {
  readonly #upstream: Upstream;
  readonly #deadlineMs: number;
  readonly #contentNamespace: FramerOptions["contentNamespace"];
  #socket: Socket | undefined;
  #framer: Framer;
  #heard: Heard[] = [];
  #failure: ProbeError | undefined;
  #wake: (() => void) | undefined;
  #bytes = 0;
  #endsAt = Number.POSITIVE_INFINITY;

  constructor(upstream: Upstream, contentNamespace: FramerOptions["contentNamespace"], deadlineMs: number) {
    this.#upstream = upstream;
    this.#contentNamespace = contentNamespace;
    this.#deadlineMs = deadlineMs;
    this.#framer = new Framer({ contentNamespace, limits });
  }

  /** Whether the server's certificate is the one that clients see, where it matters. */
  get showsEndPoint(): boolean {
    return !(this.#socket instanceof TLSSocket) || showsEndPoint(this.#socket, this.#upstream);
  }

  async open(): Promise<void> {
    const { host, port, tls, proxyProtocol } = this.#upstream;
    this.#endsAt = Date.now() + maxDeadlines * this.#deadlineMs;
    const socket = connect({ host, port });
    await this.#until(socket, "connect", `${host} port ${port} cannot be reached`);
    // Our own address rather than LOCAL or UNKNOWN, of which mod_net_proxy takes neither.
    if (proxyProtocol !== undefined) socket.write(proxyHeader(proxyProtocol, endsOfOpened(socket)));
    if (tls === "direct") await this.secure();
    else this.#listen(socket);
  }

  /** Turns the connection to TLS, and begins anew with the stream. */
  async secure(): Promise<void> {
    const plain = this.#socket;
    if (plain === undefined) throw new ProbeError("The connection is not open.");
    plain.removeAllListeners("data");
    plain.removeAllListeners("close");
    const socket = connectTls({ ...tlsClientOptions(this.#upstream), socket: plain });
    await this.#until(socket, "secureConnect", "TLS failed");
    if (!isTrusted(socket, this.#upstream)) {
      const hint = "Was it renewed? openssl s_client -starttls xmpp shows it; name that one in pinnedCertificate.";
      throw new ProbeError("The certificate is not the pinned one.", hint);
    }
    this.#framer = new Framer({ contentNamespace: this.#contentNamespace, limits });
    this.#heard = [];
    this.#listen(socket);
  }

  /** Begins anew with the stream, behind the last byte that was heard (RFC 6120 §6.3.2). */
  restart(): void {
    this.#framer = new Framer({ contentNamespace: this.#contentNamespace, limits });
    this.#heard = [];
  }

  send(text: string): void {
    this.#socket?.write(text);
  }

  /** The next thing that the server says. */
  async hear(): Promise<Heard> {
    const deadline = Math.min(Date.now() + this.#deadlineMs, this.#endsAt);
    for (;;) {
      const next = this.#heard.shift();
      if (next !== undefined) return next;
      if (this.#failure !== undefined) throw this.#failure;
      const left = deadline - Date.now();
      if (left <= 0) {
        const isSilent = deadline < this.#endsAt;
        if (isSilent) throw new ProbeError(`The server said nothing for ${this.#deadlineMs / 1_000} s.`, silentPort);
        throw new ProbeError("The server answers too slowly.", "Look at its load, and at the network in between.");
      }
      await this.#something(left);
    }
  }

  close(): void {
    this.#socket?.destroy();
  }

  async #something(ms: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      timer = setTimeout(resolve, ms);
    });
    clearTimeout(timer);
    this.#wake = undefined;
  }

  async #until(socket: Socket, event: "connect" | "secureConnect", failure: string): Promise<void> {
    this.#socket = socket;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve, reject) => {
      timer = setTimeout(
        () =>
          reject(new ProbeError(`${failure} within ${this.#deadlineMs / 1_000} s.`, describeFailure("ETIMEDOUT").hint)),
        this.#deadlineMs,
      );
      socket.once(event, () => resolve());
      socket.once("error", (error) => {
        const { reason, hint } = describeFailure(codeOf(error), error.message);
        reject(new ProbeError(`${failure}: ${reason}.`, hint));
      });
      socket.once("close", () => reject(new ProbeError(`${failure}: the server closed the connection.`, closedHint)));
    }).finally(() => clearTimeout(timer));
    socket.removeAllListeners();
    // From here on errors end the conversation, they do not end the process.
    socket.on("error", (error) => {
      const { reason, hint } = describeFailure(codeOf(error), error.message);
      this.#fail(`The connection broke: ${reason}.`, hint);
    });
  }

  #listen(socket: Socket): void {
    socket.on("data", (chunk: Buffer) => this.#scan(chunk));
    socket.on("close", () => this.#fail("The server closed the connection.", closedHint));
  }

  #fail(sentence: string, hint?: string): void {
    this.#failure ??= new ProbeError(sentence, hint);
    this.#wake?.();
  }

  #scan(chunk: Buffer): void {
    if (this.#failure !== undefined) return;
    this.#bytes += chunk.length;
    if (this.#bytes > maxBytes) {
      this.#fail("The server talks without end.", wrongPort);
      return;
    }
    this.#framer.scan(chunk, {
      frame: (kind, bytes, start, end) => {
        if (kind === FrameKind.streamHeader) {
          const { attributes } = readHead(bytes, start, end, this.#framer.scope);
          this.#heard.push({ kind: "header", attributes });
        } else if (kind === FrameKind.nonza || kind === FrameKind.iq || kind === FrameKind.message) {
          this.#heard.push({ kind: "element", element: parseElement(bytes, start, end, this.#framer.scope) });
        } else if (kind === FrameKind.streamEnd) this.#fail("The server closed the stream.", closedHint);
      },
      fault: ({ code, source }) => this.#fail(`The server does not speak XMPP there (${code}, ${source}).`, wrongPort),
    });
    this.#wake?.();
  }
}

/** A stream header (RFC 6120 §4.2, XEP-0114 §3). `to` is a normalised domain and needs no escaping. */
export function streamHeader(contentNamespace: FramerOptions["contentNamespace"], to: string): string {
  const version = contentNamespace === NS.client ? " version='1.0'" : "";
  return `<?xml version='1.0'?><stream:stream xmlns='${contentNamespace}' xmlns:stream='${NS.streams}' to='${to}'${version}>`;
}

const closedHint = "Its log says why; is there a limit of connections, or a list of addresses that may connect?";

function codeOf(error: Error): string {
  return "code" in error ? String(error.code) : "";
}

/** A failure in an operator's words, and what to do about it. */
function describeFailure(code: string, otherwise = ""): { readonly reason: string; readonly hint?: string } {
  const trust =
    "Name its certificate, or the authority that issued it, in ca, or the certificate in pinnedCertificate.";
  const [reason, hint] = failures(trust).get(code) ?? [code === "" ? otherwise : code, undefined];
  return { reason, ...(hint === undefined ? {} : { hint }) };
}

function failures(trust: string): ReadonlyMap<string, readonly [reason: string, hint: string]> {
  const noWay = "Correct the host in the configuration, or the network in between.";
  const name = "Write the name that it carries as serverName.";
  const noTls =
    "Use tls: none or tls: starttls, or name its port with TLS (Prosody: c2s_direct_tls_ports; ejabberd: tls: true).";
  const unknownAuthority = "the certificate's authority is not trusted";
  return new Map([
    ["ECONNREFUSED", ["nobody listens there", `Start the server, or correct host and port. ${wrongPort}`]],
    ["ENOTFOUND", ["there is no such host", noWay]],
    ["EAI_AGAIN", ["the name server does not answer", noWay]],
    ["EHOSTUNREACH", ["there is no way to that host", noWay]],
    ["ENETUNREACH", ["there is no way to that network", noWay]],
    ["ECONNRESET", ["the server cut the connection", closedHint]],
    ["ETIMEDOUT", ["the server does not answer", "Is a firewall in between, or the machine down?"]],
    ["DEPTH_ZERO_SELF_SIGNED_CERT", ["the certificate is self-signed, and nothing names it", trust]],
    ["SELF_SIGNED_CERT_IN_CHAIN", [unknownAuthority, trust]],
    ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", [unknownAuthority, trust]],
    ["UNABLE_TO_GET_ISSUER_CERT_LOCALLY", [unknownAuthority, trust]],
    ["ERR_TLS_CERT_ALTNAME_INVALID", ["the certificate carries another name", name]],
    ["ERR_SSL_TLSV1_UNRECOGNIZED_NAME", ["the server has no certificate with that name", name]],
    ["CERT_HAS_EXPIRED", ["the certificate has expired", "Renew it on the server, or pin it (pinnedCertificate)."]],
    ["EPROTO", ["the server does not speak TLS there", noTls]],
    ["ERR_SSL_WRONG_VERSION_NUMBER", ["the server does not speak TLS there", noTls]],
    ["ERR_SSL_PACKET_LENGTH_TOO_LONG", ["the server does not speak TLS there", noTls]],
  ]);
}
