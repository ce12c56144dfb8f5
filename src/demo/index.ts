import { Page } from "./page.js";
import { cast, setStage, type Stage, StopList } from "./stage.js";
import { tell } from "./story.js";

/**
 * The demonstration: a server that cannot delegate, Caesura in front of it, a managing entity and a client.
 *
 * 1. Everything is on the loopback, in a temporary folder, and stopped by whoever started it, whatever happens.
 * 2. What is printed was seen on the wire; when an exchange goes another way than the text says, the demonstration fails.
 */
export interface DemoOptions {
  /** End after the round trip. */
  readonly once: boolean;
  /** Do without Prosody even where it is installed. */
  readonly withoutProsody: boolean;
  readonly hasColours: boolean;
  readonly write: (text: string) => void;
}

/** Runs until a signal, or until the round trip with `once`. Errors  with the reason, after everything was stopped. */
export async function runDemo({ once, withoutProsody, hasColours, write }: DemoOptions): Promise<void> {
  const page = new Page(write, hasColours);
  const stops = new StopList();
  const interrupted = new Promise<"interrupted">((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
      process.once(signal, () => {
        resolve("interrupted");
      });
  });
  const killAll = (): void => {
    for (const program of stops.programs) program.kill();
  };
  process.once("exit", killAll);
  try {
    const shown = show({ withoutProsody, page }, stops);
    const first = await Promise.race([shown, interrupted]);
    if (first === "interrupted") {
      // What is being started right now has to be there before it can be stopped.
      await shown.catch(() => undefined);
      return;
    }
    page.line();
    if (!once) {
      page.line("Everything keeps running until Ctrl-C. Any client may log in, too:");
      page.line(
        `${cast.user}@${cast.domain}, password ${cast.password}, server 127.0.0.1, port ${String(first.clientPort)}`,
      );
    }
    page.line(`Status page: ${first.statusPage}`);
    if (once) return;
    const end = await Promise.race([interrupted, first.broken]);
    if (end !== "interrupted") throw new Error(end);
    page.line();
  } finally {
    await stops.stop();
    process.off("exit", killAll);
  }
}

async function show(options: { withoutProsody: boolean; page: Page }, stops: StopList): Promise<Stage> {
  const { withoutProsody, page } = options;
  page.heading("Starting, everything on this machine's loopback");
  const say = (what: string, where: string): void => {
    page.standing(what, where);
  };
  const stage = await setStage({ withoutProsody, say }, stops);
  await Promise.race([
    tell(stage, page),
    stage.broken.then((reason) => {
      throw new Error(reason);
    }),
  ]);
  return stage;
}
