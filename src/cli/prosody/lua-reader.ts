import { LuaError, Tokens } from "./lua-tokens.js";
import type { Place, Token } from "./lua-tokens.js";

/** A value as it stands in the text. What would have to be computed is `unknown`; nothing is ever executed. */
export type LuaValue = { readonly at: Place } & (
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "number"; readonly value: number }
  | { readonly kind: "boolean"; readonly value: boolean }
  | { readonly kind: "nil" }
  | { readonly kind: "table"; readonly fields: readonly LuaField[] }
  /** `what` names the first thing in it that would have to be executed, as "a function call". */
  | { readonly kind: "unknown"; readonly what: string }
);

export interface LuaField {
  /** undefined: the next place of a list. */
  readonly key: LuaValue | undefined;
  readonly value: LuaValue;
}

export type LuaStatement = { readonly at: Place } & (
  | { readonly kind: "set"; readonly name: string; readonly value: LuaValue }
  /** `Component "a" "muc" { … }`: one list of arguments for each call. */
  | { readonly kind: "call"; readonly name: string; readonly calls: readonly (readonly LuaValue[])[] }
  | { readonly kind: "other"; readonly what: string }
);

// What Lua itself allows of nested calls (LUAI_MAXCCALLS).
const maxDepth = 200;

const unary = new Set(["not", "-", "#", "~"]);
const binary = new Set("+ - * / // % ^ & ~ | << >> .. < <= > >= == ~= and or".split(" "));
// A block is what ends with its own `end`; `while` and `for` have their `do`.
const openers = new Set(["function", "if", "do", "repeat"]);

/**
 * Reads a Lua file as a list of what a configuration is made of: options that are set, and calls by name.
 *
 * Strategy  The grammar of expressions is followed whole, so that it is always known where a statement ends, but
 *           constants and tables alone get values; blocks are skipped as a whole. Nothing is executed, so nothing can
 *           loop, read files or take longer than reading does.
 * Errors    LuaError for what Lua would refuse, and for nesting beyond its own limit.
 * Source    Lua 5.4 reference manual §3, §9.
 */
export function readLua(text: string): readonly LuaStatement[] {
  return new Reader(text).statements();
}

class Reader {
  readonly #tokens: Tokens;
  #token: Token;
  #next: Token;
  #depth = 0;
  /** Local variables with what was assigned last, as far as that is known. */
  readonly #locals = new Map<string, LuaValue>();

  constructor(text: string) {
    this.#tokens = new Tokens(text);
    this.#token = this.#tokens.next();
    this.#next = this.#tokens.next();
  }

  statements(): readonly LuaStatement[] {
    const statements: LuaStatement[] = [];
    while (this.#token.kind !== "end") {
      if (this.#skip(";")) continue;
      if (this.#is("return")) break;
      statements.push(...this.#statement());
    }
    return statements;
  }

  #statement(): readonly LuaStatement[] {
    const at = placeOf(this.#token);
    const word = this.#token.kind === "name" ? this.#token.text : "";
    switch (word) {
      case "local":
        return this.#local(at);
      case "for":
      case "while":
        this.#loopHead();
        this.#skipBlock();
        return [{ kind: "other", what: "a loop", at }];
      case "if":
      case "do":
      case "repeat":
      case "function":
        this.#skipBlock();
        return [{ kind: "other", what: word === "function" ? "a function" : `a block that begins with "${word}"`, at }];
      case "goto":
      case "break":
        this.#advance();
        if (word === "goto") this.#advance();
        return [{ kind: "other", what: `"${word}"`, at }];
      default:
        return this.#skip("::") ? this.#label(at) : this.#assignmentOrCall(at);
    }
  }

  /** Up to `do`; the expressions may hold functions, whose ends are not that of the loop. */
  #loopHead(): void {
    if (this.#skip("while")) this.#expression();
    else {
      this.#expect("for");
      do this.#name();
      while (this.#skip(","));
      if (!this.#skip("=")) this.#expect("in");
      this.#expressions();
    }
    if (!this.#is("do")) throw new LuaError(placeOf(this.#token), "Lua expects do here.");
  }

  #label(at: Place): readonly LuaStatement[] {
    this.#name();
    this.#expect("::");
    return [{ kind: "other", what: "a label", at }];
  }

  #local(at: Place): readonly LuaStatement[] {
    this.#advance();
    if (this.#is("function")) {
      this.#skipBlock();
      return [{ kind: "other", what: "a function", at }];
    }
    const names: string[] = [];
    do {
      names.push(this.#name());
      // <const> and <close>
      if (this.#skip("<")) {
        this.#name();
        this.#expect(">");
      }
    } while (this.#skip(","));
    const values = this.#skip("=") ? this.#expressions() : [];
    for (const [index, name] of names.entries()) this.#locals.set(name, values[index] ?? { kind: "nil", at });
    return [];
  }

  #assignmentOrCall(at: Place): readonly LuaStatement[] {
    const isNamed = this.#token.kind === "name" && !keywords.has(this.#token.text);
    const name = isNamed ? this.#token.text : "";
    const target = this.#suffixed();
    if (target.calls.length > 0 && !this.#is("=") && !this.#is(",")) {
      if (isNamed && target.isPlain) return [{ kind: "call", name, calls: target.calls, at }];
      return [{ kind: "other", what: "a function call", at }];
    }
    const targets = [{ name, isPlain: isNamed && target.isPlain }];
    while (this.#skip(",")) {
      const word = this.#token.text;
      targets.push({ name: word, isPlain: this.#suffixed().isPlain });
    }
    this.#expect("=");
    const values = this.#expressions();
    return targets.flatMap(({ name: word, isPlain }, index): readonly LuaStatement[] => {
      const value: LuaValue = values[index] ?? { kind: "nil", at };
      if (!isPlain) return [{ kind: "other", what: "an assignment to a part of something", at }];
      if (!this.#locals.has(word)) return [{ kind: "set", name: word, value, at }];
      this.#locals.set(word, value);
      return [];
    });
  }

  /** A name or a bracket and what follows it; `isPlain` as long as that is calls of a name only. */
  #suffixed(): {
    readonly value: LuaValue;
    readonly isPlain: boolean;
    readonly calls: readonly (readonly LuaValue[])[];
  } {
    const first = this.#token;
    const at = placeOf(first);
    let value: LuaValue;
    let isPlain = false;
    if (this.#skip("(")) {
      value = this.#expression();
      this.#expect(")");
    } else {
      const name = this.#name();
      isPlain = true;
      value = this.#locals.get(name) ?? { kind: "unknown", what: describeName(name), at };
    }
    const calls: (readonly LuaValue[])[] = [];
    for (;;) {
      const token = this.#token;
      if (token.kind === "string" || (token.kind === "operator" && (token.text === "{" || token.text === "("))) {
        calls.push(this.#arguments());
        value = { kind: "unknown", what: describeCall(first), at };
      } else if (this.#skip(".")) {
        this.#name();
        [value, isPlain] = [{ kind: "unknown", what: "a part of something", at }, false];
      } else if (this.#skip("[")) {
        this.#expression();
        this.#expect("]");
        [value, isPlain] = [{ kind: "unknown", what: "a part of something", at }, false];
      } else if (this.#skip(":")) {
        this.#name();
        isPlain = false;
      } else return { value, isPlain, calls };
    }
  }

  #arguments(): readonly LuaValue[] {
    const at = placeOf(this.#token);
    if (this.#token.kind === "string") {
      const value = this.#token.text;
      this.#advance();
      return [{ kind: "string", value, at }];
    }
    if (this.#is("{")) return [this.#nested(() => this.#table())];
    this.#expect("(");
    if (this.#skip(")")) return [];
    const values = this.#expressions();
    this.#expect(")");
    return values;
  }

  #expressions(): readonly LuaValue[] {
    const values = [this.#expression()];
    while (this.#skip(",")) values.push(this.#expression());
    return values;
  }

  // Without precedence: what has an operator has no value here, wherever its parts belong.
  #expression(): LuaValue {
    return this.#nested(() => {
      let value = this.#operand();
      for (;;) {
        const { kind, text } = this.#token;
        if (kind === "string" || kind === "number" || !binary.has(text)) return value;
        this.#advance();
        this.#operand();
        const what = text === ".." ? "text put together with .." : `an operation (${text})`;
        value = { kind: "unknown", what, at: value.at };
      }
    });
  }

  #operand(): LuaValue {
    const at = placeOf(this.#token);
    let sign: string | undefined;
    for (let count = 0; this.#token.kind !== "string" && unary.has(this.#token.text); count += 1) {
      sign = sign === undefined ? this.#token.text : "";
      if (count > maxDepth) throw new LuaError(at, "This is nested too deeply.");
      this.#advance();
    }
    const value = this.#simple();
    if (sign === undefined) return value;
    if (sign === "-" && value.kind === "number") return { kind: "number", value: -value.value, at };
    if (sign === "not" && value.kind === "boolean") return { kind: "boolean", value: !value.value, at };
    return { kind: "unknown", what: "an operation", at };
  }

  #simple(): LuaValue {
    const token = this.#token;
    const at = placeOf(token);
    if (token.kind === "number") {
      this.#advance();
      return { kind: "number", value: token.value, at };
    }
    if (token.kind === "string") {
      this.#advance();
      return { kind: "string", value: token.text, at };
    }
    if (this.#is("{")) return this.#table();
    if (this.#is("function")) {
      this.#skipBlock();
      return { kind: "unknown", what: "a function", at };
    }
    if (this.#skip("...")) return { kind: "unknown", what: "arguments", at };
    if (this.#skip("true")) return { kind: "boolean", value: true, at };
    if (this.#skip("false")) return { kind: "boolean", value: false, at };
    if (this.#skip("nil")) return { kind: "nil", at };
    return this.#suffixed().value;
  }

  #table(): LuaValue {
    const at = placeOf(this.#token);
    this.#expect("{");
    const fields: LuaField[] = [];
    while (!this.#is("}")) {
      fields.push(this.#field());
      if (!this.#skip(",") && !this.#skip(";")) break;
    }
    this.#expect("}");
    return { kind: "table", fields, at };
  }

  #field(): LuaField {
    const at = placeOf(this.#token);
    if (this.#skip("[")) {
      const key = this.#expression();
      this.#expect("]");
      this.#expect("=");
      return { key, value: this.#expression() };
    }
    if (this.#token.kind === "name" && this.#next.kind === "operator" && this.#next.text === "=") {
      const key: LuaValue = { kind: "string", value: this.#name(), at };
      this.#expect("=");
      return { key, value: this.#expression() };
    }
    return { key: undefined, value: this.#expression() };
  }

  /** From a word that opens a block to the end of that block. */
  #skipBlock(): void {
    const at = placeOf(this.#token);
    let depth = 0;
    for (;;) {
      const { kind, text } = this.#token;
      if (kind === "end") throw new LuaError(at, `This block has no end: "end" or "until" is missing.`);
      this.#advance();
      if (kind !== "name") continue;
      if (openers.has(text)) depth += 1;
      else if (text === "end" || text === "until") depth -= 1;
      if (depth > 0) continue;
      if (text === "until") this.#expression();
      return;
    }
  }

  #nested<Value>(read: () => Value): Value {
    if (this.#depth >= maxDepth) throw new LuaError(placeOf(this.#token), "This is nested too deeply.");
    this.#depth += 1;
    const value = read();
    this.#depth -= 1;
    return value;
  }

  #is(text: string): boolean {
    return (this.#token.kind === "operator" || this.#token.kind === "name") && this.#token.text === text;
  }

  #skip(text: string): boolean {
    if (!this.#is(text)) return false;
    this.#advance();
    return true;
  }

  #expect(text: string): void {
    if (!this.#skip(text)) throw new LuaError(placeOf(this.#token), `Lua expects ${text} here.`);
  }

  #name(): string {
    const { kind, text } = this.#token;
    if (kind !== "name" || keywords.has(text)) throw new LuaError(placeOf(this.#token), "Lua cannot have this here.");
    this.#advance();
    return text;
  }

  #advance(): void {
    this.#token = this.#next;
    this.#next = this.#tokens.next();
  }
}

const keywords = new Set(
  "and break do else elseif end false for function goto if in local nil not or repeat return then true until while".split(
    " ",
  ),
);

function placeOf({ line, column }: Token): Place {
  return { line, column };
}

function describeName(name: string): string {
  return name.startsWith("ENV_") ? `the environment variable ${name.slice(4)}` : `the variable ${name}`;
}

function describeCall({ kind, text }: Token): string {
  return kind === "name" ? `a function call (${text}…)` : "a function call";
}
