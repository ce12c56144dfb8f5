import type { Child } from "./child.js";
import type { Run } from "./run.js";
import { ENTITY, ENTITY_SECRET } from "./stanzas.js";

/** The managing entity of the benches, connected and told of its delegation (XEP-0355 §4.2). */
export async function startEntity(run: Run, componentPort: number, cores: string): Promise<Child> {
  const entity = run.startProgram("managing-entity.ts", [String(componentPort), ENTITY, ENTITY_SECRET], {
    name: "managing entity",
    cores,
  });
  await entity.printed(/advertised/);
  return entity;
}
