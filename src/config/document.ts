import { isAlias, isMap, isNode, isScalar, isSeq, parseDocument, visit } from "yaml";
import type { Document, Node } from "yaml";
import type { Problem } from "./problem.js";
import { formatPath } from "./source.js";
import type { Complaint, DocumentPath, Position, Source } from "./source.js";

// More than any sensible file has; the product of nested aliases is bounded by `maxAliasCount` besides.
const maxAliases = 100;
// One bracket too few makes an error of each line behind it, and nobody reads more than this.
const maxProblems = 500;
const maxYamlErrors = 20;

/**
 * A parsed YAML document that knows where everything stands, and collects what is wrong with it.
 *
 * Every problem goes through `complain`, so that each has a position: of the value at the path, of the key (for a key
 * that should not be there), or of the nearest parent that exists (for a key that is missing).
 */
export class ConfigDocument {
  readonly source: Source;
  /** The document as plain values; `undefined` if the text is not readable as YAML. */
  readonly value: unknown;
  readonly #root: Node | undefined;
  readonly #document: Document.Parsed | undefined;
  readonly #problems: Problem[] = [];
  #isFull = false;

  constructor(source: Source) {
    this.source = source;
    try {
      const document = parseDocument(source.text, {
        // Looked for below: the package compares each key with each.
        uniqueKeys: false,
        prettyErrors: false,
        logLevel: "error",
        strict: true,
      });
      this.#document = document;
      this.#root = document.contents ?? undefined;
      this.value = this.#read(document);
    } catch (error) {
      // The parser recurses: brackets nested ten thousand deep exhaust the stack.
      const reason = error instanceof RangeError ? "it is nested too deeply" : "it could not be read";
      this.complain([], { code: "yaml-syntax", message: `This is not a usable YAML document: ${reason}.` });
    }
  }

  /** All problems so far, in the order of the file. */
  get problems(): readonly Problem[] {
    return this.#problems.toSorted((a, b) => a.line - b.line || a.column - b.column);
  }

  /** True if nothing more is recorded. */
  get isFull(): boolean {
    return this.#isFull;
  }

  get hasErrors(): boolean {
    return this.#problems.some((problem) => problem.severity === "error");
  }

  /** Records a problem with the value at `path`, or, with `at: "key"`, with the key that ends it. */
  complain(path: DocumentPath, complaint: Complaint, at: "value" | "key" = "value"): void {
    if (this.#isFull) return;
    this.#add(path, this.source.positionAt(this.#offsetOf(path, at)), complaint);
  }

  /** Where the value at `path` stands, or its nearest parent. */
  positionOf(path: DocumentPath): Position {
    return this.source.positionAt(this.#offsetOf(path, "value"));
  }

  #add(path: DocumentPath, position: Position, complaint: Complaint): void {
    if (this.#isFull) return;
    this.#push(path, position, complaint);
    if (this.#problems.length < maxProblems) return;
    this.#isFull = true;
    this.#push([], position, {
      code: "too-many-problems",
      message: "There are more problems; these are the first that were found.",
    });
  }

  #push(path: DocumentPath, position: Position, complaint: Complaint): void {
    this.#problems.push({
      severity: complaint.severity ?? "error",
      path: formatPath(path),
      file: this.source.file,
      line: position.line,
      column: position.column,
      code: complaint.code,
      message: complaint.message,
      ...(complaint.hint === undefined ? {} : { hint: complaint.hint }),
    });
  }

  #read(document: Document.Parsed): unknown {
    for (const { code, message, pos } of [...document.errors, ...document.warnings].slice(0, maxYamlErrors)) {
      this.#add([], this.source.positionAt(pos[0]), describeYamlError(code, message));
    }
    if (this.#problems.length > 0) return undefined;
    if (document.contents === null) {
      this.complain([], { code: "empty-file", message: "The file holds no configuration.", hint: startHint });
      return undefined;
    }
    this.#checkKeys(document);
    return this.#checkNodes(document) ? document.toJS({ maxAliasCount: maxAliases }) : undefined;
  }

  /** Finds keys that are there twice, as they will be used: `1` and `"1"` are one key. */
  #checkKeys(document: Document.Parsed): void {
    visit(document, {
      Map: (_, map) => {
        const seen = new Set<string>();
        for (const { key } of map.items) {
          if (!isScalar(key)) continue;
          const name = String(key.value);
          const offset = key.range?.[0] ?? 0;
          if (!seen.has(name)) seen.add(name);
          else {
            const path = pathOfKey(document.contents, offset);
            this.#add(path, this.source.positionAt(offset), describeDuplicate(path));
          }
        }
      },
    });
  }

  /** Finds what `toJS` would throw at, or turn into something else without a word. */
  #checkNodes(document: Document.Parsed): boolean {
    const before = this.#problems.length;
    let aliases = 0;
    visit(document, {
      Alias: (_, alias) => {
        aliases += 1;
        const where = this.source.positionAt(alias.range?.[0] ?? 0);
        const target = alias.resolve(document);
        if (target === undefined) {
          this.#add([], where, {
            code: "yaml-alias",
            message: `There is no anchor &${alias.source} above this alias.`,
          });
        } else if (isNode(target) && contains(target, alias)) {
          this.#add([], where, { code: "yaml-alias", message: `The anchor &${alias.source} contains itself.` });
        }
        if (aliases === maxAliases + 1) {
          this.#add([], where, { code: "yaml-alias", message: `More than ${maxAliases} aliases in one file.` });
        }
      },
      Pair: (_, pair) => {
        const key = pair.key;
        if (isScalar(key) && String(key.value) !== "__proto__") return;
        const offset = isNode(key) ? (key.range?.[0] ?? 0) : 0;
        this.#add([], this.source.positionAt(offset), {
          code: "yaml-key",
          message: isScalar(key) ? "This word cannot be a key." : "A key is a plain word, not a list or a mapping.",
        });
      },
    });
    return this.#problems.length === before;
  }

  /** Offset of the value (or key) at a path; of the nearest parent that exists if there is none. */
  #offsetOf(path: DocumentPath, at: "value" | "key"): number {
    let node: unknown = this.#root;
    let best = isNode(this.#root) ? (this.#root.range?.[0] ?? 0) : 0;
    for (const [index, step] of path.entries()) {
      if (isAlias(node) && this.#document !== undefined) node = node.resolve(this.#document);
      let key: unknown;
      let value: unknown;
      if (isMap(node)) {
        // Of a key that is there twice, the last is used.
        const pair = node.items.findLast((item) => isScalar(item.key) && String(item.key.value) === String(step));
        if (pair === undefined) return best;
        [key, value] = [pair.key, pair.value];
      } else if (isSeq(node) && typeof step === "number") value = node.items[step];
      else return best;
      const last = index === path.length - 1;
      // A parent is shown at its key: "tls: { cert: x }" without a key is a problem of "tls".
      const shown = [last && at === "value" ? value : key, key, value].find((one) => startOf(one) !== undefined);
      best = startOf(shown) ?? best;
      node = value;
    }
    return best;
  }
}

const startHint = "Begin with `version: 1`; the `proxy.yaml` that comes with Caesura is a complete example.";

function startOf(node: unknown): number | undefined {
  if (!isNode(node) || node.range === undefined || node.range === null) return undefined;
  // An empty value has no width: the key shows better what is meant.
  return node.range[1] > node.range[0] ? node.range[0] : undefined;
}

function contains(tree: Node, wanted: Node): boolean {
  let found = false;
  visit(tree, {
    Alias: (_, alias) => {
      if (alias !== wanted) return undefined;
      found = true;
      return visit.BREAK;
    },
  });
  return found;
}

/** The path of the key that stands at an offset. */
function pathOfKey(node: unknown, offset: number): DocumentPath {
  if (isMap(node)) {
    for (const { key, value } of node.items) {
      const name = isScalar(key) ? String(key.value) : "";
      if (isNode(key) && key.range?.[0] === offset) return [name];
      if (covers(value, offset)) return [name, ...pathOfKey(value, offset)];
    }
  } else if (isSeq(node)) {
    const index = node.items.findIndex((item) => covers(item, offset));
    if (index >= 0) return [index, ...pathOfKey(node.items[index], offset)];
  }
  return [];
}

function covers(node: unknown, offset: number): boolean {
  return isNode(node) && !!node.range && node.range[0] <= offset && offset < node.range[2];
}

function describeDuplicate(path: DocumentPath): Complaint {
  const key = String(path.at(-1) ?? "");
  if (path.at(-2) !== "delegations") {
    return { code: "duplicate-key", message: `The key ${JSON.stringify(key)} is there twice in one mapping.` };
  }
  return {
    code: "namespace-delegated-twice",
    message: `The namespace ${key} is delegated twice.`,
    hint: "One namespace has one managing entity; remove one of the two entries.",
  };
}

function describeYamlError(code: string, message: string): Complaint {
  if (code === "MULTIPLE_DOCS") {
    return { code: "yaml-syntax", message: "The file holds more than one YAML document; one is read." };
  }
  const hints: ReadonlyMap<string, string> = new Map([
    ["TAB_AS_INDENT", "Indent with spaces."],
    ["BLOCK_AS_IMPLICIT_KEY", "Is a line indented differently from its neighbours?"],
    ["BAD_INDENT", "Is a line indented differently from its neighbours?"],
    ["MISSING_CHAR", "Is a quote, bracket or colon missing?"],
  ]);
  const sentence = message.endsWith(".") ? message : `${message}.`;
  return { code: "yaml-syntax", message: `Not YAML: ${sentence}`, hint: hints.get(code) };
}
