// Takes the pictures of docs/images from a running proxy: Prosody behind it, clients that ask, one managing entity that
// answers and one that went away. Needs Prosody and Chromium; `npm run build` first. Takes two minutes.
//
//     npx tsx scripts/screenshots.ts
import { mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { openPage, startBrowser } from "../test/support/browser.js";
import { entityJid, Scene, verseIq, verseNs } from "../test/support/scene.js";
import type { XmppStream } from "../test/support/xmpp-stream.js";

const folder = join(import.meta.dirname, "..", "docs", "images");
const MOST_BYTES = 150_000;
const TRAFFIC_MS = 100_000;
const archiveNs = "urn:xmpp:mam:2";
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const scene = await Scene.withProsody({
  delegations: { [verseNs]: { jid: entityJid }, [archiveNs]: { jid: "echo.capulet.lit", filtering: ["node"] } },
});
const browser = await startBrowser();
try {
  const entity = await scene.entity();
  entity.answerAll();
  const clients: XmppStream[] = [];
  for (const user of ["juliet", "romeo"])
    for (const resource of ["balcony", "orchard", "chamber", "garden", "church", "tomb"])
      clients.push(await scene.login(user, { resource, transport: "starttls" }));
  const echo = await scene.entity("echo.capulet.lit");
  const startedAt = Date.now();
  let isBroken = false;
  for (let round = 0; Date.now() - startedAt < TRAFFIC_MS; round++) {
    const asking = clients.slice(0, 1 + Math.round(5 + 5 * Math.sin(round / 25)));
    await Promise.all(asking.map((client, nth) => client.ask(verseIq(`v${String(round)}-${String(nth)}`))));
    if (!isBroken && Date.now() - startedAt > TRAFFIC_MS * 0.7) {
      isBroken = true;
      echo.stream.drop();
      const romeo = await scene.login("romeo", { resource: "wall" });
      romeo.send("<message to='juliet@capulet.lit'><body>but soft <!-- x --></body></message>");
      await romeo.streamError();
    }
    if (isBroken && round % 7 === 0)
      await clients[1]?.ask(`<iq type='set' id='m${String(round)}'><query xmlns='${archiveNs}' node='blog'/></iq>`);
    await pause(60);
  }
  mkdirSync(folder, { recursive: true });
  const looks = [
    ["status-page.png", { viewport: { width: 1280, height: 980 }, colorScheme: "light" }],
    ["status-page-phone.png", { viewport: { width: 390, height: 844 }, colorScheme: "dark" }],
  ] as const;
  for (const [name, options] of looks) {
    const { page, complaints } = await openPage(browser, options);
    await page.goto(`http://127.0.0.1:${String(scene.caesura.ports.admin)}/`);
    await page.locator("#live", { hasText: "Live" }).waitFor();
    // Whose machine this is is nobody's business.
    await page.evaluate(
      "document.querySelector('h1 small').textContent = document.body.dataset.version + ' on verona'",
    );
    await page.screenshot({ path: join(folder, name) });
    const { size } = statSync(join(folder, name));
    console.log(`${name}: ${String(size)} bytes${complaints.length > 0 ? `, ${complaints.join("; ")}` : ""}`);
    if (size > MOST_BYTES) throw new Error(`${name} is larger than ${String(MOST_BYTES)} bytes`);
    await page.close();
  }
} finally {
  await browser.close();
  await scene.stop();
}
