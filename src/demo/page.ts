/** How the demonstration looks on a terminal. */
export class Page {
  readonly #write: (text: string) => void;
  readonly #hasColours: boolean;

  constructor(write: (text: string) => void, hasColours: boolean) {
    this.#write = write;
    this.#hasColours = hasColours;
  }

  line(text = ""): void {
    this.#write(`${text}\n`);
  }

  heading(text: string): void {
    this.line();
    this.line(this.#styled("1", text));
  }

  /** Something that stands now. */
  standing(what: string, where: string): void {
    this.line(`  ${this.#styled("32", "✓")} ${what.padEnd(17)} ${this.#styled("2", where)}`);
  }

  /** One hop of an exchange, and the bytes that made it. */
  hop(ms: number, from: string, to: string, remark: string, xml: string): void {
    const time = `${ms.toFixed(2).padStart(7)} ms`;
    this.line(`${time}  ${this.#styled("1", `${from} → ${to}`)}${remark === "" ? "" : `, ${remark}`}`);
    for (const row of prettyXml(xml)) this.line(`            ${this.#styled("36", row)}`);
  }

  note(text: string): void {
    this.line(`            ${text}`);
  }

  #styled(code: string, text: string): string {
    return this.#hasColours ? `\u001b[${code}m${text}\u001b[0m` : text;
  }
}

/** Breaks XML into lines for reading, a level deeper for each element; an element that holds only text stays on one line. */
export function prettyXml(xml: string): readonly string[] {
  const rows: string[] = [];
  let depth = 0;
  let leaf = false;
  for (const [token] of xml.matchAll(/<[^>]+>|[^<]+/g)) {
    if (token.startsWith("</")) {
      depth = Math.max(0, depth - 1);
      if (leaf) rows.push(`${rows.pop() ?? ""}${token}`);
      else rows.push(`${"  ".repeat(depth)}${token}`);
      leaf = false;
    } else if (token.startsWith("<")) {
      rows.push(`${"  ".repeat(depth)}${token}`);
      leaf = !token.endsWith("/>") && !token.startsWith("<?");
      if (leaf) depth++;
    } else if (token.trim() !== "") {
      rows.push(leaf ? `${rows.pop() ?? ""}${token}` : `${"  ".repeat(depth)}${token}`);
    }
  }
  return rows;
}
