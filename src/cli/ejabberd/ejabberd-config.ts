import { dirname, resolve } from "node:path";
import { asRecord, ConfigDocument, readTextFile, Source } from "../../config/index.js";
import type { DocumentPath } from "../../config/index.js";
import type { Note } from "../proxy-plan.js";

/** A value of the configuration, and where it stands. */
export interface Setting {
  readonly value: unknown;
  readonly document: ConfigDocument;
  readonly path: DocumentPath;
}

/** A configuration of ejabberd: what several files say together, each part with its place. */
export interface EjabberdConfig {
  readonly file: string;
  /** Each top-level option as often as it is there, in the order of the files. */
  all(name: string): readonly Setting[];
  readonly notes: readonly Note[];
}

type Place = Pick<Note, "file" | "line" | "column">;

const maxFileBytes = 1024 * 1024;
const maxFiles = 50;
const maxMacroDepth = 10;
const maxExpansions = 1_000;

/**
 * Reads a configuration of ejabberd, the files that it includes, and its macros.
 *
 * Errors  never throws on what stands there: what cannot be read is a note of severity `error`.
 * Source  ejabberd 23.01: `include_config_file`, `define_macro`.
 */
export function readEjabberd(file: string): EjabberdConfig {
  const reading = new Reading();
  reading.file(file, undefined);
  const { settings, notes } = reading;
  return { file, all: (name) => settings.get(name) ?? [], notes };
}

/** The parts of a mapping or a list; nothing for anything else. */
export function partsOf(setting: Setting): readonly (Setting & { readonly key: string | number })[] {
  const { value, document, path } = setting;
  const entries: readonly (readonly [string | number, unknown])[] = Array.isArray(value)
    ? value.map((item: unknown, index) => [index, item] as const)
    : Object.entries(asRecord(value) ?? {});
  return entries.map(([key, part]) => ({ key, value: part, document, path: [...path, key] }));
}

export function partOf(setting: Setting, name: string): Setting | undefined {
  return partsOf(setting).find(({ key }) => key === name);
}

/** A text or a list of texts, as texts. */
export function textsOf(setting: Setting | undefined): readonly string[] {
  if (setting === undefined) return [];
  if (typeof setting.value === "string") return [setting.value];
  return partsOf(setting).flatMap(({ value }) => (typeof value === "string" ? [value] : []));
}

/** ejabberd reads YAML 1.1 as far as these words go. */
export function isTrue(setting: Setting | undefined): boolean {
  const { value } = setting ?? {};
  return value === true || (typeof value === "string" && /^(?:true|yes|on)$/i.test(value));
}

export function placeOf({ document, path }: Setting): Place {
  return { file: document.source.file, ...document.positionOf(path) };
}

/** One file, a list of files, or a mapping whose keys are the files, each with what of it is allowed. */
function includedBy(setting: Setting): readonly { readonly name: string; readonly at: Setting }[] {
  if (typeof setting.value === "string") return [{ name: setting.value, at: setting }];
  return partsOf(setting).flatMap(({ key, ...part }) => {
    if (typeof part.value === "string") return [{ name: part.value, at: part }];
    return typeof key === "string" ? [{ name: key, at: part }] : includedBy(part);
  });
}

class Reading {
  readonly settings = new Map<string, Setting[]>();
  readonly notes: Note[] = [];
  readonly #macros = new Map<string, unknown>();
  readonly #open = new Set<string>();
  #files = 0;
  #expansions = 0;

  file(file: string, from: Setting | undefined): void {
    const place = from === undefined ? { file, line: 1, column: 1 } : placeOf(from);
    const severity = from === undefined ? "error" : "warning";
    const whole = resolve(file);
    if (this.#open.has(whole)) {
      this.notes.push({ severity, ...place, message: `${JSON.stringify(file)} includes itself.` });
      return;
    }
    this.#open.add(whole);
    this.#read(file, from, place, severity);
    this.#open.delete(whole);
  }

  #read(file: string, from: Setting | undefined, place: Place, severity: Note["severity"]): void {
    this.#files += 1;
    if (this.#files > maxFiles) {
      if (this.#files === maxFiles + 1)
        this.notes.push({ severity, ...place, message: "There are too many included files." });
      return;
    }
    const read = readTextFile(resolve(file), maxFileBytes);
    if (!read.ok) {
      const { message, hint } = read;
      this.notes.push({ severity, ...place, ...read.place, message, ...(from === undefined && hint ? { hint } : {}) });
      return;
    }
    const document = new ConfigDocument(new Source(file, read.file.text.replace(/^\u{feff}/u, "")));
    const whole = { value: document.value, document, path: [] };
    for (const { message, hint, line, column, code } of document.problems) {
      // ejabberd takes the last of two keys; so does what is read here.
      const isFatal = code !== "duplicate-key";
      const told = { file, line, column, message, ...(hint !== undefined && isFatal ? { hint } : {}) };
      this.notes.push({ severity: isFatal ? "error" : "warning", ...told });
    }
    if (document.value !== undefined && asRecord(document.value) === undefined) {
      this.notes.push({ severity: "error", ...placeOf(whole), message: "This is no configuration of ejabberd." });
    }
    const macros = partOf(whole, "define_macro");
    if (macros !== undefined) this.#define(macros);
    for (const { key, ...setting } of partsOf(whole)) this.#option(String(key), setting, file);
  }

  #option(name: string, setting: Setting, file: string): void {
    if (name === "define_macro") return;
    if (name === "include_config_file") {
      for (const { name: wanted, at } of includedBy(setting)) this.file(resolve(dirname(file), wanted), at);
      return;
    }
    const list = this.settings.get(name) ?? [];
    list.push({ ...setting, value: this.#expanded(setting.value, 0) });
    this.settings.set(name, list);
  }

  #define(macros: Setting): void {
    for (const part of partsOf(macros)) {
      // Macros are a mapping, or a list of such mappings.
      if (typeof part.key === "number") this.#define(part);
      else this.#macros.set(part.key, part.value);
    }
  }

  #expanded(value: unknown, depth: number): unknown {
    if (typeof value === "string" && this.#macros.has(value)) {
      this.#expansions += 1;
      // Macros that stand for themselves would go on for ever.
      const isBounded = depth < maxMacroDepth && this.#expansions <= maxExpansions;
      return isBounded ? this.#expanded(this.#macros.get(value), depth + 1) : value;
    }
    if (Array.isArray(value)) return value.map((item) => this.#expanded(item, depth));
    const record = asRecord(value);
    if (record === undefined) return value;
    return Object.fromEntries(Object.entries(record).map(([key, inner]) => [key, this.#expanded(inner, depth)]));
  }
}
