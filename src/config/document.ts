import { isAlias, isMap, isNode, isScalar, isSeq, parseDocument, visit } from "yaml";
import type { Document, Node } from "yaml";
import { checkAliases } from "./yaml-aliases.js";
import type { Problem } from "./problem.js";
import { formatPath } from "./source.js";
import type { Complaint, DocumentPath, Position, Source } from "./source.js";
import { describeSyntax, findTooDeep } from "./yaml-syntax.js";
import type { PlacedComplaint } from "./yaml-syntax.js";

// One bracket too few makes an error of each line behind it, and nobody reads more than this.
const maxProblems = 500;

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
  readonly #excused = new Set<string>();
  #isFull = false;

  constructor(source: Source) {
    this.source = source;
    const tooDeep = findTooDeep(source.text);
    if (tooDeep !== undefined) {
      this.#place({
        offset: tooDeep,
        complaint: { code: "yaml-syntax", message: "From here on it is nested far deeper than any configuration." },
      });
      return;
    }
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
    if (complaint.code === "missing-key" && this.#excused.has(formatPath(path))) return;
    this.#add(path, this.source.positionAt(this.#offsetOf(path, at)), complaint);
  }

  /** Lets nobody complain that this key is missing: it stands there under another name, which is complained about. */
  excuse(path: DocumentPath): void {
    this.#excused.add(formatPath(path));
  }

  /** Where the value at `path` stands, or its nearest parent. */
  positionOf(path: DocumentPath): Position {
    return this.source.positionAt(this.#offsetOf(path, "value"));
  }

  #place({ offset, complaint }: PlacedComplaint): void {
    this.#add([], this.source.positionAt(offset), complaint);
  }

  #add(path: DocumentPath, position: Position, complaint: Complaint): void {
    if (this.#isFull) return;
    // What an alias repeats is one mistake, at one place.
    const isSame = (one: Problem): boolean => one.line === position.line && one.column === position.column;
    const isTold = this.#problems.some((one) => isSame(one) && one.message === complaint.message);
    if (isTold) return;
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
    for (const placed of describeSyntax(this.source, [...document.errors, ...document.warnings])) this.#place(placed);
    if (this.#problems.length > 0) return undefined;
    if (document.contents === null) {
      this.complain([], { code: "empty-file", message: "The file holds no configuration.", hint: startHint });
      return undefined;
    }
    this.#checkKeys(document);
    for (const placed of checkAliases(document)) this.#place(placed);
    // How far aliases unfold was looked at; the package counts otherwise, and throws.
    return this.#checkNodes(document) ? document.toJS({ maxAliasCount: -1 }) : undefined;
  }

  /** Finds keys that are there twice, as they will be used: `1` and `"1"` are one key. */
  #checkKeys(document: Document.Parsed): void {
    visit(document, {
      Map: (_, map) => {
        const seen = new Map<string, number>();
        for (const { key } of map.items) {
          if (!isScalar(key)) continue;
          const name = String(key.value);
          const offset = key.range?.[0] ?? 0;
          const first = seen.get(name);
          if (first === undefined) seen.set(name, offset);
          else {
            const path = pathOfKey(document.contents, offset);
            const { line } = this.source.positionAt(first);
            this.#add(path, this.source.positionAt(offset), describeDuplicate(path, line));
          }
        }
      },
    });
  }

  /** Finds keys that `toJS` would turn into something else without a word; false if anything was found so far. */
  #checkNodes(document: Document.Parsed): boolean {
    visit(document, {
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
    return !this.#problems.some(({ code }) => code === "yaml-alias" || code === "yaml-key");
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

function describeDuplicate(path: DocumentPath, line: number): Complaint {
  const key = String(path.at(-1) ?? "");
  if (path.at(-2) !== "delegations") {
    const message = `The key ${JSON.stringify(key)} is there twice in one mapping.`;
    return { code: "duplicate-key", message, hint: `It stands in line ${String(line)} already; keep one of the two.` };
  }
  return {
    code: "namespace-delegated-twice",
    message: `The namespace ${key} is delegated twice.`,
    hint: `One namespace has one managing entity; remove this entry or the one in line ${String(line)}.`,
  };
}
