import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

/** A file of the page, served as it is. */
export interface Asset {
  readonly type: string;
  readonly bytes: Buffer;
}

const ownFile = (name: string): Buffer => readFileSync(new URL(`./page/${name}`, import.meta.url));
const packageFile = (name: string): Buffer => readFileSync(createRequire(import.meta.url).resolve(name));

const sources: ReadonlyMap<string, readonly [type: string, read: () => Buffer]> = new Map([
  ["/status.css", ["text/css; charset=utf-8", () => ownFile("status.css")]],
  ["/status.js", ["text/javascript; charset=utf-8", () => ownFile("status.js")]],
  ["/uplot.css", ["text/css; charset=utf-8", () => packageFile("uplot/dist/uPlot.min.css")]],
  ["/uplot.js", ["text/javascript; charset=utf-8", () => packageFile("uplot/dist/uPlot.iife.min.js")]],
]);
const read = new Map<string, Asset>();

/** A file of the page by its path; read once. Undefined: there is no such file. */
export function assetAt(path: string): Asset | undefined {
  const source = sources.get(path);
  if (source === undefined) return undefined;
  let asset = read.get(path);
  if (asset === undefined) {
    const [type, open] = source;
    asset = { type, bytes: open() };
    read.set(path, asset);
  }
  return asset;
}
