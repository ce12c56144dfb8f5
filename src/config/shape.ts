import type { z } from "zod";

/**
 * The part of a document that a schema proves, or undefined. What is wrong has been said already, when the whole
 * document was held against the whole schema; parts that are right go on to the checks of meaning, so that an operator
 * sees all problems at once. So does a part with unknown keys only.
 */
export function proved<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> | undefined {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const unknownKeys = new Set<PropertyKey>();
  for (const issue of result.error.issues) {
    if (issue.code !== "unrecognized_keys" || issue.path.length > 0) return undefined;
    for (const key of issue.keys) unknownKeys.add(key);
  }
  const known = Object.fromEntries(Object.entries(asRecord(value) ?? {}).filter(([key]) => !unknownKeys.has(key)));
  const again = schema.safeParse(known);
  return again.success ? again.data : undefined;
}

/** A mapping of the document, or undefined. */
export function asRecord(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return isRecord(value) ? value : undefined;
}

/** A list of the document, or an empty one. */
export function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/**
 * A scalar of the document as text; empty for anything else. A mapping is not turned into text: its own key `toString` would
 * be called for that.
 */
export function scalarText(value: unknown): string {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? String(value) : "";
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
