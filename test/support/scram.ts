import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual, X509Certificate } from "node:crypto";

/** What a client says of channel binding (RFC 5802 §6): cannot; could, but the server seems not to; or with what. */
export type Binding = "n" | "y" | { readonly type: string; readonly data: Buffer };

const hashOf = { "SCRAM-SHA-1": "sha1", "SCRAM-SHA-256": "sha256" } as const;
export type ScramMechanism = keyof typeof hashOf;

/** The client's side of one SCRAM exchange (RFC 5802 §3). */
export class ScramClient {
  readonly #hash: string;
  readonly #password: string;
  readonly #header: string;
  readonly #binding: Binding;
  readonly #bare: string;
  #signature: Buffer = Buffer.alloc(0);

  constructor(mechanism: ScramMechanism, user: string, password: string, binding: Binding) {
    this.#hash = hashOf[mechanism];
    this.#password = password;
    this.#binding = binding;
    this.#header = `${typeof binding === "string" ? binding : `p=${binding.type}`},,`;
    this.#bare = `n=${user},r=${randomBytes(18).toString("base64")}`;
  }

  get first(): string {
    return encode(this.#header + this.#bare);
  }

  /** The client's proof, from the server's first message. */
  final(serverFirst: string): string {
    const challenge = decode(serverFirst);
    const { r = "", s = "", i = "" } = attributes(challenge);
    const data = typeof this.#binding === "string" ? Buffer.alloc(0) : this.#binding.data;
    const c = Buffer.concat([Buffer.from(this.#header), data]).toString("base64");
    const withoutProof = `c=${c},r=${r}`;
    const keys = keysOf(this.#hash, this.#password, Buffer.from(s, "base64"), Number(i));
    const message = `${this.#bare},${challenge},${withoutProof}`;
    this.#signature = hmac(this.#hash, keys.server, message);
    const proof = xor(keys.client, hmac(this.#hash, keys.stored, message));
    return encode(`${withoutProof},p=${proof.toString("base64")}`);
  }

  /** Whether the server has proved that it knows the account too. */
  isServer(serverFinal: string): boolean {
    return attributes(decode(serverFinal))["v"] === this.#signature.toString("base64");
  }
}

/** The server's side. It can bind to one certificate, by `tls-server-end-point`, or not at all. */
export class ScramServer {
  readonly #hash: string;
  readonly #password: string;
  readonly #endPoint: Buffer | undefined;
  readonly #clientFirst: string;
  readonly #first: string;

  constructor(mechanism: ScramMechanism, password: string, clientFirst: string, endPoint: Buffer | undefined) {
    this.#hash = hashOf[mechanism];
    this.#password = password;
    this.#clientFirst = decode(clientFirst);
    this.#endPoint = endPoint;
    const { r = "" } = attributes(this.#clientFirst);
    this.#first = `r=${r}${randomBytes(9).toString("base64")},s=${randomBytes(9).toString("base64")},i=4096`;
  }

  /** Undefined: refused at once, because the client takes us for somebody who cannot bind (RFC 5802 §6). */
  get first(): string | undefined {
    return this.#clientFirst.startsWith("y,") && this.#endPoint !== undefined ? undefined : encode(this.#first);
  }

  /** The last message, or undefined if the proof or the binding is wrong. */
  final(clientFinal: string): string | undefined {
    const proofs = decode(clientFinal);
    const { c = "", p = "" } = attributes(proofs);
    const header = /^[^,]*,[^,]*,/.exec(this.#clientFirst)?.[0] ?? "";
    const data = header.startsWith("p=") ? (this.#endPoint ?? Buffer.alloc(0)) : Buffer.alloc(0);
    if (c !== Buffer.concat([Buffer.from(header), data]).toString("base64")) return undefined;
    const { s = "", i = "" } = attributes(this.#first);
    const keys = keysOf(this.#hash, this.#password, Buffer.from(s, "base64"), Number(i));
    const message = `${this.#clientFirst.slice(header.length)},${this.#first},${proofs.replace(/,p=[^,]*$/, "")}`;
    const proof = xor(keys.client, hmac(this.#hash, keys.stored, message));
    if (!timingSafeEqual(proof, Buffer.from(p, "base64"))) return undefined;
    return encode(`v=${hmac(this.#hash, keys.server, message).toString("base64")}`);
  }
}

/** `tls-server-end-point` of a certificate whose signature uses SHA-256 (RFC 5929 §4.1). */
export function endPointOf(pem: string): Buffer {
  return createHash("sha256").update(new X509Certificate(pem).raw).digest();
}

function keysOf(hash: string, password: string, salt: Buffer, iterations: number) {
  const salted = pbkdf2Sync(password, salt, iterations, createHash(hash).digest().length, hash);
  const client = hmac(hash, salted, "Client Key");
  return { client, stored: createHash(hash).update(client).digest(), server: hmac(hash, salted, "Server Key") };
}

function attributes(message: string): Readonly<Record<string, string | undefined>> {
  return Object.fromEntries(message.split(",").map((part) => [part.slice(0, 1), part.slice(2)]));
}

function hmac(hash: string, key: Buffer, text: string): Buffer {
  return createHmac(hash, key).update(text).digest();
}

function xor(one: Buffer, other: Buffer): Buffer {
  return Buffer.from(one.map((byte, at) => byte ^ (other[at] ?? 0)));
}

function encode(text: string): string {
  return Buffer.from(text).toString("base64");
}

function decode(text: string): string {
  return Buffer.from(text, "base64").toString("utf8");
}
