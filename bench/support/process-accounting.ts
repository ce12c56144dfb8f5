import { readFileSync } from "node:fs";

/** `getconf CLK_TCK`; Linux reports process times in this unit on every architecture that Node runs on. */
const TICKS_PER_SECOND = 100;
const PAGE_BYTES = 4096;

/**
 * User and system CPU seconds of a process, all its threads together, from `/proc/PID/stat`.
 *
 * Units   seconds, in steps of 10 ms: measure for long enough.
 * Errors  throws when the process is gone, which no run survives.
 */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  // The second field is the command in parentheses and may hold spaces; utime and stime are fields 14 and 15.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** CPU seconds of several processes together. */
export function cpuSecondsOf(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0);
}

/** Resident set of a process in bytes, from `/proc/PID/statm`. */
export function residentBytes(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/statm`, "latin1").split(" ")[1]) * PAGE_BYTES;
}

/** How many file descriptors a process of ours may open; `Number.MAX_SAFE_INTEGER` when unlimited. */
export function maxOpenFiles(): number {
  const line = readFileSync("/proc/self/limits", "latin1").match(/^Max open files\s+(\S+)/m)?.[1];
  return line === undefined || line === "unlimited" ? Number.MAX_SAFE_INTEGER : Number(line);
}
