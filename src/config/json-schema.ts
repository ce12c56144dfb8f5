import { z } from "zod";
import { configSchema } from "./schema.js";
import { keyNotes } from "./values.js";
import type { KeyNotes } from "./values.js";

/** What of JSON Schema (draft 7) the schema of `proxy.yaml` uses. */
export interface JsonSchema {
  readonly $schema?: string;
  readonly title?: string;
  readonly description?: string;
  readonly type?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | JsonSchema;
  readonly items?: JsonSchema;
  readonly oneOf?: readonly JsonSchema[];
  readonly enum?: readonly string[];
  readonly const?: string | number | boolean;
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxItems?: number;
  /** Of `annotatedSchema` only. */
  readonly notes?: KeyNotes;
}

/** The JSON Schema of `proxy.yaml`, for editors: `caesura schema` prints it, `proxy.schema.json` holds it. */
export function configJsonSchema(): JsonSchema {
  const schema = generate((notes, isText) => {
    const range = notes.range !== undefined && isText ? ` Range: ${notes.range}.` : "";
    return { description: `${notes.about.replaceAll("`", "")}${range}`, examples: [notes.example] };
  });
  return { ...schema, title: "proxy.yaml" };
}

/** The same with all that is known of a key under `notes`, for the reference. */
export function annotatedSchema(): JsonSchema {
  return generate((notes) => ({ notes }));
}

function generate(annotate: (notes: KeyNotes, isText: boolean) => JsonSchema): JsonSchema {
  const generated: unknown = z.toJSONSchema(configSchema, {
    io: "input",
    target: "draft-7",
    override: ({ zodSchema, jsonSchema }) => {
      const notes = keyNotes.get(zodSchema);
      if (notes !== undefined) Object.assign(jsonSchema, annotate(notes, jsonSchema.type === "string"));
    },
  });
  return isJsonSchema(generated) ? generated : {};
}

function isJsonSchema(value: unknown): value is JsonSchema {
  return typeof value === "object" && value !== null;
}
