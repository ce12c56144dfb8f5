import { z } from "zod";
import { configSchema, keyNotes } from "./schema.js";

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
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxItems?: number;
}

/** The JSON Schema of `proxy.yaml`, for editors: `caesura schema` prints it, `proxy.schema.json` holds it. */
export function configJsonSchema(): JsonSchema {
  const generated: unknown = z.toJSONSchema(configSchema, {
    io: "input",
    target: "draft-7",
    override: ({ zodSchema, jsonSchema }) => {
      const notes = keyNotes.get(zodSchema);
      if (notes === undefined) return;
      const range = notes.range !== undefined && jsonSchema.type === "string" ? ` Range: ${notes.range}.` : "";
      jsonSchema.description = `${notes.about.replaceAll("`", "")}${range}`;
      jsonSchema.examples = [notes.example];
    },
  });
  return isJsonSchema(generated) ? { ...generated, title: "proxy.yaml" } : {};
}

function isJsonSchema(value: unknown): value is JsonSchema {
  return typeof value === "object" && value !== null;
}
