import type { JsonSchema } from "./json-schema.js";
import { scalarText } from "./shape.js";

const yes = new Set(["yes", "y", "on", "true"]);
const no = new Set(["no", "n", "off", "false"]);

/** What to write in place of a value of the wrong type, in one line of YAML; undefined if nothing is sure enough. */
export function hintForType(
  key: string | number | undefined,
  value: unknown,
  expected: string,
  schema: JsonSchema | undefined,
): string | undefined {
  const entry = (text: string): string => (typeof key === "string" ? `${key}: ${text}` : text);
  switch (expected) {
    case "string":
      if (typeof value === "number" || typeof value === "boolean") return `Write it in quotes: "${String(value)}".`;
      return undefined;
    case "boolean": {
      const word = scalarText(value).toLowerCase();
      if (yes.has(word) || value === 1) return `Write ${entry("true")}. In YAML 1.2 other words are texts.`;
      if (no.has(word) || value === 0) return `Write ${entry("false")}. In YAML 1.2 other words are texts.`;
      return undefined;
    }
    case "int":
    case "number": {
      const digits = typeof value === "string" ? value.replaceAll(/[_ ']/g, "") : "";
      return /^[0-9]{1,15}$/.test(digits) ? `Write ${entry(String(Number(digits)))}` : undefined;
    }
    case "array": {
      if (typeof value === "object") return "Begin each entry with a dash.";
      const isText = schema?.items?.type === "string" && typeof value === "string" && isPlain(value);
      return isText ? `Write ${entry(`[${value}]`)}` : undefined;
    }
    case "object":
    case "record": {
      const whole = asMapping(value, schema);
      if (whole !== undefined) return `Write ${entry(whole)}`;
      const example = exampleOf(schema);
      return example === undefined ? undefined : `For example ${entry(example)}`;
    }
    default:
      return undefined;
  }
}

/** A number without a unit, with the unit that was most likely meant. */
export function withUnit(value: number, kind: "duration" | "size"): string {
  if (kind === "duration") return value >= 1_000 ? `${value}ms` : `${value}s`;
  if (value !== 0 && value % 1_048_576 === 0) return `${value / 1_048_576}MiB`;
  return value !== 0 && value % 1_024 === 0 ? `${value / 1_024}KiB` : `${value}B`;
}

/** An example of a whole value, as one line of YAML. */
export function exampleOf(schema: JsonSchema | undefined): string | undefined {
  const example = schema?.examples?.[0];
  return example === undefined ? undefined : asYaml(schema?.type === "array" ? listOf(example) : example);
}

/** `127.0.0.1:5222` in place of `{ host, port }`, or the one text that a mapping cannot do without. */
function asMapping(value: unknown, schema: JsonSchema | undefined): string | undefined {
  if (typeof value !== "string" || !isPlain(value)) return undefined;
  const properties = schema?.properties ?? {};
  const [, host, port] = /^(?:tcp:\/\/)?([A-Za-z0-9.-]+):([0-9]{1,5})$/.exec(value) ?? [];
  if (host !== undefined && port !== undefined && "host" in properties && "port" in properties) {
    return `{ host: ${host}, port: ${port} }`;
  }
  const [only, ...others] = Object.keys(properties).length === 1 ? Object.keys(properties) : (schema?.required ?? []);
  const isText = only !== undefined && properties[only]?.type === "string" && properties[only].enum === undefined;
  return isText && others.length === 0 ? `{ ${only}: ${value} }` : undefined;
}

function isPlain(text: string): boolean {
  return /^[A-Za-z0-9/][A-Za-z0-9_./@:#-]{0,80}$/.test(text);
}

function listOf(example: unknown): readonly unknown[] {
  return Array.isArray(example) ? example : [example];
}

function asYaml(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(asYaml).join(", ")}]`;
  if (typeof value === "object" && value !== null) {
    return `{ ${Object.entries(value)
      .map(([key, inner]) => `${key}: ${asYaml(inner)}`)
      .join(", ")} }`;
  }
  return String(value);
}
