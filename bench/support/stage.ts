import { setTimeout as delay } from "node:timers/promises";

import { makeCertificate, type Certificate } from "./certificate.js";
import type { Child } from "./child.js";
import type { EchoCommand } from "./echo-server.js";
import type { GeneratorCommand, Pacing } from "./generator.js";
import type { PingPongOptions, PingPongResult } from "./ping-pong.js";
import { freePort } from "./port.js";
import type { Run } from "./run.js";
import { DOMAIN } from "./stanzas.js";
import type { Door } from "./xmpp-session.js";

/**
 * Which core does what. A relay on one core and generator and backend on the other give CPU per stanza; all on one core give
 * added latency. Unpinned, the same relay gave ratios from 1.9 to 2.6.
 */
export const RELAY_CORE = "0";
export const LOAD_CORE = "1";

const ANSWER_MS = 240_000;
const SETTLE_MS = 15_000;

/** The generator, seen from the harness. */
export class Generator {
  readonly process: Child;

  private constructor(process: Child) {
    this.process = process;
  }

  static async start(run: Run, cores: string): Promise<Generator> {
    const process = run.startProgram("generator.ts", [], { name: "generator", cores });
    await process.printed(/ready/);
    return new Generator(process);
  }

  /** Opens sessions and returns how the first of them is protected. */
  async open(group: string, door: Door, count: number): Promise<string> {
    const answer = await this.#ask<{ protection: string }>({ kind: "open", group, door, count });
    return answer.protection;
  }

  async close(group: string): Promise<void> {
    await this.#ask({ kind: "close", group });
  }

  /** Request and answer over the sessions of a group, or over the first few of them. */
  async pingPong(
    group: string,
    options: PingPongOptions,
    more: { first?: number; pacing?: Pacing } = {},
  ): Promise<PingPongResult> {
    return await this.#ask<PingPongResult>({ kind: "ping-pong", group, options, ...more });
  }

  async flood(group: string, corpusBytes: number, rounds: number): Promise<void> {
    await this.#ask({ kind: "flood", group, corpusBytes, rounds });
  }

  async swallow(
    group: string,
    bytes: number,
    pids: readonly number[],
  ): Promise<{ cpuSeconds: number[]; seconds: number }> {
    return await this.#ask({ kind: "swallow", group, bytes, pids });
  }

  async keepWaiting(group: string, count: number): Promise<void> {
    await this.#ask({ kind: "keep-waiting", group, count });
  }

  async #ask<Answer>(command: GeneratorCommand): Promise<Answer> {
    return await this.process.ask<Answer>(command, ANSWER_MS);
  }
}

/** The stand-in for the XMPP server. */
export class EchoServer {
  readonly process: Child;
  readonly port: number;

  private constructor(process: Child, port: number) {
    this.process = process;
    this.port = port;
  }

  static async start(run: Run, cores: string): Promise<EchoServer> {
    const port = await freePort();
    const process = run.startProgram("echo-server.ts", [String(port)], { name: "echo server", cores });
    await process.printed(/ready/);
    return new EchoServer(process, port);
  }

  async ask(command: EchoCommand): Promise<void> {
    await this.process.ask(command, ANSWER_MS);
  }

  /** Waits until exactly `sessions` are bound: those of an earlier measurement may still be closing. */
  async holds(sessions: number): Promise<void> {
    const deadline = performance.now() + SETTLE_MS;
    while ((await this.process.ask<{ bound: number }>({ kind: "count" }, ANSWER_MS)).bound !== sessions) {
      if (performance.now() > deadline) throw new Error(`the backend does not come to hold ${sessions} sessions`);
      await delay(20);
    }
  }
}

/** What every bench against HAProxy stands on: a certificate, a backend, a generator. */
export interface Stage {
  readonly certificate: Certificate;
  readonly backend: EchoServer;
  readonly generator: Generator;
}

export async function setStage(run: Run, cores: string): Promise<Stage> {
  const certificate = makeCertificate(run, DOMAIN);
  return { certificate, backend: await EchoServer.start(run, cores), generator: await Generator.start(run, cores) };
}
