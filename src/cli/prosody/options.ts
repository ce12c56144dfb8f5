import type { LuaValue } from "./lua-reader.js";
import type { Note } from "../proxy-plan.js";
import type { Option } from "./prosody-config.js";

/** Options of a section, or the global ones, as values of one type; says once where one cannot be known. */
export class Options {
  readonly #global: ReadonlyMap<string, Option>;
  readonly #tell: (note: Note) => void;
  readonly #told = new Set<Option>();

  constructor(global: ReadonlyMap<string, Option>, tell: (note: Note) => void) {
    this.#global = global;
    this.#tell = tell;
  }

  text(name: string, section: ReadonlyMap<string, Option> = this.#global): string | undefined {
    const option = this.option(name, section);
    if (option === undefined) return undefined;
    if (option.value.kind === "string") return option.value.value;
    return this.#lost(name, option, "text");
  }

  number(name: string): number | undefined {
    const option = this.option(name);
    if (option === undefined) return undefined;
    if (option.value.kind === "number") return option.value.value;
    return this.#lost(name, option, "a number");
  }

  /** A list of ports; one port is a list too. */
  ports(name: string): readonly number[] | undefined {
    const option = this.option(name);
    if (option === undefined) return undefined;
    const ports = itemsOf(option.value).map((value) => {
      const port = value.kind === "number" ? value.value : value.kind === "string" ? Number(value.value) : Number.NaN;
      return Number.isInteger(port) && port >= 1 && port <= 65_535 ? port : undefined;
    });
    const known = ports.filter((port) => port !== undefined);
    return known.length === ports.length ? [...new Set(known)] : this.#lost(name, option, "a list of ports");
  }

  /** A list of addresses; one address is a list too. */
  texts(name: string): readonly string[] | undefined {
    const option = this.option(name);
    if (option === undefined) return undefined;
    const items = itemsOf(option.value);
    const known = items.flatMap((value) => (value.kind === "string" ? [value.value] : []));
    return known.length === items.length ? [...new Set(known)] : this.#lost(name, option, "a list of addresses");
  }

  option(name: string, section: ReadonlyMap<string, Option> = this.#global): Option | undefined {
    const option = section.get(name) ?? this.#global.get(name);
    return option?.value.kind === "nil" ? undefined : option;
  }

  #lost(name: string, option: Option, wanted: string): undefined {
    if (this.#told.has(option)) return;
    this.#told.add(option);
    const message = `Not carried over: ${name} is ${describe(option.value)}, not ${wanted}.`;
    this.#tell({ severity: "warning", file: option.file, ...option.at, message });
  }
}

function itemsOf(value: LuaValue): readonly LuaValue[] {
  return value.kind === "table" ? value.fields.map((field) => field.value) : [value];
}

/** A value in words, for a message. */
export function describe(value: LuaValue): string {
  switch (value.kind) {
    case "unknown":
      return `${value.what}, which is not executed here`;
    case "nil":
      return "nil";
    case "table":
      return "a table";
    case "string":
      return "text";
    case "number":
      return "a number";
    case "boolean":
      return "true or false";
    default:
      return value satisfies never;
  }
}
