import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { homedir } from "node:os";
import { join } from "node:path";
import { StringDecoder } from "node:string_decoder";
import { Element, Parser as LtxParser } from "ltx";
import sax from "sax";
import { SaxesParser } from "saxes";
import { Framer } from "../src/xml/index.js";
import type { FramerLimits } from "../src/xml/index.js";

/** Reads chunks of bytes; made anew for each turn. Returns how many events or frames there were, so that work is done. */
export interface Contender {
  readonly name: string;
  read(header: Buffer, chunks: readonly Buffer[]): number;
}

export const benchLimits: FramerLimits = {
  maxFrameBytes: 1_048_576,
  maxDepth: 128,
  maxAttributes: 256,
  maxNameBytes: 1024,
  maxChildren: 25_000,
};

export function caesura(limits: FramerLimits = benchLimits): Contender {
  return {
    name: "Caesura",
    read(header, chunks) {
      const framer = new Framer({ contentNamespace: "jabber:client", limits });
      let frames = 0;
      const sink = {
        frame(): void {
          frames++;
        },
        fault({ code, offset }: { code: string; offset: number }): never {
          throw new Error(`${code} at ${offset}`);
        },
      };
      framer.scan(header, sink);
      for (const chunk of chunks) framer.scan(chunk, sink);
      return frames;
    },
  };
}

export const saxPeer: Contender = {
  name: "sax (strict, xmlns)",
  read(header, chunks) {
    const parser = sax.parser(true, { xmlns: true });
    let events = 0;
    parser.onopentag = parser.onclosetag = parser.ontext = () => void events++;
    const decoder = new StringDecoder("utf8");
    for (const chunk of [header, ...chunks]) parser.write(decoder.write(chunk));
    return events;
  },
};

export const saxesPeer: Contender = {
  name: "saxes (xmlns)",
  read(header, chunks) {
    const parser = new SaxesParser({ xmlns: true });
    let events = 0;
    parser.on("opentag", () => void events++);
    parser.on("closetag", () => void events++);
    parser.on("text", () => void events++);
    const decoder = new StringDecoder("utf8");
    for (const chunk of [header, ...chunks]) parser.write(decoder.write(chunk));
    return events;
  },
};

export const ltxPeer: Contender = {
  name: "ltx, a tree per stanza",
  read(header, chunks) {
    const parser = newLtxTokenizer();
    let trees = 0;
    let depth = 0;
    let element: Element | undefined;
    parser.on("startElement", (name: string, attributes: Record<string, string>) => {
      if (depth++ === 0) return;
      const child = new Element(name, attributes);
      element = element === undefined ? child : element.cnode(child);
    });
    parser.on("text", (text: string) => void element?.t(text));
    parser.on("endElement", () => {
      if (--depth === 1) trees++;
      element = element?.parent ?? undefined;
    });
    const decoder = new StringDecoder("utf8");
    for (const chunk of [header, ...chunks]) parser.write(decoder.write(chunk));
    return trees;
  },
};

/** What ltx's parser reads with. The parser itself would build one tree of the whole stream. */
function newLtxTokenizer(): LtxParser {
  const parser: LtxParser & { parser?: LtxParser } = new LtxParser();
  if (parser.parser === undefined) throw new Error("ltx has changed");
  return parser.parser;
}

interface ExpatParser {
  on(event: string, listener: (...values: unknown[]) => void): void;
  parse(bytes: Buffer, isFinal: boolean): boolean;
}
interface Expat {
  readonly Parser: new (encoding: string) => ExpatParser;
}

/** Expat as a native module. It is built in a cache folder at first; undefined where it cannot be. */
export function expatPeer(): { readonly contender: Contender; readonly version: string } | undefined {
  const folder = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "caesura-bench");
  const manifest = join(folder, "node_modules", "node-expat", "package.json");
  if (!existsSync(manifest)) {
    mkdirSync(folder, { recursive: true });
    console.error(`building node-expat in ${folder}`);
    const install = ["install", "--no-save", "--no-audit", "--no-fund", "--prefix", folder, "node-expat@2.4.1"];
    spawnSync("npm", install, { stdio: ["ignore", "ignore", "ignore"], timeout: 300_000 });
  }
  try {
    const require = createRequire(manifest);
    const loaded: unknown = require("node-expat");
    if (!isExpat(loaded)) return undefined;
    const version = /"version": "([^"]*)"/.exec(readFileSync(manifest, "utf8"))?.[1] ?? "unknown";
    return { contender: expatContender(loaded), version };
  } catch {
    return undefined;
  }
}

function isExpat(value: unknown): value is Expat {
  return typeof value === "object" && value !== null && "Parser" in value;
}

function expatContender(expat: Expat): Contender {
  return {
    name: "node-expat",
    read(header, chunks) {
      const parser = new expat.Parser("UTF-8");
      let events = 0;
      for (const event of ["startElement", "endElement", "text"]) parser.on(event, () => void events++);
      for (const chunk of [header, ...chunks]) if (!parser.parse(chunk, false)) throw new Error("expat fails");
      return events;
    },
  };
}
