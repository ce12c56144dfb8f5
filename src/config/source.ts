import type { Problem, ProblemCode } from "./problem.js";

/** A place in a text; both numbers count from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** The text of a configuration file and where its lines begin. */
export class Source {
  readonly file: string;
  readonly text: string;
  readonly #lineStarts: readonly number[];

  constructor(file: string, text: string) {
    this.file = file;
    this.text = text;
    const starts = [0];
    for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
    this.#lineStarts = starts;
  }

  /** The position of an offset in UTF-16 units; an offset outside the text is moved to its nearest end. */
  positionAt(offset: number): Position {
    const inside = Math.min(Math.max(offset, 0), this.text.length);
    let [low, high] = [0, this.#lineStarts.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#lineStarts[middle] ?? 0) <= inside) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: inside - (this.#lineStarts[low] ?? 0) + 1 };
  }
}

/** What is said about a problem, apart from where it is. */
export interface Complaint {
  readonly code: ProblemCode;
  readonly message: string;
  readonly hint?: string | undefined;
  readonly severity?: Problem["severity"];
}

/** A place in the document: keys of mappings and indexes of lists, from the root. */
export type DocumentPath = readonly (string | number)[];

/** Writes a path as an operator would: `listen[0].port`, `domains."capulet.lit".tls`. */
export function formatPath(path: DocumentPath): string {
  let text = "";
  for (const step of path) {
    if (typeof step === "number") text += `[${step}]`;
    else {
      const plain = /^[A-Za-z][A-Za-z0-9]*$/.test(step);
      text += `${text === "" ? "" : "."}${plain ? step : JSON.stringify(step)}`;
    }
  }
  return text;
}
