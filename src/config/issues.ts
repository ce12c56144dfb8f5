import type { z } from "zod";
import type { ConfigDocument } from "./document.js";
import { formatPath } from "./source.js";
import type { Complaint, DocumentPath } from "./source.js";
import { asRecord, scalarText } from "./shape.js";
import { didYouMean, nearest } from "./suggest.js";
import { durationPattern, sizePattern } from "./units.js";
import { exampleOf, hintForType, withUnit } from "./value-hints.js";
import { proxyVocabulary } from "./vocabulary.js";
import type { Vocabulary } from "./vocabulary.js";

type Issue = z.core.$ZodIssue;

/**
 * Says in an operator's words what a schema has against the document, each with its position. `words` is what may stand
 * in such a document; `proxy.yaml` if absent.
 */
export function complainAboutIssues(
  document: ConfigDocument,
  issues: readonly Issue[],
  words: Vocabulary = proxyVocabulary(),
): void {
  // Who writes "domian" is told of that, and not that "domains" is missing besides.
  for (const issue of issues) {
    if (issue.code !== "unrecognized_keys") continue;
    const path = pathOf(issue);
    const known = [...words.propertiesOf(path)];
    for (const key of issue.keys) {
      const meant = key === mergeKey ? known : [nearest(key, known)];
      for (const name of meant) if (name !== undefined) document.excuse([...path, name]);
    }
  }
  for (const issue of issues) {
    const path = pathOf(issue);
    if (issue.code === "unrecognized_keys") {
      for (const key of issue.keys) {
        if (document.isFull) return;
        const complaint = { code: "unknown-key", message: `Unknown key ${JSON.stringify(key)}.` } as const;
        const hint = key === mergeKey ? describeMerge : words.hintForKey(path, key);
        document.complain([...path, key], { ...complaint, hint }, "key");
      }
    } else {
      const value = valueAt(document.value, path);
      const isKey = issue.code === "invalid_key";
      if (value === undefined && path.length > 0) document.complain(path, describeMissing(document, path, words));
      else
        document.complain(
          path,
          isKey ? describeKey(path) : describe(issue, path, value, words),
          isKey ? "key" : "value",
        );
    }
  }
}

const mergeKey = "<<";
const describeMerge = "Merge keys belong to YAML 1.1: write the keys out, or use an alias for the value as a whole.";

function pathOf(issue: Issue): DocumentPath {
  return issue.path.map((step) => (typeof step === "number" ? step : String(step)));
}

function describeMissing(document: ConfigDocument, path: DocumentPath, words: Vocabulary): Complaint {
  const parent = path.slice(0, -1);
  const name = formatPath(path.slice(-1));
  const strangers = Object.keys(asRecord(valueAt(document.value, parent)) ?? {}).filter(
    (key) => !words.propertiesOf(parent).has(key),
  );
  const meant = nearest(name, strangers);
  const example = exampleOf(words.schemaAt(path));
  const [, host, port] = /^(.+):([0-9]+)$/.exec(scalarText(valueAt(document.value, [...parent, "host"]))) ?? [];
  const hints = [
    ...(meant === undefined ? [] : [`Is ${JSON.stringify(meant)} meant?`]),
    ...(name === "port" && host !== undefined && port !== undefined
      ? [`Write host: ${host}, port: ${port}`]
      : example === undefined
        ? []
        : [`For example: ${name}: ${example}`]),
  ];
  return {
    code: "missing-key",
    message: `${quoted(path)} is missing${inside(path)}.`,
    hint: hints.length === 0 ? undefined : hints.join(" "),
  };
}

function describe(issue: Issue, path: DocumentPath, value: unknown, words: Vocabulary): Complaint {
  switch (issue.code) {
    case "invalid_type":
      return describeType(path, value, issue.expected, words);
    case "invalid_value":
      return describeChoice(path, value, issue.values.map(String));
    case "invalid_union":
      // The path of a union's issue ends with the key that chooses: "kind" of a listener.
      return describeChoice(path, value, words.constantsAt(path));
    case "invalid_format":
      return describeFormat(path, value, words);
    case "too_big":
    case "too_small":
      return describeSize(path, value, words);
    case "custom":
      return describeRange(path, value, issue.message);
    default:
      return { code: "invalid-value", message: `${quoted(path)} has a value that cannot be used: ${shown(value)}.` };
  }
}

function describeType(path: DocumentPath, value: unknown, expected: string, words: Vocabulary): Complaint {
  const pattern = words.schemaAt(path)?.pattern;
  if (typeof value === "number" && (pattern === durationPattern.source || pattern === sizePattern.source)) {
    const meant = withUnit(value, pattern === durationPattern.source ? "duration" : "size");
    return { code: "missing-unit", message: `${quoted(path)} needs a unit.`, hint: `For example ${meant}` };
  }
  if (value === null) {
    return {
      code: "empty-value",
      message: `${quoted(path)} is empty.`,
      hint:
        expected === "string"
          ? "Give it a value, or remove the key."
          : "Give it content, or remove the key; {} is an empty mapping.",
    };
  }
  const kinds: ReadonlyMap<string, string> = new Map([
    ["object", "a mapping"],
    ["record", "a mapping"],
    ["array", "a list"],
    ["string", "text"],
    ["int", "a whole number"],
    ["number", "a whole number"],
    ["boolean", "true or false"],
  ]);
  const subject = path.length === 0 ? "The file" : quoted(path);
  return {
    code: "wrong-type",
    message: `${subject} must be ${kinds.get(expected) ?? expected}, not ${kindOf(value)}.`,
    hint: hintForType(path.at(-1), value, expected, words.schemaAt(path)),
  };
}

function describeChoice(path: DocumentPath, value: unknown, choices: readonly string[]): Complaint {
  if (path.length === 1 && path[0] === "version") {
    return {
      code: "unsupported-version",
      message: `Version ${shown(value)} of the file's layout is not known here.`,
      hint: value === "1" ? "Write it without quotes: version: 1" : "This Caesura reads version 1: write version: 1",
    };
  }
  const list = choices.length === 1 ? String(choices[0]) : `one of ${choices.join(", ")}`;
  return {
    code: "wrong-choice",
    message: `${quoted(path)} must be ${list}, not ${shown(value)}.`,
    hint: hintForChoice(path, value, choices),
  };
}

function hintForChoice(path: DocumentPath, value: unknown, choices: readonly string[]): string | undefined {
  // YAML 1.1 read these words as booleans, and other programs' files are full of them.
  const isOff = value === false || (typeof value === "string" && /^(?:no|off|false)$/i.test(value));
  if (isOff && choices.includes("none")) return `Write ${String(path.at(-1))}: none`;
  return typeof value === "string" ? didYouMean(value, choices) : undefined;
}

function describeFormat(path: DocumentPath, value: unknown, words: Vocabulary): Complaint {
  const pattern = words.schemaAt(path)?.pattern;
  if (pattern === durationPattern.source) {
    return {
      code: "invalid-duration",
      message: `${quoted(path)} is no duration: ${shown(value)}.`,
      hint: "Write a number and ms, s, m or h, without a space: 500ms, 30s, 5m.",
    };
  }
  if (pattern === sizePattern.source) {
    return {
      code: "invalid-size",
      message: `${quoted(path)} is no size: ${shown(value)}.`,
      hint: "Write a number and B, KB, KiB, MB or MiB, without a space: 10KB (10 000 bytes), 256KiB.",
    };
  }
  if (path.includes("identities")) {
    return {
      code: "invalid-identity",
      message: `${shown(value)} is no disco identity.`,
      hint: "Write category/type, for example pubsub/pep.",
    };
  }
  return { code: "invalid-value", message: `${quoted(path)} has characters that cannot be there: ${shown(value)}.` };
}

function describeSize(path: DocumentPath, value: unknown, words: Vocabulary): Complaint {
  const schema = words.schemaAt(path);
  if (typeof value === "number") {
    const range = `${schema?.minimum ?? 0} to ${schema?.maximum ?? Number.MAX_SAFE_INTEGER}`;
    return { code: "out-of-range", message: `${quoted(path)} is out of range: ${value}.`, hint: `Allowed: ${range}.` };
  }
  if (typeof value === "string") {
    const what = value === "" ? "is empty" : `is too long: ${value.length} characters`;
    return { code: value === "" ? "empty-value" : "too-long", message: `${quoted(path)} ${what}.` };
  }
  if (Array.isArray(value)) {
    const what = value.length === 0 ? "is empty; it needs at least one entry" : `has too many entries: ${value.length}`;
    return { code: value.length === 0 ? "empty-value" : "too-long", message: `${quoted(path)} ${what}.` };
  }
  return { code: "out-of-range", message: `${quoted(path)} is out of range.` };
}

function describeRange(path: DocumentPath, value: unknown, message: string): Complaint {
  const range = message.replace("out of range: ", "");
  const isFloor = path[0] === "limits" && /stanza$/i.test(String(path.at(-1)));
  return {
    code: "out-of-range",
    message: `${quoted(path)} is out of range: ${shown(value)}.`,
    hint: `Allowed: ${range}.${isFloor ? " No server may refuse stanzas of 10 000 bytes (RFC 6120 §13.12)." : ""}`,
  };
}

function describeKey(path: DocumentPath): Complaint {
  const key = String(path.at(-1) ?? "");
  const what = key === "" ? "is empty" : `is too long: ${key.length} characters`;
  return { code: "invalid-key", message: `This name ${what}.` };
}

function valueAt(value: unknown, path: DocumentPath): unknown {
  let here = value;
  for (const step of path) {
    if (typeof here !== "object" || here === null || !Object.hasOwn(here, step)) return undefined;
    here = Reflect.get(here, step);
  }
  return here;
}

function quoted(path: DocumentPath): string {
  const last = path.at(-1);
  if (typeof last !== "number") return JSON.stringify(last ?? "the file");
  return `Entry ${last + 1} of ${JSON.stringify(String(path.at(-2) ?? ""))}`;
}

function inside(path: DocumentPath): string {
  const parent = formatPath(path.slice(0, -1));
  return parent === "" ? "" : ` in ${parent}`;
}

function kindOf(value: unknown): string {
  if (value === null) return "empty";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "a mapping";
  if (typeof value === "string") return `text (${shown(value)})`;
  return JSON.stringify(value) ?? "nothing";
}

/** A value for a message: short, in one line. */
function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  return kindOf(value);
}
