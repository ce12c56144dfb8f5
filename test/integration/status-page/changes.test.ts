import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { openPage, startBrowser } from "../../support/browser.js";
import { pageModel } from "../../support/page-model.js";
import { PageScene } from "../../support/page-scene.js";
import { cannotRun } from "../../support/peer.js";

const token = "arise, fair sun, and kill";

describe.skipIf(cannotRun("chromium"))("what an operator does on the status page", () => {
  let browser: Browser;
  let scene: PageScene;
  let done: string[];
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

  const start = async (options: Parameters<typeof PageScene.open>[0] = {}): Promise<void> => {
    done = [];
    scene = await PageScene.open({ model: pageModel({ sessions: 3 }), done, ...options });
  };
  const open = async (password?: string): ReturnType<typeof openPage> => {
    const credentials = password === undefined ? {} : { httpCredentials: { username: "x", password } };
    const opened = await openPage(browser, credentials);
    pages.push(opened.page);
    await opened.page.goto(scene.address);
    await opened.page.locator("#live", { hasText: "Live" }).waitFor();
    return opened;
  };
  const signedIn = async (): ReturnType<typeof openPage> => {
    const opened = await open(token);
    await opened.page.getByRole("link", { name: "Sign in with the token" }).click();
    await opened.page.getByRole("button", { name: "Drain and stop…" }).waitFor();
    return opened;
  };

  test("needs the token, on this machine too, and is not offered without", async () => {
    await start();
    const { page } = await open();
    expect(await page.locator("[data-action]").count()).toBe(0);
    expect(await page.textContent("#configuration")).toContain("there is no admin.tokenFile");
    expect((await fetch(`${scene.address}sign-in`)).status).toBe(404);
  });

  test("is there once the browser has shown the token, and not for a wrong one", async () => {
    await start({ token });
    const { page: wrong } = await open("envious moon");
    const answer = wrong.waitForResponse(
      (response) => response.url().endsWith("/sign-in") && response.status() === 401,
    );
    await wrong.getByRole("link", { name: "Sign in with the token" }).click({ noWaitAfter: true });
    await answer;
    const { page, complaints } = await signedIn();
    expect(page.url()).toContain("#configuration-title");
    expect(complaints.filter((text) => !text.includes("401"))).toEqual([]);
  });

  test("asks first, and nothing happens to who thinks better of it", async () => {
    await start({ token });
    const { page } = await signedIn();
    await page.getByRole("button", { name: "Drain and stop…" }).click();
    const dialog = page.getByRole("dialog");
    expect(await dialog.textContent()).toContain("This cannot be taken back.");
    expect(await page.evaluate("document.activeElement.textContent")).toBe("Cancel");
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "hidden" });
    await page.locator("select[data-action=log-level]").selectOption("trace");
    await page.keyboard.press("Enter");
    await dialog.waitFor({ state: "hidden" });
    await expect.poll(() => page.locator("select[data-action=log-level]").inputValue()).toBe("info");
    expect(done).toEqual([]);
  });

  test("reloads, sets the level of the log, closes a connection, and drains", async () => {
    await start({ token });
    const { page, complaints } = await signedIn();
    const dialog = page.getByRole("dialog");
    await page.getByRole("button", { name: "Reload the configuration…" }).click();
    await dialog.getByRole("button", { name: "Reload" }).click();
    await page.locator("#told", { hasText: "The new configuration is in use." }).waitFor();
    await page.locator("select[data-action=log-level]").selectOption("debug");
    await dialog.getByRole("button", { name: "Set the level" }).click();
    await page.locator("#told", { hasText: "The log level is debug." }).waitFor();
    await page.locator("#sessions a.id", { hasText: "k0000001" }).click();
    await page.getByRole("button", { name: "Close this connection…" }).click();
    await dialog.getByRole("button", { name: "Close the connection" }).click();
    await page.locator("#told", { hasText: "being closed" }).waitFor();
    await page.getByRole("button", { name: "Drain and stop…" }).click();
    await dialog.getByRole("button", { name: "Drain and stop" }).click();
    await page.locator("#told", { hasText: "Draining has begun." }).waitFor();
    expect(done).toEqual(["reload", "log-level debug", "close k0000001", "drain"]);
    expect(complaints.filter((text) => !text.includes("401"))).toEqual([]);
  });

  test("says why a file was refused", async () => {
    await start({
      token,
      reload: () => Promise.resolve({ ok: false, message: "The configuration stays as it was.", problems: [] }),
    });
    const { page } = await signedIn();
    await page.getByRole("button", { name: "Reload the configuration…" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Reload" }).click();
    await page.locator("#told.bad", { hasText: "The configuration stays as it was." }).waitFor();
  });

  test("cannot be done by the page of another site in the browser of an operator who has signed in", async () => {
    await start({ token });
    const { page } = await signedIn();
    // Another origin that the browser may reach: the same port under another name of this machine.
    const other = await PageScene.open();
    await page.goto(other.address);
    const target = JSON.stringify(`${scene.address}api/drain`);
    const outcomes = await page.evaluate(`Promise.all([
      fetch(${target}, { method: "POST", mode: "no-cors", credentials: "include", body: "{}" }).then(() => "sent", () => "blocked"),
      fetch(${target}, { method: "POST", credentials: "include", headers: { "content-type": "application/json" }, body: "{}" }).then(() => "sent", () => "blocked"),
    ])`);
    expect(outcomes).toEqual(["blocked", "blocked"]);
    await other.stop();
    const authorization = `Basic ${Buffer.from(`x:${token}`).toString("base64")}`;
    for (const headers of [
      { origin: "http://montague.lit", "content-type": "application/json" },
      { "sec-fetch-site": "cross-site", "content-type": "application/json" },
      { "content-type": "text/plain" },
    ]) {
      const answer = await fetch(`${scene.address}api/drain`, {
        method: "POST",
        headers: { authorization, ...headers },
        body: "{}",
      });
      expect(answer.status).toBe(403);
    }
    expect((await fetch(`${scene.address}api/drain`, { headers: { authorization } })).status).toBe(405);
    expect(done).toEqual([]);
  });
});
