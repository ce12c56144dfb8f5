import { Element } from "../xml/index.js";

/** One file of cases, as a program of continuous integration sees it. */
export interface JunitSuite {
  readonly file: string;
  /** Why no case could be run. */
  readonly problems: readonly string[];
  readonly cases: readonly { readonly name: string; readonly line: number; readonly failure: string | undefined }[];
}

/** The results in the XML of JUnit, which systems of continuous integration show. */
export function junit(suites: readonly JunitSuite[]): string {
  const root = new Element("testsuites");
  for (const { file, problems, cases } of suites) {
    const failures = cases.filter(({ failure }) => failure !== undefined).length;
    const suite = root.c("testsuite", {
      name: legal(file),
      tests: String(cases.length + problems.length),
      failures: String(failures),
      errors: String(problems.length),
    });
    for (const problem of problems)
      suite
        .c("testcase", { name: legal(file) })
        .c("error")
        .t(legal(problem));
    for (const { name, line, failure } of cases) {
      const one = suite.c("testcase", {
        name: legal(name),
        classname: legal(file),
        file: legal(file),
        line: String(line),
      });
      if (failure !== undefined) one.c("failure", { message: legal(failure.split("\n")[0] ?? "") }).t(legal(failure));
    }
  }
  return `<?xml version="1.0" encoding="UTF-8"?>\n${root.toString()}\n`;
}

/** XML 1.0 §2.2 has no place for most control characters, not even as references, nor for half a surrogate pair. */
function legal(text: string): string {
  return text.replaceAll(/[^\t\n\r\x20-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, "\u{fffd}");
}
