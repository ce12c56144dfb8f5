import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { resolve } from "node:path";
import type { ConfigDocument } from "./document.js";
import type { ProblemCode } from "./problem.js";
import type { Complaint, DocumentPath } from "./source.js";

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
  | { readonly ok: false; readonly code: ProblemCode; readonly message: string; readonly hint?: string };

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
    if (!stat.isFile()) return { ok: false, code: "not-a-file", message: `${shown} is no regular file.` };
    if (stat.size > maxBytes) {
      return { ok: false, code: "file-too-large", message: `${shown} is larger than ${maxBytes} bytes.` };
    }
    const bytes = readAll(descriptor, maxBytes);
    if (bytes === undefined) {
      return { ok: false, code: "file-too-large", message: `${shown} is larger than ${maxBytes} bytes.` };
    }
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return { ok: true, file: { path, text, mode: stat.mode } };
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
  switch (code) {
    case "ENOENT":
    case "ENOTDIR":
      return {
        ok: false,
        code: "file-missing",
        message: `There is no file ${shown}.`,
        hint: "Paths are relative to the folder of the configuration file.",
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
    case "ERR_ENCODING_INVALID_ENCODED_DATA":
      return { ok: false, code: "file-not-text", message: `${shown} is no text in UTF-8.` };
    default:
      return { ok: false, code: "file-unreadable", message: `${shown} cannot be read${code && ` (${code})`}.` };
  }
}
