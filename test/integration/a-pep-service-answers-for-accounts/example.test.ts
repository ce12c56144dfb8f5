import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { makeCertificate } from "../../support/certificate.js";
import { changed, exampleFile, liberviaFolder } from "../../support/libervia.js";
import { liberviaTables } from "../../support/libervia-database.js";
import { cannotRun, findProgram, temporaryFolder } from "../../support/peer.js";

// The files and the page that an operator copies from, as far as the other tests here do not start them.

const example = fileURLToPath(new URL("../../../examples/libervia-pubsub", import.meta.url));
const page = readFileSync(new URL("../../../docs/pep-with-libervia.md", import.meta.url), "utf8");
const commands = [...page.matchAll(/^```sh\n([^]*?)^```$/gm)].map(([, block = ""]) => block).join("\n");

test.skipIf(cannotRun("openssl"))("caesura check finds nothing wrong with the example's proxy.yaml", () => {
  const folder = temporaryFolder("example");
  makeCertificate(folder, "capulet.lit", ["capulet.lit"]);
  const file = join(folder, "proxy.yaml");
  const handedOver = (name: string): readonly [RegExp, string] => [
    new RegExp(`/run/credentials/caesura.service/tls_${name}$`, "m"),
    join(folder, name),
  ];
  const text = changed(exampleFile("proxy.yaml"), [handedOver("capulet.lit.crt"), handedOver("capulet.lit.key")]);
  writeFileSync(file, text);
  const caesura = fileURLToPath(new URL("../../../dist/cli/caesura.js", import.meta.url));
  const said = execFileSync(process.execPath, [caesura, "check", "-c", file], { encoding: "utf8" });
  expect(said).toContain("no problems");
});

test("docs/pep-with-libervia.md uses each file of the example, and names none that is not there", () => {
  const there = readdirSync(example).filter((name) => name !== "README.md");
  const named = [...commands.matchAll(/examples\/libervia-pubsub\/([\w.-]+)/g)].map(([, name]) => name);
  expect(new Set(named)).toEqual(new Set(there));
});

test("the commands of docs/pep-with-libervia.md are a shell's", () => {
  execFileSync("bash", ["-n"], { input: commands });
});

describe.skipIf(cannotRun("twistd3", liberviaFolder))("Debian's package", () => {
  test("has what the example's unit and the page name", () => {
    const unit = exampleFile("libervia-pubsub.service");
    const started = /^ExecStart=(\S+)/m.exec(unit)?.[1] ?? "";
    expect(findProgram("twistd3")).toBe(started);
    expect(unit).toContain(`Environment=PYTHONPATH=${liberviaFolder}\n`);
    expect(commands).toContain(liberviaTables);
    expect(readFileSync(liberviaTables, "utf8")).toContain("CREATE TABLE nodes");
  });
});
