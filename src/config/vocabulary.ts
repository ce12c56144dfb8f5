import { configJsonSchema } from "./json-schema.js";
import type { JsonSchema } from "./json-schema.js";
import type { DocumentPath } from "./source.js";
import { didYouMean } from "./suggest.js";

/** What may stand where in a kind of document: its JSON Schema, asked for hints. */
export class Vocabulary {
  readonly #root: JsonSchema;
  readonly #homes = new Map<string, string[]>();

  constructor(root: JsonSchema) {
    this.#root = root;
    this.#collectHomes(root, "");
  }

  schemaAt(path: DocumentPath): JsonSchema | undefined {
    return this.#variantsAt(path)[0];
  }

  /** The keys that a mapping at this place may have. */
  propertiesOf(path: DocumentPath): ReadonlySet<string> {
    return new Set(this.#variantsAt(path).flatMap((schema) => Object.keys(schema.properties ?? {})));
  }

  /** The values among which a key chooses a variant of its mapping. */
  constantsAt(path: DocumentPath): readonly string[] {
    return this.#variantsAt(path).flatMap((schema) => (schema.const === undefined ? [] : [String(schema.const)]));
  }

  /** `Did you mean`, or where the key belongs. */
  hintForKey(path: DocumentPath, key: string): string | undefined {
    const known = this.propertiesOf(path);
    const meant = didYouMean(key, [...known]);
    if (meant !== undefined) return meant;
    const homes = this.#homes.get(key);
    if (homes !== undefined) return `That key belongs into ${homes.join(" or ")}.`;
    return known.size === 0 ? undefined : `Known here: ${[...known].join(", ")}.`;
  }

  #collectHomes(schema: JsonSchema, prefix: string): void {
    for (const variant of [schema, ...(schema.oneOf ?? [])]) {
      for (const [key, child] of Object.entries(variant.properties ?? {})) {
        const homes = this.#homes.get(key) ?? [];
        const home = prefix === "" ? "the top level" : prefix;
        if (!homes.includes(home)) homes.push(home);
        this.#homes.set(key, homes);
        this.#collectHomes(child, prefix === "" ? key : `${prefix}.${key}`);
      }
    }
    if (typeof schema.additionalProperties === "object") {
      this.#collectHomes(schema.additionalProperties, `${prefix}.<name>`);
    }
    if (schema.items !== undefined) this.#collectHomes(schema.items, `${prefix}[]`);
  }

  #variantsAt(path: DocumentPath): readonly JsonSchema[] {
    let here: readonly JsonSchema[] = [this.#root];
    for (const step of path) {
      here = here
        .flatMap((schema) => [schema, ...(schema.oneOf ?? [])])
        .flatMap((schema) => {
          if (typeof step === "number") return schema.items === undefined ? [] : [schema.items];
          const properties = schema.properties;
          const known = properties !== undefined && Object.hasOwn(properties, step) ? properties[step] : undefined;
          if (known !== undefined) return [known];
          return typeof schema.additionalProperties === "object" ? [schema.additionalProperties] : [];
        });
    }
    return here.flatMap((schema) => [schema, ...(schema.oneOf ?? [])]);
  }
}

let ofProxy: Vocabulary | undefined;

/** What may stand in `proxy.yaml`. */
export function proxyVocabulary(): Vocabulary {
  return (ofProxy ??= new Vocabulary(configJsonSchema()));
}
