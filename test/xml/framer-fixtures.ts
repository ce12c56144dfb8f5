import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { FramerLimits, FramerOptions } from "../../src/xml/index.js";

export type ContentNamespace = FramerOptions["contentNamespace"];
export const contentNamespaces: readonly ContentNamespace[] = ["jabber:client", "jabber:component:accept"];

export const fixtureLimits: FramerLimits = {
  maxFrameBytes: 10_000,
  maxDepth: 128,
  maxAttributes: 256,
  maxNameBytes: 1024,
  maxChildren: 25_000,
};

/** One section of a file of `test/fixtures/xml`; its README says how it is written. */
export interface Fixture {
  readonly title: string;
  readonly limits: FramerLimits;
  /** The input with its marks, for a content namespace. */
  read(content: ContentNamespace): FixtureInput;
}

export interface FixtureInput {
  readonly bytes: Buffer;
  /** Offsets of `\|`. The first is where the first frame that is listed begins. */
  readonly borders: readonly number[];
  /** Kind by kind what `\|` parts; an iq with the number of children and the namespace of the first. */
  readonly frames: readonly string[];
  readonly fault: { readonly code: string; readonly offset: number } | undefined;
}

const folder = fileURLToPath(new URL("../fixtures/xml/", import.meta.url));

export function readFixtures(): Fixture[] {
  const files = readdirSync(folder).filter((file) => file.endsWith(".md") && file !== "README.md");
  return files.flatMap((file) =>
    readFileSync(folder + file, "utf8")
      .split(/^## /m)
      .slice(1)
      .map((section) => readSection(file, section)),
  );
}

/** A valid stream header. */
export function headerOf(content: ContentNamespace): string {
  return `<?xml version='1.0'?><stream:stream xmlns='${content}' xmlns:stream='http://etherx.jabber.org/streams'>`;
}

function readSection(file: string, section: string): Fixture {
  const title = `${file}: ${section.slice(0, section.indexOf("\n"))}`;
  const source = /^```text\n([^]*?)\n```$/m.exec(section)?.[1]?.replaceAll("\n", "");
  const code = /^Fault: `([a-z0-9-]+)`$/m.exec(section)?.[1];
  const limits = /^Limits: (\w+) (\d+)$/m.exec(section);
  if (source === undefined) throw new Error(`${title}: no input`);
  return {
    title,
    limits: limits?.[1] === undefined ? fixtureLimits : { ...fixtureLimits, [limits[1]]: Number(limits[2]) },
    read(content) {
      const list = new RegExp(`^Frames(?: \\(${content}\\))?: (.*)$`, "m").exec(section)?.[1] ?? "";
      const frames = [...list.matchAll(/`([^`]*)`/g)].map((match) => (match[1] ?? "").replaceAll("{NS}", content));
      const { bytes, borders, breach } = readInput(source, content);
      if ((code === undefined) !== (breach === undefined))
        throw new Error(`${title}: one of code and \\! without the other`);
      if (code === undefined && frames.length === 0) throw new Error(`${title}: expects nothing`);
      if (code === undefined && borders.length === frames.length) borders.push(bytes.length);
      const fault = code === undefined || breach === undefined ? undefined : { code, offset: breach };
      return { bytes, borders, frames, fault };
    },
  };
}

interface Marked {
  readonly bytes: Buffer;
  readonly borders: number[];
  readonly breach: number | undefined;
}

function readInput(source: string, content: ContentNamespace): Marked {
  const text = source
    .replaceAll("{H}", headerOf(content))
    .replaceAll("{NS}", content)
    .replace(/\{(\d+)×([^}]*)\}/g, (_, times: string, what: string) => what.repeat(Number(times)));
  const parts: Buffer[] = [];
  const borders: number[] = [];
  let length = 0;
  let breach: number | undefined;
  for (const [token] of text.matchAll(/\\x[0-9A-F]{2}|\\.|[^\\]+/g)) {
    if (token === "\\|") borders.push(length);
    else if (token === "\\!") breach = length;
    else {
      const bytes = tokenBytes(token);
      parts.push(bytes);
      length += bytes.length;
    }
  }
  return { bytes: Buffer.concat(parts), borders, breach };
}

function tokenBytes(token: string): Buffer {
  if (!token.startsWith("\\")) return Buffer.from(token, "utf8");
  if (token.startsWith("\\x")) return Buffer.from(token.slice(2), "hex");
  const byte = { "\\t": "\t", "\\n": "\n", "\\r": "\r", "\\\\": "\\" }[token];
  if (byte === undefined) throw new Error(`unknown escape ${token}`);
  return Buffer.from(byte);
}
