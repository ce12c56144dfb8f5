import { z } from "zod";
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

/** Puts what the reference says of a key beside its schema. */
export const about = <Schema extends z.ZodType>(schema: Schema, notes: KeyNotes): Schema => {
  keyNotes.add(schema, notes);
  return schema;
};

interface Measure extends KeyNotes {
  readonly least: string;
  readonly most: string;
  readonly fallback: string;
}

export function duration({ least, most, fallback, ...notes }: Measure) {
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

export function size({ least, most, fallback, ...notes }: Measure) {
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

export function count(least: number, most: number, fallback: number, notes: KeyNotes) {
  return about(z.int().min(least).max(most).default(fallback), { range: `${least} to ${most}`, ...notes });
}

// Longest names: a path of Linux (PATH_MAX), a domain name (RFC 1035 §2.3.4), a JID of three parts (RFC 7622 §3.1).
export const file = z.string().min(1).max(4_096);
export const host = z.string().min(1).max(253);
export const jid = z.string().min(1).max(3_071);
export const port = z.int().min(1).max(65_535);
export const listeningPort = z.int().min(0).max(65_535);
