import { isUtf8 } from "node:buffer";
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { resolve } from "node:path";
import type { ConfigDocument } from "./document.js";
import type { ProblemCode } from "./problem.js";
import type { Complaint, DocumentPath, Position } from "./source.js";

/** A file that the configuration names, as it was read. */
export interface NamedFile {
  /** Absolute. */
  readonly path: string;
  readonly text: string;
  /** Permission bits. */
  readonly mode: number;
}

export type ReadResult =
  | { readonly ok: true; readonly file: NamedFile }
  | {
      readonly ok: false;
      readonly code: ProblemCode;
      readonly message: string;
      readonly hint?: string;
      /** Where in the file, if it could be read as far as that. */
      readonly place?: Position;
    };

/**
 * Reads a small text file whole.
 *
 * Errors  never throws: what is missing, unreadable, no regular file, over `maxBytes`, or not UTF-8 is said in the result.
 *         Not blocking on a FIFO or a device, which would stop a reload for ever.
 */
export function readTextFile(path: string, maxBytes: number): ReadResult {
  const shown = JSON.stringify(path);
  let descriptor: number | undefined;
  try {
    // O_NONBLOCK: opening a FIFO without it waits for a writer.
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stat = fstatSync(descriptor);
    if (!stat.isFile()) {
      const what = stat.isDirectory() ? "a folder" : stat.isFIFO() ? "a pipe" : "no regular file";
      return { ok: false, code: "not-a-file", message: `${shown} is ${what}.` };
    }
    if (stat.size > maxBytes) {
      return { ok: false, code: "file-too-large", message: `${shown} is larger than ${maxBytes} bytes.` };
    }
    const bytes = readAll(descriptor, maxBytes);
    if (bytes === undefined) {
      return { ok: false, code: "file-too-large", message: `${shown} is larger than ${maxBytes} bytes.` };
    }
    if (!isUtf8(bytes)) return { ok: false, code: "file-not-text", ...describeEncoding(bytes, path) };
    return { ok: true, file: { path, text: new TextDecoder("utf-8").decode(bytes), mode: stat.mode } };
  } catch (error) {
    return describeFailure(error, path, shown);
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

/** Reads a file that the value at `at` names, relative to `folder`; complains if it cannot be read. */
export function readNamedFile(
  document: ConfigDocument,
  at: DocumentPath,
  folder: string,
  name: string,
): NamedFile | undefined {
  const result = readTextFile(resolve(folder, name), maxNamedFileBytes);
  if (result.ok) {
    if (isWorldWritable(result.file)) document.complain(at, describeWorldWritable(result.file.path));
    return result.file;
  }
  const hint = name.startsWith("~") ? "A leading ~ is not expanded; write the whole path." : result.hint;
  document.complain(at, { code: result.code, message: result.message, hint });
  return undefined;
}

export function isWorldWritable({ mode }: Pick<NamedFile, "mode">): boolean {
  return (mode & 0o002) !== 0;
}

export function describeWorldWritable(path: string): Complaint {
  return {
    severity: "warning",
    code: "world-writable",
    message: `Every user of this machine may change ${JSON.stringify(path)}.`,
    hint: `chmod o-w ${path}`,
  };
}

// A certificate chain of ten has some twenty kilobytes, the list of all public authorities a quarter of a megabyte.
const maxNamedFileBytes = 2 * 1024 * 1024;

function readAll(descriptor: number, maxBytes: number): Buffer | undefined {
  // The size that stat told may be outdated: a file may grow or shrink while it is read.
  const buffer = Buffer.alloc(maxBytes + 1);
  let length = 0;
  for (;;) {
    const count = readSync(descriptor, buffer, length, buffer.length - length, null);
    if (count === 0) return buffer.subarray(0, length);
    length += count;
    if (length > maxBytes) return undefined;
  }
}

function describeFailure(error: unknown, path: string, shown: string): ReadResult {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const [, unit] = /^\/run\/credentials\/([^/]+)\//.exec(path) ?? [];
  if (unit !== undefined && /^E(?:NOENT|NOTDIR|ACCES|PERM)$/.test(code)) {
    return {
      ok: false,
      code: "credential-missing",
      message: `${shown} is not there, or not for this user: systemd shows it to ${unit} while that runs.`,
      hint: `To look at the files before that, check a copy that names them as LoadCredential= of ${unit} does.`,
    };
  }
  switch (code) {
    case "ENOENT":
    case "ENOTDIR":
      return {
        ok: false,
        code: "file-missing",
        message: `There is no file ${shown}.`,
        hint: path.includes("$")
          ? "Variables are not replaced in paths; the credentials of caesura.service are in /run/credentials/caesura.service."
          : "Paths are relative to the folder of the configuration file.",
      };
    case "EACCES":
    case "EPERM":
      return {
        ok: false,
        code: "file-unreadable",
        message: `${shown} may not be read by this user.`,
        hint: `Give the user that runs Caesura the right to read it: chgrp caesura ${path}; chmod 640 ${path}`,
      };
    case "EISDIR":
      return { ok: false, code: "not-a-file", message: `${shown} is a folder.` };
    default:
      return { ok: false, code: "file-unreadable", message: `${shown} cannot be read${code && ` (${code})`}.` };
  }
}

/** Says what a file is that is no text in UTF-8, and where that shows. */
function describeEncoding(bytes: Buffer, path: string): Omit<Extract<ReadResult, { ok: false }>, "ok" | "code"> {
  const shown = JSON.stringify(path);
  const [first, second] = bytes;
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)) {
    const hint = `iconv -f UTF-16 -t UTF-8 ${path} turns it into UTF-8.`;
    return { message: `${shown} is in UTF-16, and is read as UTF-8.`, hint };
  }
  if (bytes.includes(0)) return { message: `${shown} is no text.` };
  const offset = firstInvalid(bytes);
  const before = bytes.subarray(0, offset);
  const place = {
    line: before.reduce((count, byte) => (byte === 0x0a ? count + 1 : count), 1),
    column: before.subarray(before.lastIndexOf(0x0a) + 1).toString("utf8").length + 1,
  };
  const byte = (bytes[offset] ?? 0).toString(16).toUpperCase();
  const hint = `If it is in ISO 8859-1: iconv -f ISO-8859-1 -t UTF-8 ${path}`;
  return { message: `${shown} is no text in UTF-8: the byte ${byte} cannot stand here.`, hint, place };
}

/** The offset of the first byte that is not UTF-8, in a text that is not. */
function firstInvalid(bytes: Buffer): number {
  let [good, bad] = [0, bytes.length];
  // A beginning is good if it can be continued: a character that the cut leaves incomplete is no mistake.
  const isGood = (end: number): boolean => {
    try {
      new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(0, end), { stream: true });
      return true;
    } catch {
      return false;
    }
  };
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    if (isGood(middle)) good = middle;
    else bad = middle;
  }
  // What was left incomplete is what is wrong: it goes on otherwise.
  while (!isUtf8(bytes.subarray(0, good))) good -= 1;
  return good;
}
