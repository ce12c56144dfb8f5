import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cannotRun } from "../../support/peer.js";
import { prosodyModules } from "../../support/prosody.js";
import { entityJid, verseNs } from "../../support/scene.js";
import { differences } from "../../support/transcript.js";
import { nesting, nestingBesidePep, specialNodes } from "./discovery.js";
import { listed } from "./listed.js";
import { conversations, echoJid, filteredNs } from "./requests.js";
import { ours, reference, type Setting, type Side, transcript } from "./stage.js";

// The same conversations twice: with Prosody and mod_delegation of prosody-modules, and with Caesura in front of Prosody
// without it. What clients and the managing entity see is the same, or the difference stands in
// docs/comparison-with-mod-delegation.md, line for line and with its reason.

const setting: Setting = {
  components: [entityJid, echoJid],
  delegations: {
    [verseNs]: { jid: entityJid },
    [filteredNs]: { jid: entityJid, filtering: ["node"] },
  },
};

describe.skipIf(cannotRun("prosody", "openssl", prosodyModules))("beside Prosody with mod_delegation", () => {
  let theirs: Side;
  let mine: Side;
  beforeAll(async () => {
    theirs = await reference(setting);
    mine = await ours(setting);
  });
  afterAll(async () => {
    await theirs.stop();
    await mine.stop();
  });

  test.each(conversations.map((conversation) => [conversation.name, conversation] as const))(
    "%s: everybody sees the same, or what docs/comparison-with-mod-delegation.md says",
    async (name, conversation) => {
      const found = differences(await transcript(theirs, conversation), await transcript(mine, conversation));
      expect(found).toEqual(listed.get(name) ?? []);
    },
  );
});

test("docs/comparison-with-mod-delegation.md lists no conversation that is not played", () => {
  const played = new Set([...conversations, ...specialNodes, ...nesting, ...nestingBesidePep].map(({ name }) => name));
  expect([...listed.keys()].filter((heading) => !played.has(heading))).toEqual([]);
});
