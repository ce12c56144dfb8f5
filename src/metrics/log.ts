import type { Families } from "./families.js";

/** `dropped` is read at each scrape: reason → lines. */
export function declareLog(families: Families, dropped: ReadonlyMap<string, number>): void {
  families.counter(
    {
      name: "caesura_log_lines_dropped_total",
      help: "Lines of the log that could not be written, by why",
      labels: ["reason"],
    },
    (sample) => {
      for (const [reason, lines] of dropped) sample(lines, reason);
    },
  );
}
