import { chromium, type Browser, type Page } from "playwright-core";

const flags = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"];

/** Debian's Chromium, without a screen. `host` is a name that leads to this machine. */
export async function startBrowser(host?: string): Promise<Browser> {
  const args = host === undefined ? flags : [...flags, `--host-resolver-rules=MAP ${host} 127.0.0.1`];
  return chromium.launch({ executablePath: "/usr/bin/chromium", args, timeout: 60_000 });
}

/** A page, and what it complained of: errors of scripts, of the policy, of requests. */
export async function openPage(
  browser: Browser,
  options: Parameters<Browser["newPage"]>[0] = {},
): Promise<{ readonly page: Page; readonly complaints: string[] }> {
  const page = await browser.newPage(options);
  const complaints: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("requestfailed", (request) => {
    // Going away ends the stream of events.
    if (new URL(request.url()).pathname !== "/live") complaints.push(`${request.url()} failed`);
  });
  return { page, complaints };
}
