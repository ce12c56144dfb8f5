import { readdirSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { readTextFile } from "../../config/index.js";
import { normaliseDomain } from "../../xmpp/index.js";
import type { Note } from "../proxy-plan.js";
import { readLua } from "./lua-reader.js";
import type { LuaStatement, LuaValue } from "./lua-reader.js";
import { LuaError } from "./lua-tokens.js";
import type { Place } from "./lua-tokens.js";

export interface Option {
  readonly file: string;
  /** Of the name. */
  readonly at: Place;
  readonly value: LuaValue;
}

export interface Section {
  /** Normalised domain. */
  readonly name: string;
  readonly kind: "host" | "component";
  /** Of a component: undefined for an external one (XEP-0114). */
  readonly module: string | undefined;
  readonly file: string;
  readonly at: Place;
  readonly options: Map<string, Option>;
}

export interface ProsodyConfig {
  /** As it was named. */
  readonly file: string;
  readonly global: ReadonlyMap<string, Option>;
  /** In the order in which they are first named. */
  readonly sections: readonly Section[];
  readonly notes: readonly Note[];
}

const maxFileBytes = 1024 * 1024;
const maxTotalBytes = 8 * 1024 * 1024;
const maxFiles = 200;
const maxNotes = 200;

/**
 * Reads a configuration of Prosody and the files that it includes, without executing anything.
 *
 * Shape   an option belongs to the section that was opened last in the same file, and an included file begins outside
 *         of all sections, as in Prosody (`core/configmanager.lua`).
 * Errors  never throws on what stands there: what cannot be read is a note of severity `error`.
 */
export function readProsody(file: string): ProsodyConfig {
  const reading = new Reading();
  reading.file(file);
  return {
    file,
    global: reading.global,
    sections: [...reading.sections.values()],
    notes: reading.notes,
  };
}

class Reading {
  readonly global = new Map<string, Option>();
  readonly sections = new Map<string, Section>();
  readonly notes: Note[] = [];
  readonly #open = new Set<string>();
  #files = 0;
  #bytes = 0;

  file(file: string, from?: Note): void {
    const place = from ?? { severity: "error", file, line: 1, column: 1, message: "" };
    const path = resolve(file);
    if (this.#open.has(path)) return this.#note({ ...place, message: `${JSON.stringify(file)} includes itself.` });
    this.#files += 1;
    if (this.#files > maxFiles || this.#bytes > maxTotalBytes) {
      if (this.#files === maxFiles + 1) this.#note({ ...place, message: "There are too many included files." });
      return;
    }
    const read = readTextFile(path, maxFileBytes);
    if (!read.ok) {
      const { message, hint } = read;
      return this.#note({ ...place, message, ...(hint !== undefined && from === undefined ? { hint } : {}) });
    }
    this.#bytes += read.file.text.length;
    this.#open.add(path);
    try {
      this.#statements(file, readLua(read.file.text.replace(/^\u{feff}/u, "")));
    } catch (error) {
      if (!(error instanceof LuaError)) throw error;
      const hint = "Prosody cannot read this file either; prosodyctl check config says more.";
      this.#note({ severity: "error", file, ...error.place, message: error.message, hint });
    }
    this.#open.delete(path);
  }

  #statements(file: string, statements: readonly LuaStatement[]): void {
    let options: Map<string, Option> = this.global;
    for (const statement of statements) {
      const { at } = statement;
      if (statement.kind === "set") options.set(statement.name, { file, at, value: statement.value });
      else if (statement.kind === "other") this.#skipped(file, at, statement.what);
      else options = this.#call(file, statement, options);
    }
  }

  /** Returns where the options behind the call belong. */
  #call(
    file: string,
    { name, calls, at }: Extract<LuaStatement, { kind: "call" }>,
    options: Map<string, Option>,
  ): Map<string, Option> {
    const [first, ...more] = calls.map(([argument]) => argument);
    switch (name) {
      case "VirtualHost":
      case "Host":
      case "host":
      case "Component":
      case "component": {
        const kind = name.toLowerCase() === "component" ? "component" : "host";
        const section = this.#section(file, kind, first, more, at);
        // With a table the section ends at once; what follows is outside of all of them.
        const table = more.find((argument) => argument?.kind === "table");
        if (table?.kind !== "table") return section.options;
        for (const { key, value } of table.fields) {
          if (key?.kind === "string") section.options.set(key.value, { file, at: key.at, value });
          else this.#skipped(file, value.at, "an option without a name");
        }
        return this.global;
      }
      case "Include":
      case "include":
        this.#include(file, first, at);
        return options;
      case "RunScript":
        this.#skipped(file, at, "a script that Prosody runs");
        return options;
      default:
        this.#skipped(file, at, `a function call (${name}…)`);
        return options;
    }
  }

  #section(
    file: string,
    kind: Section["kind"],
    first: LuaValue | undefined,
    more: readonly (LuaValue | undefined)[],
    at: Place,
  ): Section {
    const module = more.find((argument) => argument?.kind === "string");
    const made = (name: string): Section => {
      const named = module?.kind === "string" && module.value !== "component" ? module.value : undefined;
      return { name, kind, module: named, file, at, options: new Map() };
    };
    const name = first?.kind === "string" ? normaliseDomain(first.value) : undefined;
    if (name === undefined) {
      const what =
        first?.kind === "unknown" ? `Its name is ${first.what}, which is not computed here` : "It has no usable name";
      const message = `This ${kind === "host" ? "VirtualHost" : "Component"} is left out. ${what}.`;
      this.#note({ severity: "warning", file, ...at, message });
      // Its options are read, and belong to nobody.
      return made("");
    }
    const known = this.sections.get(name);
    if (known !== undefined) return known;
    const section = made(name);
    this.sections.set(name, section);
    return section;
  }

  #include(file: string, argument: LuaValue | undefined, at: Place): void {
    if (argument?.kind !== "string") return this.#skipped(file, at, "an Include whose file name is computed");
    const from: Note = { severity: "warning", file, ...at, message: "" };
    // Paths are relative to the including file.
    const path = resolve(dirname(file), argument.value);
    if (!/[*?]/.test(argument.value)) return this.file(path, from);
    const folder = dirname(path);
    const glob = basename(path);
    for (const name of this.#namesIn(folder, from)) {
      if (!name.startsWith(".") && isMatch(glob, name)) this.file(join(folder, name), from);
    }
  }

  #namesIn(folder: string, from: Note): readonly string[] {
    try {
      return readdirSync(folder).toSorted();
    } catch {
      this.#note({ ...from, message: `The folder ${JSON.stringify(folder)} cannot be read; its files are left out.` });
      return [];
    }
  }

  #skipped(file: string, at: Place, what: string): void {
    this.#note({ severity: "warning", file, ...at, message: `Not carried over: ${what} is not executed here.` });
  }

  #note(note: Note): void {
    if (this.notes.length < maxNotes) this.notes.push(note);
  }
}

/** `*` is any text, `?` one character; each character of the name is looked at a bounded number of times. */
function isMatch(glob: string, name: string): boolean {
  let [at, star, retry] = [0, -1, 0];
  for (let index = 0; index < name.length;) {
    if (glob[at] === "*") [star, retry, at] = [at, index, at + 1];
    else if (glob[at] === "?" || glob[at] === name[index]) [at, index] = [at + 1, index + 1];
    else if (star < 0) return false;
    else {
      retry += 1;
      [at, index] = [star + 1, retry];
    }
  }
  while (glob[at] === "*") at += 1;
  return at === glob.length;
}
