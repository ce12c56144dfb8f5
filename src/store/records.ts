import { createHash } from "node:crypto";
import type { Grant } from "../delegation/index.js";

/** A grant with the domain whose user gave it. */
export interface StoredGrant extends Grant {
  /** Normalised. */
  readonly domain: string;
}

export type StoredChange =
  | { readonly kind: "put"; readonly grant: StoredGrant }
  | { readonly kind: "remove"; readonly domain: string; readonly account: string; readonly namespace: string };

/** Version of what is written here; a later one is not read. */
export const FORMAT = "1";
export const FORMAT_KEY = "format";
/** How many grants there are, written with each change: if records are lost in the middle, it contradicts. */
export const COUNT_KEY = "count";

const GRANT_PREFIX = "grant ";
/** Behind every key of a grant. */
export const GRANT_RANGE = { gt: GRANT_PREFIX, lt: "grant!" } as const;

/** One grant for a user and a namespace at a time is what the key says; whoever has it stands in the value. */
export function keyOf(change: StoredChange): string {
  const { domain, account, namespace } = change.kind === "put" ? change.grant : change;
  return GRANT_PREFIX + JSON.stringify([domain, account, namespace]);
}

/** In front stands a digest of key and value: one changed letter would name another entity. */
export function valueOf(grant: StoredGrant): string {
  const { entity, grantedAtMs } = grant;
  const text = JSON.stringify({ entity, grantedAtMs });
  return `${digest(keyOf({ kind: "put", grant }), text)} ${text}`;
}

/** Undefined for what was not written here. */
export function readRecord(key: string, value: string): StoredGrant | undefined {
  const text = value.slice(DIGEST_LENGTH + 1);
  if (value.slice(0, DIGEST_LENGTH) !== digest(key, text)) return undefined;
  const names = parse(key.slice(GRANT_PREFIX.length));
  const held = parse(text);
  if (!Array.isArray(names) || names.length !== 3 || typeof held !== "object" || held === null) return undefined;
  const [domain, account, namespace]: readonly unknown[] = names;
  if (typeof domain !== "string" || typeof account !== "string" || typeof namespace !== "string") return undefined;
  if (!("entity" in held) || typeof held.entity !== "string" || !("grantedAtMs" in held)) return undefined;
  const { entity, grantedAtMs } = held;
  return typeof grantedAtMs === "number" ? { domain, account, namespace, entity, grantedAtMs } : undefined;
}

const DIGEST_LENGTH = 16;

function digest(key: string, text: string): string {
  return createHash("sha256").update(`${key}\n${text}`).digest("hex").slice(0, DIGEST_LENGTH);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
