import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { openPage, startBrowser } from "../../support/browser.js";
import { cannotRun } from "../../support/peer.js";
import { entityJid, Scene, verseIq, verseNs } from "../../support/scene.js";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const widths = [
  ["a phone", { width: 360, height: 740 }],
  ["a desktop", { width: 1280, height: 900 }],
] as const;

describe.skipIf(cannotRun("prosody", "openssl", "chromium"))("the status page in Chromium", () => {
  let scene: Scene;
  let browser: Browser;
  let address = "";
  const pages: Page[] = [];
  beforeAll(async () => {
    scene = await Scene.withProsody({
      delegations: { [verseNs]: { jid: entityJid }, "urn:example:sonnet": { jid: entityJid } },
    });
    address = `http://127.0.0.1:${String(scene.caesura.ports.admin)}/`;
    browser = await startBrowser();
  });
  afterEach(async () => {
    await Promise.all(pages.splice(0).map((page) => page.close()));
    await scene.clear();
  });
  afterAll(async () => {
    await browser.close();
    await scene.stop();
  });

  const open = async (options: Parameters<Browser["newPage"]>[0] = {}): ReturnType<typeof openPage> => {
    const opened = await openPage(browser, options);
    pages.push(opened.page);
    await opened.page.goto(address);
    return opened;
  };
  const isLive = (page: Page): Promise<void> => page.locator("#live", { hasText: "Live" }).waitFor();

  describe.each(widths)("on %s", (_device, viewport) => {
    test.each(["light", "dark"] as const)(
      "shows everything without scrolling sideways or complaints, in %s",
      async (colorScheme) => {
        const entity = await scene.entity();
        entity.answerAll();
        const juliet = await scene.login("juliet", { transport: "starttls" });
        const romeo = await scene.login("romeo");
        for (let index = 0; index < 20; index++) await juliet.ask(verseIq(`w${String(index)}`));
        romeo.send("<message to='juliet@capulet.lit'><body>but soft <!-- x --></body></message>");
        await romeo.streamError();
        const { page, complaints } = await open({ viewport, colorScheme });
        await isLive(page);
        await page.locator("[data-value=rss]", { hasText: "MiB" }).waitFor();
        expect(await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")).toBe(true);
        expect(await page.textContent("#health")).toContain("All is well");
        expect(await page.textContent("#rules")).toContain(verseNs);
        expect(await page.textContent("#sessions")).toContain("juliet@capulet.lit");
        expect(await page.textContent("#faults")).toContain("RFC 6120 §11.1");
        expect(await page.textContent("body")).not.toContain("but soft");
        expect(await page.locator("canvas").count()).toBe(6);
        expect(complaints).toEqual([]);
      },
    );

    test.each(["light", "dark"] as const)(
      "breaks no rule of accessibility that axe knows, in %s",
      async (colorScheme) => {
        await scene.login("juliet");
        const { page } = await open({ viewport, colorScheme });
        await isLive(page);
        // Past the policy of the page, as a browser's own tools are.
        await page.evaluate(axe);
        const found: unknown = await page.evaluate(
          "axe.run().then(({ violations }) => violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`))",
        );
        expect(found).toEqual([]);
      },
    );
  });

  test("changes as the proxy does, without being loaded again", async () => {
    const { page, complaints } = await open();
    await isLive(page);
    expect(await page.textContent("#health")).toContain(`a managing entity is not connected: ${entityJid}`);
    const entity = await scene.entity();
    entity.answerAll();
    const juliet = await scene.login("juliet");
    await page.locator("#health", { hasText: "All is well" }).waitFor();
    await page.locator("#sessions", { hasText: "juliet@capulet.lit" }).waitFor();
    await juliet.ask(verseIq("c1"));
    await page.locator("[data-value=p95]", { hasText: "ms" }).waitFor();
    expect(complaints).toEqual([]);
  });

  test("is tables where there are no scripts", async () => {
    await scene.entity();
    await scene.login("juliet");
    const { page } = await open({ javaScriptEnabled: false });
    expect(await page.textContent("#sessions")).toContain("juliet@capulet.lit");
    expect(await page.textContent("#health")).toContain("All is well");
  });

  test("shows where a file is wrong that was to be loaded, until one is taken", async () => {
    const { page } = await open();
    await isLive(page);
    await scene.caesura.reload({ more: { limits: { depht: 3 } } }, "failure");
    await page.locator("#configuration .notice", { hasText: /proxy\.yaml:\d+:\d+ .*depht/ }).waitFor();
    await page.locator("#health", { hasText: "the configuration file was refused" }).waitFor();
    await scene.caesura.reload({ more: {} });
    await page.locator("#configuration .notice").waitFor({ state: "detached" });
  });

  test("finds the connection of a user by the id that the log has", async () => {
    const juliet = await scene.login("juliet", {
      resource: `<b>"'&`.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll("'", "&apos;"),
    });
    const { page, complaints } = await open();
    await isLive(page);
    await page.locator("#sessions a.id").first().click();
    await page.locator("#connection", { hasText: `juliet@capulet.lit/<b>"'&` }).waitFor();
    const id = new URL(page.url()).searchParams.get("match") ?? "";
    expect(scene.caesura.peer.log).toContain(id);
    await juliet.close();
    await page.locator("#connection").waitFor({ state: "hidden" });
    expect(complaints).toEqual([]);
  });
});

describe.skipIf(cannotRun("prosody", "openssl", "chromium"))("the status page of a proxy that is being stopped", () => {
  test("shows how far that is, and says that it is old when the process has ended", async () => {
    const scene = await Scene.withProsody({ more: { drain: { spread: "8s" }, timeouts: { shutdown: "12s" } } });
    const browser = await startBrowser();
    try {
      for (const resource of ["balcony", "orchard", "church", "tomb"]) await scene.login("juliet", { resource });
      const { page } = await openPage(browser);
      await page.goto(`http://127.0.0.1:${String(scene.caesura.ports.admin)}/`);
      await page.locator("#live", { hasText: "Live" }).waitFor();
      scene.caesura.peer.signal("SIGTERM");
      await page.locator("#drain", { hasText: /\d of 4 connections have ended\. [1-4] clients are left/ }).waitFor();
      expect(await page.textContent("#health")).toContain("draining: new clients are turned away");
      expect(await page.getByRole("progressbar").getAttribute("max")).toBe("4");
      await page.locator("#live", { hasText: "Connection lost" }).waitFor({ timeout: 30_000 });
      expect(await page.locator("#drain").isVisible()).toBe(true);
    } finally {
      await browser.close();
      await scene.stop();
    }
  }, 60_000);
});

describe.skipIf(cannotRun("prosody", "openssl", "chromium"))("the status page with a token", () => {
  test("is shown under another name to who gives the token as a password, and to nobody else", async () => {
    const scene = await Scene.withProsody();
    const browser = await startBrowser("status.capulet.lit");
    try {
      const token = "arise, fair sun, and kill";
      writeFileSync(join(scene.caesura.folder, "token"), `${token}\n`, { mode: 0o600 });
      await scene.caesura.reload({ admin: { tokenFile: "token" } });
      const address = `http://status.capulet.lit:${String(scene.caesura.ports.admin)}/`;
      const wrong = await browser.newPage({ httpCredentials: { username: "x", password: "envious moon" } });
      expect((await wrong.goto(address, { waitUntil: "commit" }))?.status()).toBe(401);
      const { page, complaints } = await openPage(browser, { httpCredentials: { username: "x", password: token } });
      await page.goto(address);
      await page.locator("#live", { hasText: "Live" }).waitFor();
      expect(complaints).toEqual([]);
    } finally {
      await browser.close();
      await scene.stop();
    }
  });
});
