import { annotatedSchema } from "./json-schema.js";
import type { JsonSchema } from "./json-schema.js";
import { problemCodes } from "./problem.js";

/**
 * `docs/configuration.md`, made from the schema: every key with its type, unit, default, range, one sentence and an
 * example, and every code that `caesura check` can print. A test compares the file with this text.
 */
export function configReference(): string {
  const codes = Object.entries(problemCodes).map(([code, meaning]) => `- \`${code}\`: ${meaning}`);
  return [
    introduction,
    ...describe(annotatedSchema(), ""),
    "## What `caesura check` finds\n",
    "Each problem has a code in brackets, which stays the same from version to version.\n",
    `${codes.join("\n")}\n`,
  ].join("\n");
}

const introduction = `# Configuration

Caesura reads one YAML file, \`proxy.yaml\` in the current folder unless \`-c\` names another. The file of that name that comes with
Caesura is a complete, commented example. This page is made from the schema that the program checks the file with.

- A **duration** is a number and a unit without a space: \`500ms\`, \`30s\`, \`5m\`, \`2h\`.
- A **size** is a number and a unit: \`4096B\`, \`10KB\` (10 000 bytes), \`256KiB\` (262 144 bytes), \`1MB\`, \`1MiB\`.
- A **file** is a path, relative to the folder of the configuration file.
- **Unknown keys are errors**, so that a misspelt one does not go unnoticed.
- **Secrets** come from a file or from the environment; they are printed nowhere.

\`caesura check\` says everything that is wrong with a file, with line and column; \`caesura check --online\` also asks the servers.
\`SIGHUP\` makes a running Caesura read the file, the certificates and the secrets again. A file with an error changes nothing.

The keys are shown as paths: \`<domain>\`, \`<component>\` and \`<namespace>\` stand for names of your own, \`[]\` for each entry of a
list.
`;

function describe(schema: JsonSchema, path: string): readonly string[] {
  const sections: string[] = [];
  for (const variant of schema.oneOf ?? [schema]) {
    const label = variantLabel(variant, schema);
    for (const [key, child] of Object.entries(variant.properties ?? {})) {
      const childPath = path === "" ? key : `${path}.${key}`;
      const isRequired = variant.required?.includes(key) ?? false;
      sections.push(
        section(childPath, key, child, isRequired, path === "" ? 2 : 3, label),
        ...describe(child, childPath),
      );
    }
  }
  if (typeof schema.additionalProperties === "object") {
    const name = path.slice(path.lastIndexOf(".") + 1).replace(/s$/, "");
    const placeholder = `<${name === "delegation" ? "namespace" : name}>`;
    const childPath = `${path}.${placeholder}`;
    sections.push(section(childPath, placeholder, schema.additionalProperties, false, 3, ""));
    sections.push(...describe(schema.additionalProperties, childPath));
  }
  if (schema.items?.oneOf !== undefined) sections.push(...describe(schema.items, `${path}[]`));
  return sections;
}

/** Which kind of listener a key belongs to. */
function variantLabel(variant: JsonSchema, whole: JsonSchema): string {
  const kind = variant.properties?.["kind"]?.const;
  return whole.oneOf === undefined || kind === undefined ? "" : ` (kind ${String(kind)})`;
}

function section(
  path: string,
  key: string,
  schema: JsonSchema,
  isRequired: boolean,
  level: number,
  label: string,
): string {
  const { notes } = schema;
  if (notes === undefined) throw new Error(`no notes for ${path}`);
  const isName = key.startsWith("<");
  const presence = schema.default !== undefined ? defaultText(schema.default) : (notes.absent ?? "");
  const facts = [
    `- Type: ${notes.type ?? typeText(schema)}`,
    ...(isName ? [] : [isRequired ? "- Required" : `- Default: ${presence}`]),
    ...(notes.range === undefined ? [] : [`- Range: ${notes.range}`]),
    ...(isName ? [] : [`- Example: \`${key}: ${yaml(notes.example)}\``]),
  ];
  return `${"#".repeat(level)} \`${path}\`${label}\n\n${notes.about}\n\n${facts.join("\n")}\n`;
}

function defaultText(value: unknown): string {
  if (typeof value === "object" && value !== null && Object.keys(value).length === 0) {
    return Array.isArray(value) ? "none" : "what is said below";
  }
  return `\`${yaml(value)}\``;
}

function typeText(schema: JsonSchema): string {
  if (schema.enum !== undefined) {
    const choices = schema.enum.map((choice) => `\`${choice}\``);
    return choices.length === 1 ? `only ${choices.join()}` : `one of ${choices.join(", ")}`;
  }
  if (schema.const !== undefined) return `only \`${String(schema.const)}\``;
  switch (schema.type) {
    case "integer":
      return "whole number";
    case "boolean":
      return "`true` or `false`";
    case "array":
      return schema.items?.type === "string" ? "list of texts" : "list of mappings";
    case "object":
      return "mapping";
    default:
      return "text";
  }
}

function yaml(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(yaml).join(", ")}]`;
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).map(([key, inner]) => `${key}: ${yaml(inner)}`);
    return `{ ${entries.join(", ")} }`;
  }
  return String(value);
}
