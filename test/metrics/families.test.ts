import { describe, expect, test } from "vitest";
import { declareProcess, Families, Tally } from "../../src/metrics/index.js";

describe("families", () => {
  test("are read when somebody asks, and show what is true then", async () => {
    const families = new Families();
    let stanzas = 1;
    families.counter({ name: "caesura_stanzas_total", help: "Stanzas", labels: ["kind"] }, (sample) =>
      sample(stanzas, "iq"),
    );
    expect(await families.text()).toContain('caesura_stanzas_total{kind="iq"} 1');
    stanzas = 5;
    expect(await families.text()).toContain('caesura_stanzas_total{kind="iq"} 5');
  });

  test("forget label sets that nobody names any more", async () => {
    const families = new Families();
    let rules = ["urn:xmpp:mam:2", "jabber:iq:version"];
    families.gauge({ name: "caesura_rules", help: "Rules", labels: ["rule"] }, (sample) => {
      for (const rule of rules) sample(1, rule);
    });
    expect(await families.text()).toContain('rule="jabber:iq:version"');
    rules = ["urn:xmpp:mam:2"];
    const text = await families.text();
    expect(text).not.toContain("jabber:iq:version");
    expect(text).toContain('rule="urn:xmpp:mam:2"');
  });

  test("escape what a configured name may hold", async () => {
    const families = new Families();
    families.gauge({ name: "caesura_rules", help: "Rules", labels: ["rule"] }, (sample) => sample(1, 'a"b\\c\nd'));
    expect(await families.text()).toContain('caesura_rules{rule="a\\"b\\\\c\\nd"} 1');
  });

  test("show the process and its event loop", async () => {
    const families = new Families();
    const watching = declareProcess(families, { version: "1.2.3" });
    const text = await families.text();
    watching.stop();
    expect(text).toContain(`caesura_build_info{version="1.2.3",node="${process.version}"} 1`);
    for (const name of ["process_cpu_seconds_total", "process_resident_memory_bytes", "process_start_time_seconds"])
      expect(text).toMatch(new RegExp(`^${name} [0-9.]*[1-9]`, "m"));
    expect(text).toContain('nodejs_eventloop_delay_seconds{rank="p99"}');
  });
});

describe("a tally", () => {
  test("counts by its labels, shows what is expected from the start, and drops what is not kept", () => {
    const tally = new Tally<readonly [rule: string, outcome: string]>();
    tally.expect("mam", "result");
    tally.add("pubsub", "error");
    tally.add("pubsub", "error");
    const read = (): unknown[] => {
      const samples: unknown[] = [];
      tally.read((...sample) => samples.push(sample), "capulet.lit");
      return samples;
    };
    expect(read()).toEqual([
      [0, "capulet.lit", "mam", "result"],
      [2, "capulet.lit", "pubsub", "error"],
    ]);
    tally.retain((rule) => rule === "mam");
    expect(read()).toEqual([[0, "capulet.lit", "mam", "result"]]);
  });
});
