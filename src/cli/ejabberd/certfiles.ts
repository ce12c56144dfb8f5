import { createPrivateKey, X509Certificate } from "node:crypto";
import { readdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { readTextFile } from "../../config/index.js";
import { keyBeside } from "../proxy-plan.js";
import type { DomainPlan, Note } from "../proxy-plan.js";
import { partsOf, placeOf, textsOf } from "./ejabberd-config.js";
import type { EjabberdConfig, Setting } from "./ejabberd-config.js";

const maxCandidates = 100;
const maxBytes = 256 * 1024;

/**
 * The certificate of a host among `certfiles`, as far as this user may read them. ejabberd finds out by itself which
 * certificate and which key belong together; Caesura wants to be told.
 */
export function chooseCertificate(
  config: EjabberdConfig,
  name: string,
  host: Setting,
  tell: (note: Note) => void,
): Pick<DomainPlan, "cert" | "key"> {
  const folder = dirname(config.file);
  const patterns = config.all("certfiles").flatMap((setting) => textsOf(setting));
  const files = patterns.flatMap((pattern) => filesLike(resolve(folder, pattern))).slice(0, maxCandidates);
  for (const cert of files) {
    const leaf = certificateIn(cert);
    if (leaf === undefined || leaf.checkHost(name) === undefined) continue;
    return { cert, key: keyFor(cert, leaf, files) };
  }
  const guess = files.find((path) => path.includes(name)) ?? files[0] ?? resolve(folder, `${name}.pem`);
  const message = `Which of the certfiles is the certificate of ${name} could not be seen; ${guess} is a guess.`;
  const [at = host] = config.all("certfiles").flatMap((setting) => partsOf(setting));
  tell({ severity: "warning", ...placeOf(at), message, hint: "Name certificate and key in the result." });
  return { cert: guess, key: textOf(guess)?.includes("PRIVATE KEY-----") === false ? keyBeside(guess) : guess };
}

function keyFor(cert: string, leaf: X509Certificate, files: readonly string[]): string {
  const beside = keyBeside(cert);
  return [cert, beside, ...files].find((path) => isKeyOf(leaf, path)) ?? beside;
}

function isKeyOf(leaf: X509Certificate, path: string): boolean {
  const text = textOf(path);
  try {
    return text?.includes("PRIVATE KEY-----") === true && leaf.checkPrivateKey(createPrivateKey(text));
  } catch {
    return false;
  }
}

function certificateIn(path: string): X509Certificate | undefined {
  const [block] = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/.exec(textOf(path) ?? "") ?? [];
  try {
    return block === undefined ? undefined : new X509Certificate(block);
  } catch {
    return undefined;
  }
}

function textOf(path: string): string | undefined {
  const read = readTextFile(path, maxBytes);
  return read.ok ? read.file.text : undefined;
}

/** `*` stands for any part of one name, in a folder or a file. */
function filesLike(pattern: string): readonly string[] {
  let paths = ["/"];
  for (const step of pattern.split("/").filter((one) => one !== "")) {
    paths = paths.flatMap((folder) => (step.includes("*") ? namesLike(folder, step) : [join(folder, step)]));
    if (paths.length > maxCandidates) return paths.slice(0, maxCandidates);
  }
  return paths;
}

function namesLike(folder: string, glob: string): readonly string[] {
  const [first = "", ...rest] = glob.split("*");
  const isMatch = (name: string): boolean => {
    if (!name.startsWith(first)) return false;
    let at = first.length;
    for (const piece of rest) {
      const next = piece === rest.at(-1) ? Math.max(at, name.length - piece.length) : at;
      at = name.indexOf(piece, next);
      if (at < 0) return false;
      at += piece.length;
    }
    return at === name.length;
  };
  try {
    return readdirSync(folder)
      .toSorted()
      .filter((name) => !name.startsWith(".") && isMatch(name))
      .map((name) => join(folder, name));
  } catch {
    return [];
  }
}
