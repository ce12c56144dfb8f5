// The load generator: a process of its own that opens sessions and sends what the harness asks for over its message
// channel, one command at a time. Sessions are kept in groups by name, so that two proxies are measured in turns.

import { createServer } from "node:net";
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

import { mixedStanzas } from "./corpus.js";
import { flood } from "./flood.js";
import { PingPong, type PingPongOptions } from "./ping-pong.js";
import { cpuSeconds } from "./process-accounting.js";
import { delegatedIq } from "./stanzas.js";
import { openSession, type Door, type Session } from "./xmpp-session.js";

/** What the harness may ask; each command has one answer. */
export type GeneratorCommand =
  | { readonly kind: "open"; readonly group: string; readonly door: Door; readonly count: number }
  | { readonly kind: "close"; readonly group: string }
  | {
      readonly kind: "ping-pong";
      readonly group: string;
      readonly first?: number;
      readonly options: PingPongOptions;
      readonly pacing?: Pacing;
    }
  /** Mixed stanzas up: `rounds` times on each session. */
  | { readonly kind: "flood"; readonly group: string; readonly corpusBytes: number; readonly rounds: number }
  /** Mixed stanzas down: waits until `bytes` have arrived over all sessions of the group. */
  | { readonly kind: "swallow"; readonly group: string; readonly bytes: number; readonly pids: readonly number[] }
  /** Sends `count` delegated requests that the managing entity keeps, spread over the group. */
  | { readonly kind: "keep-waiting"; readonly group: string; readonly count: number };

/** The pacer runs on other cores than the measured processes. */
export interface Pacing {
  readonly socket: string;
  readonly cores: string;
}

const OPENED_AT_ONCE = 64;

const groups = new Map<string, readonly Session[]>();

async function obey(command: GeneratorCommand): Promise<object> {
  switch (command.kind) {
    case "open":
      return await open(command.group, command.door, command.count);
    case "close":
      await Promise.all(sessionsOf(command.group).map((session) => session.close()));
      groups.delete(command.group);
      return {};
    case "ping-pong": {
      const sessions = sessionsOf(command.group).slice(0, command.first);
      const load = new PingPong(sessions, command.options);
      const { rate } = command.options;
      if (rate === undefined || command.pacing === undefined) return await load.run();
      return await paced(load, rate, command.pacing);
    }
    case "flood":
      await flood(
        sessionsOf(command.group).map(({ socket }) => socket),
        mixedStanzas(command.corpusBytes),
        command.rounds,
      );
      return {};
    case "swallow":
      return await swallow(sessionsOf(command.group), command.bytes, command.pids);
    case "keep-waiting": {
      const sessions = sessionsOf(command.group);
      for (let index = 0; index < command.count; index++) {
        sessions[index % sessions.length]?.socket.write(delegatedIq(`keep-${index}`));
      }
      return {};
    }
    default:
      return unknownCommand(command);
  }
}

async function open(group: string, door: Door, count: number): Promise<object> {
  const sessions: Session[] = [];
  groups.set(group, sessions);
  let started = 0;
  const opener = async (): Promise<void> => {
    while (started < count) sessions.push(await openSession(door, started++));
  };
  await Promise.all(Array.from({ length: Math.min(OPENED_AT_ONCE, count) }, opener));
  return { protection: sessions[0]?.protection };
}

async function paced(load: PingPong, rate: number, pacing: Pacing): Promise<object> {
  const listener = createServer((socket) => {
    socket.on("data", (beats) => {
      for (let index = 0; index < beats.length; index++) load.tick();
    });
    socket.on("error", () => socket.destroy());
  });
  await new Promise<void>((resolve) => listener.listen(pacing.socket, resolve));
  const file = fileURLToPath(new URL("pacer.ts", import.meta.url));
  const command = ["-c", pacing.cores, process.execPath, "--import", import.meta.resolve("tsx"), file];
  const pacer = spawn("taskset", [...command, pacing.socket, String(rate)], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const gone = new Promise((resolve) => pacer.once("exit", resolve));
  try {
    return await load.run();
  } finally {
    pacer.kill();
    await gone;
    await new Promise((resolve) => listener.close(resolve));
  }
}

function swallow(sessions: readonly Session[], bytes: number, pids: readonly number[]): Promise<object> {
  return new Promise((resolve) => {
    let received = 0;
    let startedAt = 0;
    const cpuBefore = pids.map(cpuSeconds);
    for (const session of sessions) {
      session.onData = (chunk) => {
        if (received === 0) startedAt = performance.now();
        received += chunk.length;
        if (received < bytes) return;
        const cpu = pids.map((pid, index) => cpuSeconds(pid) - (cpuBefore[index] ?? 0));
        resolve({ cpuSeconds: cpu, seconds: (performance.now() - startedAt) / 1000 });
      };
    }
  });
}

function sessionsOf(group: string): readonly Session[] {
  const sessions = groups.get(group);
  if (sessions === undefined) throw new RangeError(`no sessions are called ${group}`);
  return sessions;
}

function unknownCommand(command: never): never {
  throw new RangeError(`unknown command: ${JSON.stringify(command)}`);
}

process.on("message", (command: GeneratorCommand) => {
  obey(command).then(
    (answer) => process.send?.(answer),
    (error: unknown) => process.send?.({ failure: error instanceof Error ? error.message : String(error) }),
  );
});
process.on("disconnect", () => process.exit());
process.stdout.write("ready\n");
