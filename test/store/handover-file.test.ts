import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { HandedSession } from "../../src/session/index.js";
import { takeHandover, writeHandover } from "../../src/store/index.js";

let folder = "";
let path = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "caesura-handover-"));
  path = join(folder, "streams");
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const ledger = { senderAck: 3, receiverAck: 2 ** 32 - 1, heard: 2, entries: [], repeats: [], repeatsLeft: 0 } as const;

function session(name: string, more: Partial<HandedSession> = {}): HandedSession {
  return {
    cid: `one.${name}`,
    serverId: name,
    domain: "capulet.lit",
    jid: `${name}@capulet.lit/balcony`,
    maxSeconds: 600,
    namespace: "urn:xmpp:sm:3",
    priority: -1,
    management: {
      up: { ...ledger, entries: [{ relayed: 2 }, { swallowed: "iq set\n1", isHandled: true }], repeats: [["a b", 2]] },
      down: { ...ledger, entries: [{ injected: "<iq>\n\u{1f48c}</iq>", atMs: 12.5 }] },
      heldUp: [],
      heldDown: ["<message/>"],
    },
    questions: [
      { id: "q1", isRequest: false },
      { id: "q2", to: "romeo@capulet.lit", isRequest: true },
    ],
    ...more,
  };
}

describe("sessions between two processes", () => {
  test("are read as they were written, once, with their age", () => {
    const sessions = [session("juliet"), session("romeo", { maxSeconds: undefined, priority: undefined })];
    expect(writeHandover(path, sessions, 1000)).toEqual({ sessions: 2, leftOut: 0 });
    expect(takeHandover(path, 61_000)).toEqual({ sessions, leftOut: 0, ageMs: 60_000 });
    expect(existsSync(path)).toBe(false);
    expect(takeHandover(path, 61_000)).toBeUndefined();
  });

  test("are nobody else's to read, also where another file was", () => {
    writeFileSync(path, "", { mode: 0o644 });
    writeFileSync(`${path}.new`, "", { mode: 0o644 });
    writeHandover(path, [session("juliet")], 0);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(existsSync(`${path}.new`)).toBe(false);
  });

  test("do not go where something else waits in the way: a pipe without a reader, another name of another file", () => {
    execFileSync("mkfifo", [`${path}.new`]);
    expect(writeHandover(path, [session("juliet")], 0).sessions).toBe(1);
    const other = join(folder, "other");
    writeFileSync(other, "another's", { mode: 0o644 });
    linkSync(other, `${path}.new`);
    expect(writeHandover(path, [session("juliet")], 0).sessions).toBe(1);
    expect(readFileSync(other, "utf8")).toBe("another's");
    expect(statSync(other).mode & 0o777).toBe(0o644);
  });

  test("may be none, and a clock that went back makes nobody younger", () => {
    writeHandover(path, [], 5000);
    expect(takeHandover(path, 1000)).toEqual({ sessions: [], leftOut: 0, ageMs: 0 });
  });

  test("are left out where there are too many, and the rest is read", () => {
    const long = { ...session("long").management, heldDown: ["x".repeat(20_000)] };
    const sessions = ["a", "b", "c", "d", "e"].map((name) => session(name, { management: long }));
    expect(writeHandover(path, sessions, 0, 64_000)).toEqual({ sessions: 3, leftOut: 2 });
    expect(takeHandover(path, 0)?.sessions.map(({ serverId }) => serverId)).toEqual(["a", "b", "c"]);
  });

  test("are not written where nobody may, and the file before stays", () => {
    expect(() => writeHandover(join(folder, "no", "streams"), [session("juliet")], 0)).toThrow("ENOENT");
    writeHandover(path, [session("juliet")], 0);
    function* broken(): Iterable<HandedSession> {
      yield session("romeo");
      throw new Error("on the way");
    }
    expect(() => writeHandover(path, broken(), 0)).toThrow("on the way");
    // What users were answered does not stay on the disk.
    expect(existsSync(`${path}.new`)).toBe(false);
    expect(takeHandover(path, 0)?.sessions).toEqual([session("juliet")]);
  });
});

describe("a file that cannot be believed is not used, and not looked at again", () => {
  function written(change: (text: string) => string): void {
    writeHandover(path, [session("juliet"), session("romeo")], 0);
    writeFileSync(path, change(readFileSync(path, "utf8")));
  }

  test("one that ends too early, wherever", () => {
    written((text) => text);
    const bytes = readFileSync(path);
    for (let end = 0; end < bytes.length; end++) {
      writeFileSync(path, bytes.subarray(0, end), { mode: 0o600 });
      expect(() => takeHandover(path, 0), String(end)).toThrow();
      expect(existsSync(path)).toBe(false);
    }
  });

  test.each<readonly [string, (text: string) => string]>([
    ["of a later format", (text) => text.replace('"format":1', '"format":2')],
    ["with a session less", (text) => text.replace(/\n.*?\n/, "\n")],
    ["with something behind the end", (text) => `${text}{}`],
    ["that is something else", () => "version: 1\n"],
  ])("one %s", (_what, change) => {
    written(change);
    expect(() => takeHandover(path, 0)).toThrow();
    expect(existsSync(path)).toBe(false);
  });

  test.each<readonly [string, (text: string) => string]>([
    ["a counter that is none", (text) => text.replace('"senderAck":3', '"senderAck":-3')],
    ["a key that nobody knows", (text) => text.replace('"heldUp"', '"more":1,"heldUp"')],
  ])("a session with %s is left out, and costs the others nothing", (_what, change) => {
    written(change);
    const handed = takeHandover(path, 0);
    expect(handed?.leftOut).toBe(1);
    expect(handed?.sessions).toEqual([session("romeo")]);
  });

  test.each([0o620, 0o602])("one that others may have written (mode %o): its stanzas would be users'", (mode) => {
    writeHandover(path, [session("juliet")], 0);
    chmodSync(path, mode);
    expect(() => takeHandover(path, 0)).toThrow("other users may have written it");
  });

  test("one that is a link, or a folder", () => {
    writeHandover(join(folder, "other"), [session("juliet")], 0);
    symlinkSync(join(folder, "other"), path);
    expect(() => takeHandover(path, 0)).toThrow("ELOOP");
    expect(() => takeHandover(folder, 0)).toThrow();
  });
});
