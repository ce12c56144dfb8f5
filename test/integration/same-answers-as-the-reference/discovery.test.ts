import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { befriend } from "../../support/libervia-requests.js";
import { cannotRun } from "../../support/peer.js";
import { prosodyModules } from "../../support/prosody.js";
import { entityJid, verseNs } from "../../support/scene.js";
import { differences } from "../../support/transcript.js";
import {
  bareDiscoInfo,
  bareDiscoItems,
  discoAnswers,
  nesting,
  nestingBesidePep,
  pubsubNs,
  specialNodes,
} from "./discovery.js";
import { listed } from "./listed.js";
import type { Conversation } from "./requests.js";
import { ours, reference, type Setting, type Side, transcript } from "./stage.js";

// Service discovery on both sides, as clients that browse accounts see it. What differs is listed in
// docs/comparison-with-mod-delegation.md.

const setting: Setting = {
  components: [entityJid],
  delegations: Object.fromEntries(
    [verseNs, pubsubNs, `${pubsubNs}#owner`, bareDiscoInfo, bareDiscoItems].map((name) => [name, { jid: entityJid }]),
  ),
  identities: { [pubsubNs]: ["pubsub/pep"] },
};

// What is delegated is switched off, as operators should.
const settings: readonly (readonly [string, Setting, readonly Conversation[]])[] = [
  ["switched off", { ...setting, without: ["pep", "vcard4", "vcard_legacy"] }, [...specialNodes, ...nesting]],
  ["on", setting, nestingBesidePep],
];

describe.skipIf(cannotRun("prosody", "openssl", prosodyModules)).each(settings)(
  "discovery beside mod_delegation, the server's own PEP %s",
  (_how, common, conversations) => {
    let theirs: Side;
    let mine: Side;
    beforeAll(async () => {
      theirs = await reference(common);
      mine = await ours(common);
      for (const side of [theirs, mine]) {
        // The module asks once, at the first connection of all.
        await transcript(side, { play: async (stage) => void (await stage.entity(entityJid)) }, discoAnswers);
        const [juliet, nurse] = [await side.login("juliet"), await side.login("nurse")];
        await befriend(juliet, nurse);
        for (const stream of [juliet, nurse]) await stream.close();
      }
    });
    afterAll(async () => {
      await theirs.stop();
      await mine.stop();
    });

    test.each(conversations.map((conversation) => [conversation.name, conversation] as const))(
      "%s: everybody sees the same, or what docs/comparison-with-mod-delegation.md says",
      async (name, conversation) => {
        const before = await transcript(theirs, conversation, discoAnswers);
        const found = differences(before, await transcript(mine, conversation, discoAnswers));
        expect(found).toEqual(listed.get(name) ?? []);
      },
    );
  },
);
