import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

/** A file of the page, served as it is. */
export interface Asset {
  readonly type: string;
  readonly bytes: Buffer;
}

const ownFile = (name: string): Buffer => readFileSync(new URL(`./page/${name}`, import.meta.url));
const packageFile = (name: string): Buffer => readFileSync(createRequire(import.meta.url).resolve(name));

type Source = readonly [path: string, source: readonly [type: string, read: () => Buffer]];
const style = "text/css; charset=utf-8";
const script = "text/javascript; charset=utf-8";
const scripts = ["status.js", "plots.js", "patch.js", "actions.js"].map((name): Source => [
  `/${name}`,
  [script, () => ownFile(name)],
]);
const sources = new Map<string, Source[1]>([
  ...scripts,
  ["/status.css", [style, () => ownFile("status.css")]],
  ["/uplot.css", [style, () => packageFile("uplot/dist/uPlot.min.css")]],
  ["/uplot.js", [script, () => packageFile("uplot/dist/uPlot.iife.min.js")]],
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
