import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

// Holds the import table of docs/architecture.md against what the source says. Read as text, because no package that
// is kept here can parse TypeScript; the formatter sees to it that imports look the same everywhere.

const src = fileURLToPath(new URL("../src", import.meta.url));

interface Folder {
  readonly rank: number;
  /** Folders of `src` that it may import at run time. */
  readonly folders: readonly string[];
  /** Folders of which it may import types alone. */
  readonly types?: readonly string[];
  readonly node: readonly string[];
  readonly packages: readonly string[];
}

const pureOnes = ["xmpp", "xml", "stream", "rules", "delegation", "discovery", "privilege", "session"];
const shared = ["config", "metrics", "log"];

const table: Readonly<Record<string, Folder>> = {
  xmpp: { rank: 0, folders: [], node: ["node:url", "node:buffer"], packages: [] },
  xml: { rank: 0, folders: ["xmpp"], node: ["node:buffer"], packages: ["sax", "ltx"] },
  stream: { rank: 1, folders: ["xmpp", "xml"], node: ["node:crypto", "node:buffer"], packages: [] },
  rules: { rank: 1, folders: ["xmpp", "xml"], node: ["node:crypto", "node:buffer"], packages: [] },
  delegation: { rank: 1, folders: ["xmpp", "xml"], node: ["node:crypto", "node:buffer"], packages: [] },
  discovery: { rank: 1, folders: ["xmpp", "xml"], node: ["node:crypto", "node:buffer"], packages: [] },
  privilege: { rank: 1, folders: ["xmpp", "xml"], node: ["node:crypto", "node:buffer"], packages: [] },
  session: {
    rank: 2,
    folders: ["xmpp", "xml", "stream", "rules", "delegation", "discovery", "privilege"],
    node: ["node:crypto", "node:buffer"],
    packages: [],
  },
  config: {
    rank: 3,
    folders: ["xmpp"],
    types: ["xml", "stream", "rules", "delegation", "discovery", "privilege", "session"],
    node: [
      "node:fs",
      "node:fs/promises",
      "node:path",
      "node:crypto",
      "node:buffer",
      "node:util",
      "node:net",
      "node:tls",
      "node:url",
    ],
    packages: ["yaml", "zod"],
  },
  metrics: { rank: 3, folders: pureOnes, types: ["config"], node: ["node:perf_hooks"], packages: ["prom-client"] },
  log: { rank: 3, folders: pureOnes, types: ["config"], node: ["node:fs"], packages: ["pino"] },
  relay: { rank: 4, folders: [...pureOnes, ...shared], types: ["cluster"], node: ["node:*"], packages: ["pino"] },
  listen: { rank: 4, folders: [...pureOnes, ...shared, "relay"], node: ["node:*"], packages: ["pino", "ws"] },
  cluster: { rank: 4, folders: [...pureOnes, ...shared], node: ["node:*"], packages: ["pino"] },
  store: { rank: 4, folders: pureOnes, node: ["node:*"], packages: ["classic-level", "zod"] },
  admin: { rank: 4, folders: [...pureOnes, ...shared], node: ["node:*"], packages: ["pino", "prom-client"] },
};

/** The storeys of `session`, lowest first: a folder imports those below it and itself. What stands beside them joins them. */
const storeys = [["link"], ["domain"], ["hub"], ["client", "component"]];

/** They join the parts, and so may import each of them. */
const joints = ["main", "cli", "demo"];

interface Import {
  readonly from: string;
  readonly specifier: string;
  readonly typesOnly: boolean;
  readonly names: string;
}

const files = readdirSync(src, { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts") && !file.split(sep).includes("wasm"))
  .map((file) => file.split(sep).join("/"))
  .sort();

const texts = new Map(files.map((file) => [file, readFileSync(join(src, file), "utf8")]));

/** The source without comments and the contents of strings, so that words in prose count for nothing. */
function codeOf(file: string): string {
  return textOf(file)
    .replaceAll(/\/\*[\s\S]*?\*\//g, "")
    .replaceAll(/(^|\s)\/\/.*$/gm, "$1")
    .replaceAll(/"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`/g, '""');
}

function textOf(file: string): string {
  return texts.get(file) ?? "";
}

function importsOf(file: string): readonly Import[] {
  const text = textOf(file).replaceAll(/\/\*[\s\S]*?\*\//g, "");
  const found: Import[] = [];
  for (const match of text.matchAll(/^(?:import|export)\s+(type\s+)?([^;"]*?)\s*from\s+"([^"]+)"/gm)) {
    const names = match[2] ?? "";
    const inner = /^\{([\s\S]*)\}$/.exec(names.trim())?.[1];
    const allTypes =
      inner !== undefined &&
      inner
        .split(",")
        .map((name) => name.trim())
        .filter((name) => name !== "")
        .every((name) => name.startsWith("type "));
    found.push({ from: file, specifier: match[3] ?? "", typesOnly: match[1] !== undefined || allTypes, names });
  }
  for (const match of text.matchAll(/(?:^import\s+|\bimport\()\s*"([^"]+)"/gm)) {
    found.push({ from: file, specifier: match[1] ?? "", typesOnly: false, names: "" });
  }
  return found;
}

/** The file of `src` that a relative import names, e.g. `xml/index.ts`; undefined for a package or a node module. */
function targetOf({ from, specifier }: Import): string | undefined {
  if (!specifier.startsWith(".")) return undefined;
  return normalize(join(dirname(from), specifier))
    .split(sep)
    .join("/")
    .replace(/\.js$/, ".ts");
}

/** The folder of `src` that owns a file; a concept with one file is a file (`log.ts`). */
function ownerOf(file: string): string {
  return file.split("/")[0]?.replace(/\.ts$/, "") ?? "";
}

const all = files.flatMap(importsOf);
const within = (owners: readonly string[]) => files.filter((file) => owners.includes(ownerOf(file)));
const show = ({ from, specifier }: Import): string => `${from} imports ${specifier}`;

describe("the import table", () => {
  test("every folder of src is in the table, and none is a drawer for anything", () => {
    const owners = [...new Set(files.map(ownerOf))];
    expect(owners.filter((owner) => !(owner in table) && !joints.includes(owner))).toEqual([]);
    const folders = files.flatMap((file) => file.split("/").slice(0, -1));
    expect(folders.filter((folder) => /^(utils?|helpers?|common|types|lib|misc|shared)$/.test(folder))).toEqual([]);
  });

  test("a folder imports lower ranks only, and of its own rank what the table names", () => {
    const wrong = all.filter((one) => {
      const target = targetOf(one);
      const owner = ownerOf(one.from);
      const folder = table[owner];
      if (target === undefined || folder === undefined || ownerOf(target) === owner) return false;
      const allowed = one.typesOnly ? [...folder.folders, ...(folder.types ?? [])] : folder.folders;
      return !allowed.includes(ownerOf(target));
    });
    expect(wrong.map(show)).toEqual([]);
  });

  test("another folder is imported through its face, index.ts", () => {
    const wrong = all.filter((one) => {
      const target = targetOf(one);
      if (target === undefined || ownerOf(target) === ownerOf(one.from)) return false;
      const single = target === `${ownerOf(target)}.ts`;
      return !single && target !== `${ownerOf(target)}/index.ts`;
    });
    expect(wrong.map(show)).toEqual([]);
  });

  test("within session, a folder imports lower storeys only", () => {
    const folders = [...new Set(within(["session"]).map((file) => file.split("/")[1] ?? ""))];
    const known = storeys.flat();
    expect(folders.filter((name) => !name.endsWith(".ts") && !known.includes(name))).toEqual([]);
    const storeyOf = (file: string) => storeys.findIndex((names) => names.includes(file.split("/")[1] ?? ""));
    const wrong = all.filter((one) => {
      const target = targetOf(one);
      if (target === undefined || ownerOf(one.from) !== "session" || ownerOf(target) !== "session") return false;
      if (dirname(target) === dirname(one.from) || storeyOf(one.from) < 0) return false;
      return storeyOf(target) < 0 || storeyOf(target) >= storeyOf(one.from);
    });
    expect(wrong.map(show)).toEqual([]);
  });

  test("the modules of Node are those that the table allows", () => {
    const wrong = all.filter((one) => {
      const folder = table[ownerOf(one.from)];
      if (folder === undefined || !one.specifier.startsWith("node:") || folder.node.includes("node:*")) return false;
      return !folder.node.includes(one.specifier);
    });
    expect(wrong.map(show)).toEqual([]);
    const bare = all.filter((one) => /^(fs|net|tls|crypto|path|url|util|events|os|http)(\/|$)/.test(one.specifier));
    expect(bare.map(show)).toEqual([]);
  });

  test("packages are used where the table allows, sax and ltx behind four files of xml", () => {
    const wrong = all.filter((one) => {
      const folder = table[ownerOf(one.from)];
      if (folder === undefined || /^(\.|node:)/.test(one.specifier)) return false;
      return !folder.packages.includes(one.specifier);
    });
    expect(wrong.map(show)).toEqual([]);
    const parsers = all.filter((one) => /^(sax|ltx)(\/|$)/.test(one.specifier));
    const doors = ["xml/element.ts", "xml/references.ts", "xml/serialize.ts", "xml/tree.ts"];
    const faceTypes = parsers.filter((one) => one.from === "xml/index.ts" && one.typesOnly);
    expect(parsers.filter((one) => !doors.includes(one.from) && !faceTypes.includes(one)).map(show)).toEqual([]);
  });

  test("no import closes a circle, be it one of types alone", () => {
    const edges = new Map<string, readonly string[]>(
      files.map((file) => [
        file,
        importsOf(file)
          .map(targetOf)
          .filter((target) => target !== undefined),
      ]),
    );
    const done = new Set<string>();
    const circles: string[] = [];
    const walk = (file: string, path: readonly string[]): void => {
      if (path.includes(file)) circles.push([...path.slice(path.indexOf(file)), file].join(" → "));
      if (done.has(file) || path.includes(file)) return;
      for (const next of edges.get(file) ?? []) walk(next, [...path, file]);
      done.add(file);
    };
    for (const file of files) walk(file, []);
    expect(circles).toEqual([]);
  });
});

describe("the pure core", () => {
  // What needs the world asks for it in an argument or an action, so that a test needs neither port nor clock.
  const impurities: readonly RegExp[] = [
    /\bDate\.now\b|\bnew Date\b/,
    /\bperformance\b/,
    /\bset(?:Timeout|Interval|Immediate)\b|\bqueueMicrotask\b|\bprocess\./,
    /\bMath\.random\b|\brandom(?:Bytes|UUID|Int|FillSync)\b|\bgetRandomValues\b/,
    /\bconsole\./,
    /\bfetch\(/,
    /\basync\b|\bawait\b|\bPromise\b/,
  ];

  test("ranks 0 to 2 know no clock, timer, randomness, process or console, and wait for nothing", () => {
    const found = within(pureOnes).flatMap((file) =>
      impurities.flatMap((impurity) => {
        const hit = impurity.exec(codeOf(file));
        return hit === null ? [] : [`${file}: ${hit[0]}`];
      }),
    );
    expect(found).toEqual([]);
  });

  test("of node:crypto they take hashing alone", () => {
    const allowed = new Set(["createHash", "createHmac", "hash", "timingSafeEqual"]);
    const wrong = all
      .filter((one) => pureOnes.includes(ownerOf(one.from)) && one.specifier === "node:crypto" && !one.typesOnly)
      .filter((one) => !/^\{[^*]*\}$/.test(one.names) || !namesIn(one.names).every((name) => allowed.has(name)));
    expect(wrong.map(show)).toEqual([]);
  });
});

function namesIn(clause: string): readonly string[] {
  return clause
    .replaceAll(/[{}]/g, "")
    .split(",")
    .map((name) => name.trim().split(" ")[0] ?? "")
    .filter((name) => name !== "");
}

describe("habits of the source", () => {
  test("no file passes 400 lines", () => {
    const long = files.filter((file) => textOf(file).split("\n").length > 401);
    expect(long).toEqual([]);
  });

  test("no default export, no `any`, no non-null assertion slips through in a comment-free reading", () => {
    const found = files.flatMap((file) => {
      const hit = /\bexport default\b|:\s*any\b|\bas any\b|<any>/.exec(codeOf(file));
      return hit === null ? [] : [`${file}: ${hit[0]}`];
    });
    expect(found).toEqual([]);
  });

  test("files are named in kebab-case", () => {
    expect(files.map((file) => relative(dirname(file), file)).filter((name) => !/^[a-z0-9-]+\.ts$/.test(name))).toEqual(
      [],
    );
  });
});
