import type { Ports } from "./ports.js";

/** What a command talks to; the process's own in `caesura.ts`, recorders in tests. */
export interface Terminal {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
  readonly stdin: AsyncIterable<Uint8Array>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** True if standard output may show colours. */
  readonly hasColours: boolean;
  /** True if standard input is a person's keyboard. */
  readonly isTyped?: boolean;
  /** How much standard output shows at once, which changes as the window does; undefined where that is no terminal. */
  readonly size?: () => ScreenSize | undefined;
  /** How ports are tried; absent: they are not. */
  readonly ports?: Ports;
}

export interface ScreenSize {
  readonly columns: number;
  readonly rows: number;
}

/** How a process ends (sysexits are not used: three outcomes are all that a script asks for). */
export const exitCode = { clean: 0, failure: 1, usage: 2 } as const;
