/** A place in a Lua file; both count from 1, a column counts UTF-16 units. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

export type Token = Place &
  (
    | { readonly kind: "name" | "operator"; readonly text: string }
    | { readonly kind: "string"; readonly text: string }
    | { readonly kind: "number"; readonly text: string; readonly value: number }
    | { readonly kind: "end"; readonly text: "the end of the file" }
  );

/** The text is no Lua: Prosody would not start with it either. The message is a sentence and quotes nothing of the file. */
export class LuaError extends Error {
  readonly place: Place;

  constructor(place: Place, message: string) {
    super(message);
    this.place = place;
  }
}

// Longest first, where one begins with another.
const operators = "... << >> // == ~= <= >= :: .. + - * / % ^ # & ~ | < > = ( ) { } [ ] ; : , .".split(
  " ",
) as readonly string[];

/** Cuts Lua 5.1 to 5.4 into tokens (reference manual §3.1). Work and memory are bounded by the length of the text. */
export class Tokens {
  readonly #text: string;
  #at = 0;
  #line = 1;
  #lineStart = 0;

  constructor(text: string) {
    this.#text = text;
    // The first line may call an interpreter.
    if (text.startsWith("#")) this.#skipLine();
  }

  /**
   * The next token; `end` for ever after the last.
   *
   * Errors  LuaError for what is no token.
   */
  next(): Token {
    this.#skipBlanks();
    const place = this.#place();
    const rest = this.#text.charAt(this.#at);
    if (rest === "") return { ...place, kind: "end", text: "the end of the file" };
    const name = this.#match(/[A-Za-z_][A-Za-z0-9_]*/y);
    if (name !== undefined) return { ...place, kind: "name", text: name };
    if (/[0-9]/.test(rest) || /^\.[0-9]/.test(this.#text.slice(this.#at, this.#at + 2))) return this.#number(place);
    if (rest === '"' || rest === "'") return { ...place, kind: "string", text: this.#quoted(rest, place) };
    const bracketed = this.#longBracket(place);
    if (bracketed !== undefined) return { ...place, kind: "string", text: bracketed };
    const operator = operators.find((one) => this.#text.startsWith(one, this.#at));
    if (operator === undefined) throw new LuaError(place, "This character cannot stand here in Lua.");
    this.#at += operator.length;
    return { ...place, kind: "operator", text: operator };
  }

  #place(): Place {
    return { line: this.#line, column: this.#at - this.#lineStart + 1 };
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  #skipBlanks(): void {
    for (;;) {
      const character = this.#text.charAt(this.#at);
      if (character === "\n") this.#newLine();
      else if (/[ \t\r\v\f]/.test(character)) this.#at += 1;
      else if (this.#text.startsWith("--", this.#at)) {
        const place = this.#place();
        this.#at += 2;
        if (this.#longBracket(place) === undefined) this.#skipLine();
      } else return;
    }
  }

  #newLine(): void {
    this.#at += 1;
    this.#line += 1;
    this.#lineStart = this.#at;
  }

  #skipLine(): void {
    const end = this.#text.indexOf("\n", this.#at);
    this.#at = end < 0 ? this.#text.length : end;
  }

  #number(place: Place): Token {
    const text =
      this.#match(/0[xX][0-9a-fA-F]*(?:\.[0-9a-fA-F]*)?(?:[pP][+-]?[0-9]+)?/y) ??
      this.#match(/(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?/y) ??
      "";
    if (this.#match(/[A-Za-z0-9_.]/y) !== undefined) throw new LuaError(place, "This is no number of Lua.");
    return { ...place, kind: "number", text, value: Number(text) };
  }

  /** `[[…]]`, `[==[…]==]`; undefined if none begins here. */
  #longBracket(place: Place): string | undefined {
    const open = this.#match(/\[=*\[/y);
    if (open === undefined) return undefined;
    const close = open.replaceAll("[", "]");
    const end = this.#text.indexOf(close, this.#at);
    if (end < 0) throw new LuaError(place, `This text or comment has no end: ${close} is missing.`);
    // A line end right behind the opening bracket does not count.
    const text = this.#text.slice(this.#at, end).replace(/^\r?\n/, "");
    while (this.#at < end) {
      if (this.#text.charAt(this.#at) === "\n") this.#newLine();
      else this.#at += 1;
    }
    this.#at = end + close.length;
    return text;
  }

  #quoted(quote: string, place: Place): string {
    this.#at += 1;
    // Escapes write bytes, which may be parts of a character.
    const pieces: Buffer[] = [];
    for (;;) {
      const plain = this.#match(/[^"'\\\r\n]+/y);
      if (plain !== undefined) pieces.push(Buffer.from(plain));
      const character = this.#text.charAt(this.#at);
      if (character === "" || character === "\n" || character === "\r") {
        throw new LuaError(place, "This text has no end: a quotation mark is missing.");
      }
      this.#at += 1;
      if (character === quote) return Buffer.concat(pieces).toString("utf8");
      pieces.push(character === "\\" ? this.#escape() : Buffer.from(character));
    }
  }

  #escape(): Buffer {
    const place = this.#place();
    const decimal = this.#match(/[0-9]{1,3}/y);
    if (decimal !== undefined) {
      if (Number(decimal) > 255) throw new LuaError(place, "This escape is larger than a byte.");
      return Buffer.of(Number(decimal));
    }
    const hexadecimal = this.#match(/x[0-9a-fA-F]{2}/y);
    if (hexadecimal !== undefined) return Buffer.of(Number.parseInt(hexadecimal.slice(1), 16));
    const point = this.#match(/u\{[0-9a-fA-F]{1,8}\}/y);
    if (point !== undefined) {
      const value = Number.parseInt(point.slice(2, -1), 16);
      if (value > 0x10ffff) throw new LuaError(place, "There is no such character.");
      return Buffer.from(String.fromCodePoint(value));
    }
    const skipped = this.#match(/z/y);
    if (skipped !== undefined) {
      while (/\s/.test(this.#text.charAt(this.#at))) {
        if (this.#text.charAt(this.#at) === "\n") this.#newLine();
        else this.#at += 1;
      }
      return Buffer.alloc(0);
    }
    const character = this.#text.charAt(this.#at);
    if (character === "\n") {
      this.#newLine();
      return Buffer.from("\n");
    }
    const plain = escapes.get(character);
    if (plain === undefined) throw new LuaError(place, "Lua has no such escape.");
    this.#at += 1;
    return Buffer.from(plain);
  }
}

const escapes: ReadonlyMap<string, string> = new Map([
  ["a", "\u0007"],
  ["b", "\b"],
  ["f", "\f"],
  ["n", "\n"],
  ["r", "\r"],
  ["t", "\t"],
  ["v", "\v"],
  ["\\", "\\"],
  ['"', '"'],
  ["'", "'"],
]);
