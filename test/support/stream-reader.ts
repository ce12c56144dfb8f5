import { Element } from "ltx";
import { SaxesParser } from "saxes";

/** A complete child of the stream's root: as it stood in the stream, and as a tree that knows the stream's namespaces. */
export interface Received {
  readonly raw: string;
  readonly element: Element;
}

/** Reads one direction of a stream with a parser that the proxy does not use, and keeps the exact text of each element. */
export class StreamReader {
  readonly #parser = new SaxesParser();
  /** What was read behind the last complete element, and where in the stream that begins. */
  #text = "";
  #textStart = 0;
  /** Where the last complete element, or the stream's header, ends. */
  #done = 0;
  #root: Element | undefined;
  #open: Element | undefined;
  #start = 0;
  #elements: Received[] = [];
  #hasEnded = false;

  constructor() {
    this.#parser.on("error", (error) => {
      throw error;
    });
    this.#parser.on("opentag", (tag) => {
      this.#opened(tag.name, tag.attributes);
    });
    this.#parser.on("closetag", () => {
      this.#closed();
    });
    this.#parser.on("text", (text) => this.#open?.t(text));
    this.#parser.on("cdata", (text) => this.#open?.t(text));
  }

  /** The stream header's element; undefined until it came. */
  get header(): Element | undefined {
    return this.#root;
  }

  /** Whether `</stream:stream>` came. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Reads on, and returns the elements that are complete with it. Throws on XML that is not well-formed. */
  read(text: string): readonly Received[] {
    this.#text += text;
    this.#elements = [];
    this.#parser.write(text);
    this.#text = this.#text.slice(this.#done - this.#textStart);
    this.#textStart = this.#done;
    return this.#elements;
  }

  #opened(name: string, attributes: Record<string, string>): void {
    const element = new Element(name, attributes);
    if (this.#root === undefined) {
      this.#root = element;
      this.#done = this.#parser.position;
      return;
    }
    if (this.#open === undefined) {
      // The parent gives the namespaces in scope; as a child of it the element would never be freed.
      element.parent = this.#root;
      this.#start = this.#text.lastIndexOf("<", this.#parser.position - this.#textStart - 1);
    } else {
      this.#open.cnode(element);
    }
    this.#open = element;
  }

  #closed(): void {
    const element = this.#open;
    if (element === undefined) {
      this.#hasEnded = true;
      return;
    }
    if (element.parent === this.#root) {
      this.#elements.push({ raw: this.#text.slice(this.#start, this.#parser.position - this.#textStart), element });
      this.#done = this.#parser.position;
      this.#open = undefined;
    } else {
      this.#open = element.parent ?? undefined;
    }
  }
}
