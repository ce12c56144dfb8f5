import { parseArgs } from "node:util";
import { writeFileSync } from "node:fs";
import { type StormReport, storms } from "./storm.js";

// `npm run soak`: storms for as long as it is wanted. CONTRIBUTING.md says what they are.

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    seeds: { type: "string", default: "3" },
    storms: { type: "string", default: "1" },
    seconds: { type: "string", default: "60" },
    clients: { type: "string", default: "40" },
    server: { type: "string", default: "prosody" },
    direct: { type: "boolean", default: false },
    restless: { type: "string", default: "400" },
    logs: { type: "string" },
    steady: { type: "boolean", default: false },
  },
});

const first = Number(values.seed ?? Math.trunc(Math.random() * 1e9));
let worst = 0;
for (let seed = first; seed < first + Number(values.seeds); seed++) {
  const options = {
    seed,
    seconds: Number(values.seconds),
    clients: Number(values.clients),
    isEjabberd: values.server === "ejabberd",
    isDirect: values.direct,
    restartsServer: !values.steady && values.server !== "ejabberd",
    reloads: !values.steady && seed % 4 !== 0,
    restlessMs: Number(values.restless),
    timeoutMs: 2000,
    hibernationSeconds: 6,
  };
  console.log(`seed ${String(seed)}: ${JSON.stringify(options)}`);
  for await (const report of storms(options, Number(values.storms))) tell(report, seed);
}
process.exitCode = worst;

function tell({ breaches, counts, holdings, logs }: StormReport, seed: number): void {
  const sorted = [...counts].sort(([one], [other]) => one.localeCompare(other));
  console.log(sorted.map(([what, count]) => `${what} ${String(count)}`).join(", "));
  if (holdings !== undefined) console.log(JSON.stringify(holdings));
  for (const breach of breaches) console.log(`BREACH ${breach}`);
  console.log(breaches.length === 0 ? "at rest, nothing lost" : `${String(breaches.length)} breaches`);
  if (breaches.length > 0) worst = 1;
  if (values.logs !== undefined)
    for (const [name, text] of Object.entries(logs)) writeFileSync(`${values.logs}${String(seed)}-${name}.log`, text);
}
