import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { openPage, startBrowser } from "../../support/browser.js";
import { pageModel } from "../../support/page-model.js";
import { PageScene } from "../../support/page-scene.js";
import { cannotRun } from "../../support/peer.js";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

describe.skipIf(cannotRun("chromium"))("who reads the status page", () => {
  let browser: Browser;
  let scene: PageScene;
  const pages: Page[] = [];
  beforeAll(async () => {
    browser = await startBrowser();
  });
  afterEach(async () => {
    await Promise.all(pages.splice(0).map((page) => page.close()));
    await scene.stop();
  });
  afterAll(async () => {
    await browser.close();
  });

  const open = async (path = "", options: Parameters<Browser["newPage"]>[0] = {}): ReturnType<typeof openPage> => {
    const opened = await openPage(browser, options);
    pages.push(opened.page);
    await opened.page.goto(scene.address + path);
    if (options.javaScriptEnabled !== false) await isLive(opened.page);
    return opened;
  };
  const isLive = (page: Page): Promise<void> => page.locator("#live", { hasText: "Live" }).waitFor();
  const rows = (page: Page, id: string): Promise<string[]> => page.locator(`#${id} tbody th`).allTextContents();

  describe.each([true, false])("with scripts: %s", (javaScriptEnabled) => {
    test("finds a session among ten thousand, sorts them, and turns their pages", async () => {
      scene = await PageScene.open({ model: pageModel({ domains: 3, sessions: 10_000 }) });
      const { page, complaints } = await open("", { javaScriptEnabled });
      expect(await page.textContent("#sessions .pages")).toContain("1–25 of 10,000");
      await page.getByRole("navigation", { name: "Pages of sessions" }).getByText("Last").click();
      await page.locator("#sessions", { hasText: "9,976–10,000 of 10,000" }).waitFor();
      await page.locator("#sessions thead a", { hasText: "For" }).click();
      await page.locator("#sessions [aria-sort=descending]", { hasText: "For" }).waitFor();
      expect(await page.textContent("#sessions .pages")).toContain("1–25 of");
      const first = (await rows(page, "sessions"))[0];
      await page.locator("#sessions thead a", { hasText: "For" }).click();
      await page.locator("#sessions [aria-sort=ascending]", { hasText: "For" }).waitFor();
      expect((await rows(page, "sessions"))[0]).not.toBe(first);
      await page.getByRole("searchbox").fill("romeo4321@");
      await page.getByRole("searchbox").press("Enter");
      await page.locator("#sessions", { hasText: "1 in all" }).waitFor();
      expect(await rows(page, "sessions")).toEqual(["romeo4321@montague.lit/balcony"]);
      // What is looked at stands in the address.
      expect(page.url()).toContain("match=romeo4321%40");
      expect(page.url()).toContain("sort=seconds");
      await page.reload();
      expect(await rows(page, "sessions")).toEqual(["romeo4321@montague.lit/balcony"]);
      expect(await page.getByRole("searchbox").inputValue()).toBe("romeo4321@");
      expect(complaints).toEqual([]);
    });

    test("sees all that is known of a connection by its id", async () => {
      scene = await PageScene.open({ model: pageModel({ sessions: 60, isOnFire: true }) });
      const { page } = await open("", { javaScriptEnabled });
      expect(await page.locator("#connection").isVisible()).toBe(false);
      await page.locator("#faults a", { hasText: "k0000003" }).click();
      await page.locator("#connection h2", { hasText: "k0000003" }).waitFor();
      const facts = String(await page.textContent("#connection"));
      for (const fact of ["mercutio3@capulet.lit/balcony", "enabled (XEP-0198)", "192.0.2.3", "9 up, 51 down"])
        expect(facts).toContain(fact);
      expect(await rows(page, "faults")).toEqual(["managing-entity-not-connected"]);
      expect(await rows(page, "links")).toEqual(["mercutio3@capulet.lit/balcony"]);
      await page.goBack();
      await page.locator("#connection", { hasText: "" }).waitFor({ state: "hidden" });
      expect((await rows(page, "faults")).length).toBe(3);
    });

    test("sees faults of one kind alone", async () => {
      scene = await PageScene.open({ model: pageModel({ isOnFire: true }) });
      const { page } = await open("", { javaScriptEnabled });
      await page.locator("#faults .choices a", { hasText: "Breaches" }).click();
      await page.locator("#faults .choices [aria-current]", { hasText: "Breaches" }).waitFor();
      expect(await rows(page, "faults")).toEqual(["comment"]);
      expect(await page.textContent("#faults")).toContain("byte 4,211");
    });
  });

  test("without scripts has every number but those of before, and a way to look again", async () => {
    scene = await PageScene.open({ model: pageModel({ sessions: 5 }) });
    const { page } = await open("", { javaScriptEnabled: false });
    for (const name of ["Sessions", "Stanzas", "Delegated", "Answer time p95", "Memory"])
      expect(await page.textContent("#tiles")).toContain(name);
    expect(await page.textContent("#tiles")).toContain("14 ms");
    expect(await page.locator("figure").first().isVisible()).toBe(false);
    expect(await page.locator(".copy, [data-action]").evaluateAll((all) => all.length)).toBeGreaterThan(0);
    expect(await page.locator(".copy").first().isVisible()).toBe(false);
    await page.locator("#live a", { hasText: "Look again" }).click();
    expect(await page.textContent("#live")).toMatch(/As of \d{4}-/);
  });

  test("copies the id of a connection", async () => {
    scene = await PageScene.open({ model: pageModel({ sessions: 5 }) });
    const { page } = await open();
    await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
    await page.locator("#sessions .copy").first().focus();
    await page.keyboard.press("Enter");
    await page.locator("#told", { hasText: "k0000000 is copied." }).waitFor();
    expect(await page.evaluate("navigator.clipboard.readText()")).toBe("k0000000");
  });

  test("keeps what is selected, focused and scrolled to while rows change around it", async () => {
    scene = await PageScene.open({ model: pageModel({ sessions: 40 }) });
    const { page } = await open();
    await page.locator("#sessions tbody tr").nth(10).locator("a").focus();
    await page.evaluate("getSelection().selectAllChildren(document.querySelectorAll('#sessions tbody th')[10])");
    await page.evaluate("document.querySelector('#sessions').scrollTop = 200");
    const row = await page.locator("#sessions tbody tr").nth(10).elementHandle();
    const before = await row?.boundingBox();
    // Somebody came, others went, and everybody has been there for longer.
    const later = pageModel({ sessions: 42 });
    scene.model = {
      ...later,
      sessions: (query) => {
        const { rows: all } = later.sessions({ ...query, limit: 100 });
        const left = all.slice(4).map((one) => ({ ...one, seconds: one.seconds + 60_000 }));
        return { total: left.length, rows: left };
      },
    };
    scene.sample();
    await page.locator("#sessions", { hasText: "1–25 of 38" }).waitFor();
    expect(await page.evaluate("getSelection().toString()")).toContain("nurse10@capulet.lit");
    expect(await page.evaluate("document.activeElement.textContent")).toBe("k000000a");
    // Four rows above it have gone, and it stands where it stood.
    expect((await row?.boundingBox())?.y).toBeCloseTo(before?.y ?? 0, 0);
    expect(await row?.evaluate((element) => element.isConnected)).toBe(true);
  });

  test("is told once that what is shown grows old, and the page comes back by itself", async () => {
    scene = await PageScene.open();
    const { page } = await open();
    await page.evaluate(
      "window.said = 0; new MutationObserver(() => window.said++).observe(document.querySelector('#live'), { childList: true })",
    );
    await scene.stop();
    await page.locator("#live", { hasText: "Connection lost" }).waitFor({ timeout: 20_000 });
    expect(await page.textContent("#live")).toMatch(/What is shown is of \d\d:\d\d:\d\d UTC/);
    expect(await page.locator("body.stale").count()).toBe(1);
    // It may be all that is known, and stays legible.
    await page.evaluate(axe);
    expect(await page.evaluate("axe.run().then(({ violations }) => violations.map(({ id }) => id))")).toEqual([]);
    await scene.start();
    await isLive(page);
    expect(await page.locator("body.stale").count()).toBe(0);
    expect(await page.evaluate("window.said")).toBe(2);
  }, 40_000);

  test("is told that a stream of events says nothing any more", async () => {
    scene = await PageScene.open();
    const { page } = await open();
    // The connection stands; no sample comes.
    await page.locator("#live", { hasText: "Connection lost" }).waitFor({ timeout: 20_000 });
    scene.sample();
    await isLive(page);
  }, 30_000);

  test("gets the page of another version of Caesura when there is one", async () => {
    scene = await PageScene.open({ version: "1.2.3" });
    const { page } = await open();
    await scene.stop();
    await scene.start("1.3.0");
    await page.locator("h1", { hasText: "1.3.0" }).waitFor({ timeout: 20_000 });
    await isLive(page);
  }, 40_000);

  test("whose page was replaced by a newer one is told so, and does not fight for the place", async () => {
    scene = await PageScene.open();
    const { page } = await open();
    const others = await Promise.all(Array.from({ length: 16 }, () => fetch(`${scene.address}live`)));
    await page.locator("#live", { hasText: "a newer one took the place" }).waitFor();
    expect(scene.refused).toEqual(["readers"]);
    await page.getByRole("button", { name: "Connect again" }).click();
    await isLive(page);
    expect(scene.refused).toEqual(["readers", "readers"]);
    await Promise.all(others.map(async (other) => other.body?.cancel()));
  });

  test("who has looked at something else for a minute leaves the place to others, and is back at once", async () => {
    scene = await PageScene.open();
    const { page } = await openPage(browser);
    pages.push(page);
    await page.clock.install();
    await page.goto(scene.address);
    await isLive(page);
    const hide = (isHidden: boolean): Promise<unknown> =>
      page.evaluate(`Object.defineProperty(document, "hidden", { configurable: true, get: () => ${String(isHidden)} });
        document.dispatchEvent(new Event("visibilitychange"))`);
    await hide(true);
    await page.clock.fastForward(50_000);
    expect(scene.readers).toBe(1);
    await page.clock.fastForward(15_000);
    await expect.poll(() => scene.readers).toBe(0);
    await hide(false);
    await expect.poll(() => scene.readers).toBe(1);
    await isLive(page);
  });

  test("chooses how much time the plots show", async () => {
    scene = await PageScene.open();
    const { page, complaints } = await open();
    const asked = page.waitForRequest(
      (request) => request.url().includes("/live") && request.url().includes("window=3600"),
    );
    await page.getByLabel("Window").selectOption("3600");
    await asked;
    await isLive(page);
    expect(page.url()).toContain("window=3600");
    await page.locator("#plot-memory .plot[aria-label^='The last 60 minutes']").waitFor();
    await page.reload();
    expect(await page.getByLabel("Window").inputValue()).toBe("3600");
    expect(complaints).toEqual([]);
  });

  test("sees values under the pointer in all plots at once, and those of now when it is gone", async () => {
    scene = await PageScene.open();
    const { page } = await open("", { viewport: { width: 1280, height: 900 } });
    expect(await page.textContent("[data-value=p50]")).toBe("3 ms");
    const plot = page.locator("#plot-stanzas .u-over");
    const box = await plot.boundingBox();
    if (box === null) throw new Error("no plot");
    // Where nothing was asked there is no time to an answer.
    await plot.hover({ position: { x: box.width * (1 - 50 / 300), y: 20 } });
    await page.locator("#plots-title", { hasText: /Plots at \d\d:\d\d:\d\d UTC/ }).waitFor();
    expect(await page.textContent("[data-value=p50]")).toBe("–");
    expect(await page.textContent("[data-value=delegations]")).toBe("0/s");
    await page.locator("h1").hover();
    await page.locator("#plots-title", { hasText: /^Plots$/ }).waitFor();
    expect(await page.textContent("[data-value=p50]")).toBe("3 ms");
  });

  test("has axes with units, and a gap where there is no data, but a point for a lonely value", async () => {
    scene = await PageScene.open();
    const { page } = await open("", { viewport: { width: 1280, height: 900 } });
    const words = await page.locator("#plot-latency .plot").getAttribute("aria-label");
    expect(words).toBe(
      "The last 5 minutes. p50: 3 ms now, at least 3 ms, at most 3 ms; p95: 14 ms now, at least 14 ms, at most 14 ms; p99: 31 ms now, at least 31 ms, at most 31 ms",
    );
    // Columns of the canvas in which the line of the memory is painted: none in the forty seconds without samples.
    const painted = (id: string, from: number, to: number): Promise<unknown> =>
      page.evaluate(`(() => {
        const canvas = document.querySelector("#plot-${id} canvas");
        const over = document.querySelector("#plot-${id} .u-over");
        const ratio = canvas.width / canvas.clientWidth;
        const left = over.offsetLeft * ratio, width = over.clientWidth * ratio, top = over.offsetTop * ratio;
        const at = (ago) => Math.round(left + width * (1 - ago / 300));
        const { data } = canvas.getContext("2d").getImageData(at(${String(from)}), top, at(${String(to)}) - at(${String(from)}), over.clientHeight * ratio);
        let coloured = 0;
        for (let index = 0; index < data.length; index += 4)
          if (data[index + 3] > 128 && Math.max(data[index], data[index + 1], data[index + 2]) - Math.min(data[index], data[index + 1], data[index + 2]) > 60) coloured++;
        return coloured;
      })()`);
    expect(await painted("memory", 152, 128)).toBe(0);
    expect(await painted("memory", 250, 200)).toBeGreaterThan(0);
    expect(await painted("latency", 46, 34)).toBeGreaterThan(0);
    expect(await painted("latency", 58, 50)).toBe(0);
  });
});
