import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { GrantStore, StoreError, type StoredChange, type StoredGrant } from "../../src/store/index.js";

let folder = "";
let path = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "caesura-store-"));
  path = join(folder, "grants");
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const PUBSUB = "http://jabber.org/protocol/pubsub";

function grant(changed: Partial<StoredGrant> = {}): StoredGrant {
  return {
    domain: "capulet.lit",
    account: "juliet@capulet.lit",
    namespace: PUBSUB,
    entity: "pubsub.montague.lit",
    grantedAtMs: 1,
    ...changed,
  };
}

function put(changed: Partial<StoredGrant> = {}): StoredChange {
  return { kind: "put", grant: grant(changed) };
}

function remove({ domain, account, namespace }: StoredGrant): StoredChange {
  return { kind: "remove", domain, account, namespace };
}

/** What a store holds, opened and closed. */
async function held(): Promise<readonly StoredGrant[]> {
  const { store, grants } = await GrantStore.open(path);
  await store.close();
  return grants;
}

async function filled(...changes: readonly StoredChange[]): Promise<void> {
  const { store } = await GrantStore.open(path);
  await store.save(changes, []);
  await store.close();
}

/** Code with which a store cannot be opened. */
async function problem(): Promise<string> {
  try {
    await held();
    return "none";
  } catch (error) {
    return error instanceof StoreError ? `${error.code}: ${error.message}` : String(error);
  }
}

describe("a store", () => {
  test("is made for this user alone, and is empty", async () => {
    expect(await held()).toEqual([]);
    expect(statSync(path).mode & 0o777).toBe(0o700);
    expect(await held()).toEqual([]);
  });

  test("gives back what was stored, and not what was removed", async () => {
    const mam = grant({ namespace: "urn:xmpp:mam:2" });
    await filled(put(), put(mam), put({ account: "romeo@capulet.lit" }));
    await filled(remove(mam));
    expect(await held()).toEqual([grant(), grant({ account: "romeo@capulet.lit" })]);
  });

  test("has one entity for a user and a namespace: the one that was stored last", async () => {
    await filled(put(), put({ entity: "pubsub.capulet.lit", grantedAtMs: 2 }));
    expect(await held()).toEqual([grant({ entity: "pubsub.capulet.lit", grantedAtMs: 2 })]);
  });

  test("keeps apart what only looks alike, whatever characters a name has", async () => {
    const grants = [
      grant({ namespace: 'a","b' }),
      grant({ namespace: "a" }),
      grant({ account: "ju,liet@capulet.lit" }),
      grant({ account: "józefina@capulet.lit", namespace: "urn:😀" }),
      grant({ domain: "montague.lit" }),
    ];
    await filled(...grants.map((one) => put(one)));
    expect(new Set(await held())).toEqual(new Set(grants));
  });

  test("stores what comes while the disk is busy, in order", async () => {
    const { store } = await GrantStore.open(path);
    await Promise.all(
      Array.from({ length: 100 }, (_, index) =>
        store.save([index % 2 === 0 ? put({ grantedAtMs: index }) : remove(grant())], []),
      ),
    );
    expect(store.size).toBe(0);
    await store.close();
    expect(await held()).toEqual([]);
  });

  test("refuses what more waits than may", async () => {
    const { store } = await GrantStore.open(path, { maxWaiting: 2 });
    const saves = Array.from({ length: 4 }, () => store.save([put()], []));
    const outcomes = await Promise.allSettled(saves);
    expect(outcomes.map(({ status }) => status)).toContain("rejected");
    expect(outcomes[0]?.status).toBe("fulfilled");
    await store.close();
    await expect(store.save([put()], [])).rejects.toThrow("closed");
  });
});

describe("a process that is killed", () => {
  test("has stored all that it said it had, and nothing by halves", { timeout: 60_000 }, async () => {
    const writer = fileURLToPath(new URL("writer.mjs", import.meta.url));
    const module = new URL("../../src/store/index.ts", import.meta.url).href;
    let acknowledged = -1;
    for (let round = 0; round < 5; round++) {
      const child = spawn(process.execPath, ["--import", "tsx", writer, module, path, String(acknowledged + 1)], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      const exit = once(child, "exit");
      const stopAt = acknowledged + 10 + 37 * round;
      for await (const line of createInterface({ input: child.stdout })) {
        acknowledged = Number(line);
        if (acknowledged >= stopAt) child.kill("SIGKILL");
      }
      expect((await exit)[1]).toBe("SIGKILL");

      const stored = new Set((await held()).map(({ grantedAtMs }) => grantedAtMs));
      // One more may be there, which was on the disk but not said yet.
      const last = stored.has(acknowledged + 1) ? acknowledged + 1 : acknowledged;
      const expected = new Set<number>();
      for (let index = 0; index <= last; index++) {
        expected.add(index);
        if (index % 3 === 2) expected.delete(index - 1);
      }
      expect(stored).toEqual(expected);
      acknowledged = last;
    }
  });
});

describe("a store that is not right is reported, not repaired", () => {
  test("open in another process", async () => {
    const { store } = await GrantStore.open(path);
    expect(await problem()).toMatch(/^store-locked: .*grants": another process has the store open/);
    await store.save([put()], []);
    await store.close();
    expect(await held()).toEqual([grant()]);
  });

  test.each([
    ["in a folder that is not there", () => join(folder, "missing", "grants"), "store-unwritable"],
    ["under a file", () => join(folder, "file", "grants"), "store-unwritable"],
    ["that is a file", () => join(folder, "file"), "store-unwritable"],
    ["in a file system that is not written to", () => "/proc/caesura-grants", "store-unwritable"],
  ])("%s", async (_name, place, code) => {
    writeFileSync(join(folder, "file"), "");
    path = place();
    expect(await problem()).toMatch(new RegExp(`^${code}: `));
  });

  test("in a folder with other files", async () => {
    writeFileSync(join(folder, "diary.txt"), "");
    path = folder;
    expect(await problem()).toMatch(/^store-corrupt: .*other files/);
    expect(readdirSync(folder)).toEqual(["diary.txt"]);
  });

  const damages: readonly (readonly [string, () => void])[] = [
    ["without its index", () => rmSync(join(path, "CURRENT"))],
    ["with an index that names nothing", () => writeFileSync(join(path, "CURRENT"), "MANIFEST-999999\n")],
    ["with an index of garbage", () => writeFileSync(join(path, "CURRENT"), "Exeunt")],
    ["with an empty manifest", () => truncateSync(join(path, manifest()), 0)],
    ["without a table", () => rmSync(join(path, table()))],
    ["with a table cut short", () => truncateSync(join(path, table()), 60)],
    ["with an empty table", () => truncateSync(join(path, table()), 0)],
  ];

  function named(pattern: RegExp): string {
    const found = readdirSync(path).find((name) => pattern.test(name));
    if (found === undefined) throw new Error(`no ${pattern} among ${readdirSync(path).join()}`);
    return found;
  }
  const manifest = (): string => named(/^MANIFEST/);
  const table = (): string => named(/\.ldb$/);

  test.each(damages)("%s", async (_name, damage) => {
    await filled(put(), put({ account: "romeo@capulet.lit" }));
    // At the next start the log becomes a table.
    await held();
    damage();
    expect(await problem()).toMatch(/^store-corrupt: /);
  });

  test(
    "with any letter of its log changed, or it holds what was stored, now or earlier",
    { timeout: 60_000 },
    async () => {
      const steps = [
        [put()],
        [put({ account: "romeo@capulet.lit" })],
        [remove(grant())],
        [put({ namespace: "urn:x" })],
      ];
      const { store } = await GrantStore.open(path);
      for (const step of steps) await store.save(step, []);
      await store.close();
      const romeos = grant({ account: "romeo@capulet.lit" });
      // The log's end reads like one that was cut by a crash.
      const earlier = [[], [grant()], [grant(), romeos], [romeos]];
      const all = [romeos, grant({ namespace: "urn:x" })];
      await eachChange(/\.log$/, [...earlier, all]);
      expect(sorted(await held())).toEqual(sorted(all));
      await eachChange(/\.ldb$/, [all]);
    },
  );

  async function eachChange(pattern: RegExp, allowed: readonly (readonly StoredGrant[])[]): Promise<void> {
    const file = named(pattern);
    const intact = readFileSync(join(path, file));
    const before = path;
    let damaged = 0;
    for (let at = 0; at < intact.length; at += 11) {
      path = mkdtempSync(join(folder, "copy-"));
      for (const name of readdirSync(before)) writeFileSync(join(path, name), readFileSync(join(before, name)));
      const changed = Buffer.from(intact);
      changed.writeUInt8((changed[at] ?? 0) ^ 0x04, at);
      writeFileSync(join(path, file), changed);
      const found = await problem();
      if (found === "none") expect(allowed.map(sorted)).toContainEqual(sorted(await held()));
      else damaged++;
      if (found !== "none") expect(found).toMatch(/^store-corrupt: /);
    }
    path = before;
    expect(damaged).toBeGreaterThan(0);
  }

  function sorted(grants: readonly StoredGrant[]): readonly string[] {
    return grants.map((one) => JSON.stringify([one.account, one.namespace, one.entity, one.grantedAtMs])).sort();
  }

  test("of a later version", async () => {
    await filled(put());
    const { ClassicLevel } = await import("classic-level");
    const database = new ClassicLevel(path);
    await database.put("format", "2");
    await database.close();
    expect(await problem()).toMatch(/^store-newer: .*format 2/);
  });
});

describe("a disk that is full", () => {
  /** Runs a script in a process that may write files of so many blocks of 1024 bytes. */
  function limited(blocks: number, script: string): string {
    const module = new URL("../../src/store/index.ts", import.meta.url).href;
    const child = spawnSync(
      "bash",
      [
        "-c",
        `trap '' XFSZ; ulimit -S -f ${blocks}; exec "$0" --import tsx --input-type=module -e "$1"`,
        process.execPath,
        `import { GrantStore } from ${JSON.stringify(module)}; const path = ${JSON.stringify(path)}; ${script}`,
      ],
      { encoding: "utf8", timeout: 30_000, env: { ...process.env, TSX_DISABLE_CACHE: "1" } },
    );
    return child.stdout + child.stderr;
  }

  const grantAt = `(index) => ({ domain: "capulet.lit", account: "user" + index + "@capulet.lit", namespace: "urn:x", entity: "pubsub.montague.lit", grantedAtMs: index })`;

  test("is said for each grant, the ones before are kept, and what was refused does not come back", async () => {
    const said = limited(
      8,
      `const grant = ${grantAt};
       const { store } = await GrantStore.open(path, { retryMs: 1e6, changed: (problem) => console.log("changed", problem?.code) });
       let stored = 0;
       for (let index = 0; index < 200; index++) {
         const { domain, account, namespace } = grant(index);
         try {
           await store.save([{ kind: "put", grant: grant(index) }], [{ kind: "remove", domain, account, namespace }]);
           stored++;
         } catch (error) {
           console.log("refused", index, error.code);
           break;
         }
       }
       console.log("stored", stored);
       await store.close();`,
    );
    expect(said).toMatch(/^changed store-full\nrefused \d+ store-full\nstored \d+\nchanged undefined\n$/);
    const stored = Number(/stored (\d+)/.exec(said)?.[1]);
    expect(stored).toBeGreaterThan(10);
    expect((await held()).map(({ grantedAtMs }) => grantedAtMs).sort((a, b) => a - b)).toEqual(
      Array.from({ length: stored }, (_, index) => index),
    );
  });

  test("is no longer full: it is written to again, first what is owed", async () => {
    const said = limited(
      8,
      `const grant = ${grantAt};
       let last;
       const ended = new Promise((resolve) => { last = resolve; });
       const { store } = await GrantStore.open(path, {
         retryMs: 20,
         changed: (problem) => { console.log("changed", problem?.code); if (problem === undefined) last(); },
       });
       // Revoked, but not on the disk: it is owed.
       await store.save([{ kind: "put", grant: grant(0) }], []);
       const { domain, account, namespace } = grant(0);
       const removal = { kind: "remove", domain, account, namespace };
       const long = Array.from({ length: 200 }, (_, index) => ({ kind: "put", grant: grant(index + 1) }));
       await store.save([removal, ...long], [removal]).catch((error) => console.log("refused", error.code));
       const keepAlive = setInterval(() => undefined, 1000);
       await ended;
       clearInterval(keepAlive);
       console.log("size", store.size);
       await store.close();`,
    );
    expect(said).toContain("changed store-full\nrefused store-full\nchanged undefined\nsize 0\n");
    expect(await held()).toEqual([]);
  });
});
