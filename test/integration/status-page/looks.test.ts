import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { openPage, startBrowser } from "../../support/browser.js";
import { pageModel } from "../../support/page-model.js";
import { PageScene } from "../../support/page-scene.js";
import { cannotRun } from "../../support/peer.js";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const hostile = [
  "<script>alert(1)</script>",
  `"'&<img src=x onerror=alert(1)>`,
  "مرحبا بالعالم",
  "safe\u202Egnp.exe",
  "\u2066\u200b\ufeffnothing",
  "x".repeat(1023),
  "Z\u0351\u036B\u0343a\u0309\u0301l\u0332g\u0321o".repeat(40),
];
const states = {
  empty: pageModel({ domains: 0 }),
  quiet: pageModel(),
  busy: pageModel({ domains: 3, sessions: 10_000, resources: hostile }),
  "everything on fire, fifty domains": pageModel({ domains: 50, sessions: 300, resources: hostile, isOnFire: true }),
} as const;
const widths = [360, 390, 768, 1280, 1920];

describe.skipIf(cannotRun("chromium"))("the status page of a proxy", () => {
  let browser: Browser;
  let scene: PageScene | undefined;
  const pages: Page[] = [];
  beforeAll(async () => {
    browser = await startBrowser();
  });
  afterEach(async () => {
    await Promise.all(pages.splice(0).map((page) => page.close()));
    await scene?.stop();
    scene = undefined;
  });
  afterAll(async () => {
    await browser.close();
  });

  const open = async (
    state: keyof typeof states,
    options: Parameters<Browser["newPage"]>[0] = {},
    path = "",
  ): ReturnType<typeof openPage> => {
    scene ??= await PageScene.open({ model: states[state] });
    const opened = await openPage(browser, options);
    pages.push(opened.page);
    await opened.page.goto(scene.address + path);
    await opened.page.locator("#live", { hasText: "Live" }).waitFor();
    return opened;
  };

  describe.each(Object.keys(states).filter((name): name is keyof typeof states => name in states))(
    "that is %s",
    (state) => {
      test.each(["light", "dark"] as const)(
        "breaks no rule of axe on phone and desktop, in %s, and scrolls sideways at no width",
        async (colorScheme) => {
          const { page, complaints } = await open(state, { colorScheme });
          // Past the policy of the page, as a browser's own tools are.
          await page.evaluate(axe);
          for (const width of widths) {
            await page.setViewportSize({ width, height: 900 });
            expect(
              await page.evaluate("document.documentElement.scrollWidth - window.innerWidth"),
              String(width),
            ).toBeLessThanOrEqual(0);
            if (width !== 360 && width !== 1280) continue;
            const found: unknown = await page.evaluate(
              "axe.run().then(({ violations }) => violations.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map(({ html }) => html.slice(0, 200)).join(' ')}`))",
            );
            expect(found, String(width)).toEqual([]);
          }
          expect(complaints).toEqual([]);
        },
      );

      test("stays small, in bytes and in elements", async () => {
        const { page } = await open(state);
        const html = await (await fetch(scene?.address ?? "")).text();
        const { many } = { many: state.startsWith("everything") };
        expect(Buffer.byteLength(html)).toBeLessThan(many ? 200_000 : 80_000);
        expect(await page.evaluate("document.querySelectorAll('*').length")).toBeLessThan(many ? 4000 : 2000);
      });
    },
  );

  test("names of users are text and nothing else, keep their direction to themselves, and hide nothing", async () => {
    const { page, complaints } = await open("busy", {}, "?sort=jid&match=@");
    const all = await page.evaluate("document.documentElement.outerHTML");
    expect(all).not.toContain("<script>alert");
    expect(await page.locator("img, main script").count()).toBe(0);
    await page.goto(scene?.address ?? "");
    const sessions = page.locator("#sessions tbody th");
    expect(await sessions.nth(0).textContent()).toContain("<script>alert(1)</script>");
    expect(await sessions.nth(2).innerHTML()).toMatch(/^<bdi>.*مرحبا/);
    expect(await sessions.nth(3).textContent()).toContain("safeU+202Egnp.exe");
    expect(await sessions.nth(4).textContent()).toContain("U+2066U+200BU+FEFFnothing");
    expect((await sessions.nth(5).textContent())?.length).toBeLessThan(130);
    expect(complaints).toEqual([]);
  });

  test("says each state by a word and a shape, not by colour alone", async () => {
    const { page } = await open("everything on fire, fifty domains");
    const states = await page.locator(".state").evaluateAll((all) => all.map(({ textContent }) => textContent ?? ""));
    expect(states.length).toBeGreaterThan(50);
    for (const text of states) expect(text).toMatch(/^[●◆▲○] .*[a-z0-9]/s);
  });

  test("names what is wrong first, by kind, with the places that say more", async () => {
    const { page } = await open("everything on fire, fifty domains");
    const troubles = page.locator("#health li");
    expect(await page.textContent("#health .verdict")).toContain("problems");
    expect(await troubles.first().textContent()).toContain("8 servers cannot be reached: capulet.lit");
    expect(await troubles.count()).toBeLessThan(9);
    for (const target of await troubles
      .locator("a")
      .evaluateAll((all) => all.map((link) => link.getAttribute("href") ?? "")))
      expect(await page.locator(target).count(), target).toBe(1);
    expect(await page.title()).toMatch(/^\(\d+\) verona-1 · Caesura$/);
    expect(await page.locator("#domains tbody tr").first().textContent()).toContain("down");
  });

  test("shows the progress of a drain, a refused file by line and column, grants, and latencies of rules", async () => {
    const { page } = await open("everything on fire, fifty domains");
    expect(await page.textContent("#drain")).toContain("778 of 1,200");
    expect(await page.getByRole("progressbar").getAttribute("value")).toBe("778");
    expect(await page.textContent("#configuration")).toContain(
      '/etc/caesura/proxy.yaml:14:5 unknown key "delegatoins"',
    );
    expect(await page.textContent("#configuration")).toContain("did you mean");
    expect(await page.textContent("#grants")).toContain("romeo@capulet.lit");
    expect(await page.textContent("#rules")).toContain("4210 ms");
    expect(await page.textContent("#domains")).toContain("5 days left");
    expect(
      await page.locator("#faults a[href='https://www.rfc-editor.org/rfc/rfc6120.html#section-11.1']").count(),
    ).toBe(1);
    expect(await page.locator("#faults a[href='https://xmpp.org/extensions/xep-0355.html']").count()).toBe(1);
  });

  test("is a table for a screen reader on a phone too, where each row looks like a card", async () => {
    const { page } = await open("quiet", { viewport: { width: 360, height: 740 } });
    const session = await page.context().newCDPSession(page);
    const { nodes } = await session.send("Accessibility.getFullAXTree");
    const roles = nodes.filter(({ ignored }) => !ignored).map(({ role }) => String(role?.value));
    for (const role of [
      "banner",
      "navigation",
      "main",
      "contentinfo",
      "search",
      "table",
      "row",
      "rowheader",
      "columnheader",
      "status",
    ])
      expect(roles, role).toContain(role);
    const outline = await page
      .locator("h1, h2")
      .evaluateAll((all) => all.filter(({ textContent }) => textContent !== "").map(({ tagName }) => tagName));
    expect(outline[0]).toBe("H1");
    expect(outline.filter((name) => name === "H1").length).toBe(1);
    for (const caption of await page.locator("caption").allTextContents()) expect(caption.length).toBeGreaterThan(10);
  });

  test("prints everything, and neither what is to be clicked nor a part of a table", async () => {
    const { page } = await open("busy");
    await page.emulateMedia({ media: "print" });
    const shown = (selector: string, property: string): Promise<unknown> =>
      page.evaluate(
        `[...new Set([...document.querySelectorAll(${JSON.stringify(selector)})].map((one) => getComputedStyle(one).${property}))]`,
      );
    expect(await shown("header form, body > nav, .copy", "display")).toEqual(["none"]);
    expect(await shown(".scroll", "maxHeight")).toEqual(["none"]);
    expect((await page.pdf()).byteLength).toBeGreaterThan(10_000);
  });

  test("moves nothing where people want that, and keeps its shapes in forced colours", async () => {
    const { page, complaints } = await open("quiet", { reducedMotion: "reduce", forcedColors: "active" });
    expect(await page.evaluate("getComputedStyle(document.querySelector('main')).transitionDuration")).toBe("0s");
    await page.evaluate(axe);
    expect(await page.evaluate("axe.run().then(({ violations }) => violations.map(({ id }) => id))")).toEqual([]);
    expect(complaints).toEqual([]);
  });

  test("every table can be reached and scrolled with the keys alone, and where one is can be seen", async () => {
    const { page } = await open("quiet", { viewport: { width: 360, height: 740 } });
    const reached = new Set<string>();
    await page.keyboard.press("Tab");
    expect(await page.evaluate("document.activeElement.textContent")).toBe("To the content");
    for (let presses = 0; presses < 30; presses++) {
      await page.keyboard.press("Tab");
      reached.add(String(await page.evaluate("document.activeElement.id")));
      expect(
        await page.evaluate(
          "document.activeElement === document.body ? 'body' : getComputedStyle(document.activeElement).outlineStyle",
        ),
      ).toMatch(/solid|auto|body/);
    }
    for (const id of ["domains", "entities", "rules", "faults", "sessions", "links", "window"])
      expect(reached).toContain(id);
  });
});
