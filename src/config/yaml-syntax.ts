import { Lexer, Parser } from "yaml";
import type { Complaint, Source } from "./source.js";

/** What the parser of the package has against a text; `code` and `message` are its own. */
interface SyntaxError {
  readonly code: string;
  readonly message: string;
  readonly pos: readonly [number, number];
}

/** A complaint with the offset where it is shown, in UTF-16 units. */
export interface PlacedComplaint {
  readonly offset: number;
  readonly complaint: Complaint;
}

// A configuration has seven levels. What builds the document recurses, and the stack ends at some thousands.
const maxDepth = 100;
const maxErrors = 20;

/**
 * The offset at which a text is nested deeper than any configuration; undefined if it is nowhere. To be asked before the
 * document is built: a stack that is used up in the middle of that ends the process, and not always with an exception.
 */
export function findTooDeep(text: string): number | undefined {
  const parser = new Parser();
  for (const lexeme of new Lexer().lex(text)) {
    const { offset } = parser;
    // What is complete is of no use here; the parser itself keeps a stack and does not recurse.
    for (const _ of parser.next(lexeme)) continue;
    if (parser.stack.length > maxDepth) return offset;
  }
  return undefined;
}

/**
 * Says what is wrong with the syntax, each thing once: where a line is indented wrongly, or a bracket is missing, the parser
 * stumbles again and again until the next key at the margin.
 */
export function describeSyntax(source: Source, errors: readonly SyntaxError[]): readonly PlacedComplaint[] {
  const told: PlacedComplaint[] = [];
  const sections = new Set<string>();
  const offsets = new Set<number>();
  for (const { code, message, pos } of errors) {
    const offset = ontoText(source.text, pos[0]);
    const section = `${isIndentation(code) ? "indentation" : code} ${String(sectionAt(source.text, offset))}`;
    if (offsets.has(offset) || (isCascading(code) && sections.has(section))) continue;
    offsets.add(offset);
    sections.add(section);
    told.push({ offset, complaint: describe(code, message, lineAt(source.text, offset)) });
    if (told.length === maxErrors) break;
  }
  return told;
}

function isIndentation(code: string): boolean {
  return code === "BAD_INDENT" || code === "TAB_AS_INDENT" || code === "BLOCK_AS_IMPLICIT_KEY";
}

function isCascading(code: string): boolean {
  return isIndentation(code) || code === "UNEXPECTED_TOKEN" || code === "IMPOSSIBLE";
}

/** The parser points at the end of what came before; an operator looks at the line that does not fit. */
function ontoText(text: string, offset: number): number {
  const lineEnd = text.indexOf("\n", offset);
  const rest = text.slice(offset, lineEnd < 0 ? undefined : lineEnd);
  const before = text.slice(lineStart(text, offset), offset);
  if (rest.trim() !== "" || before.trim() !== "") return offset;
  const next = /\S/.exec(text.slice(offset));
  return next === null ? offset : offset + next.index;
}

/** Where the last line at the margin begins: a key of the top level, behind which everything may be right again. */
function sectionAt(text: string, offset: number): number {
  let start = lineStart(text, offset);
  while (start > 0 && !/[^\s#]/.test(text.charAt(start))) start = lineStart(text, start - 1);
  return start;
}

function lineStart(text: string, offset: number): number {
  return offset === 0 ? 0 : text.lastIndexOf("\n", offset - 1) + 1;
}

function lineAt(text: string, offset: number): string {
  const start = lineStart(text, offset);
  const end = text.indexOf("\n", offset);
  return text.slice(start, end < 0 ? undefined : end).replace(/\r$/, "");
}

function say(sentence: string, hint?: string): Complaint {
  return { code: "yaml-syntax", message: sentence, hint };
}

function describe(code: string, message: string, line: string): Complaint {
  const indent = line.length - line.trimStart().length;
  switch (code) {
    case "MULTIPLE_DOCS":
      return say(
        "The file holds more than one YAML document; one is read.",
        "Remove the line --- and what is behind it.",
      );
    case "TAB_AS_INDENT":
      return say("Not YAML: this line is indented with a tab.", "Indent with spaces.");
    case "BAD_INDENT": {
      const [, bracket] = /^Flow .* end with a (.)$/.exec(message) ?? [];
      if (bracket !== undefined) return say(`Not YAML: a closing ${bracket} is missing before this place.`);
      if (!message.startsWith("All ")) break;
      return say(
        `Not YAML: this line is indented by ${String(indent)} space${indent === 1 ? "" : "s"}, where nothing above begins.`,
        "Indent it as far as its neighbours are.",
      );
    }
    case "MULTILINE_IMPLICIT_KEY":
    case "MISSING_CHAR": {
      const [, key, value] = /^\s*(?:- )?([A-Za-z][A-Za-z0-9]*)(?: +|:|=)(\S.*)$/.exec(line) ?? [];
      if (key !== undefined && value !== undefined && !line.includes(": ")) {
        return say(`Not YAML: no colon with a space stands behind ${JSON.stringify(key)}.`, `Write ${key}: ${value}`);
      }
      if (code === "MULTILINE_IMPLICIT_KEY")
        return say("Not YAML: this line is neither a key with a colon nor a value.");
      return say(
        `Not YAML: ${message.replace(/^Missing closing (["'])quote$/, "a closing $1 is missing").replace(/\.$/, "")}.`,
        "Is a quote, bracket or colon missing?",
      );
    }
    case "BLOCK_AS_IMPLICIT_KEY":
      return say(
        "Not YAML: a mapping begins on this line inside of a value.",
        'Is a line indented differently from its neighbours, or does a value hold ": "? Then write it in quotes.',
      );
    case "UNRESOLVED":
    case "TAG_RESOLVE_FAILED":
      return say(`Not YAML: ${message.replace(/\.$/, "")}.`, "Write the value without a tag (!…).");
    case "BAD_SCALAR_START":
      return say(`Not YAML: ${message.replace(/\.$/, "")}.`, "Write the value in quotes.");
    default:
  }
  return say(`Not YAML: ${message.replace(/\.$/, "")}.`);
}
