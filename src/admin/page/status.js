// Keeps the status page live. Without it the page is the tables of the moment in which it was asked for.
import { tell } from "./actions.js";
import { patch } from "./patch.js";
import * as plots from "./plots.js";

const RETRY_MS = 3000;
/** A page that nobody looks at for so long leaves its place to others. */
const UNSEEN_MS = 60_000;

const state = document.querySelector("#live");
const form = document.querySelector("form[role=search]");
const chosen = document.querySelector("#window");
let source;
let retry;
let unseen;
let intervalMs = 2000;
let heardAt = Date.now();
let isFresh = false;

document.body.classList.add("live");
chosen.value = windowIn(location.search);
plots.show(Number(chosen.value));
plots.draw();
connect();

function connect() {
  clearTimeout(retry);
  source?.close();
  const query = new URLSearchParams(location.search);
  query.set("after", String(plots.lastAt()));
  source = new EventSource(`live?${query.toString()}`);
  on("hello", ({ version, intervalMs: interval }) => {
    // Another version may have another page.
    if (version !== document.body.dataset.version) location.reload();
    intervalMs = interval;
  });
  on("history", (samples) => plots.add(samples));
  on("now", ({ sample, sections }) => {
    if (sample !== undefined) plots.addOne(sample);
    show(sections);
    plots.redraw();
    fresh();
  });
  on("replaced", () => {
    source.close();
    stale("Too many pages are open, and a newer one took the place of this one.", true);
  });
  source.addEventListener("error", (event) => {
    // It tries again by itself, unless it was answered with something else.
    if (event.target !== source || source.readyState !== EventSource.CLOSED) return;
    retry = setTimeout(connect, RETRY_MS);
  });
}

function on(name, take) {
  const own = source;
  own.addEventListener(name, (event) => {
    if (own !== source) return;
    heardAt = Date.now();
    take(JSON.parse(event.data));
  });
}

function show({ title, ...sections }) {
  if (title !== undefined) document.title = unescaped(title);
  for (const [id, html] of Object.entries(sections)) patch(document.getElementById(id), html);
}

function unescaped(html) {
  const place = document.createElement("textarea");
  place.innerHTML = html;
  return place.value;
}

// Said once when it changes, so that a screen reader is left in peace.
function fresh() {
  if (isFresh) return;
  isFresh = true;
  document.body.classList.remove("stale");
  state.replaceChildren(mark("good", "●"), " Live");
}

function stale(why, isOver = false) {
  if (!isFresh && document.body.classList.contains("stale") && !isOver) return;
  isFresh = false;
  document.body.classList.add("stale");
  const at = new Date(heardAt).toISOString().slice(11, 19);
  state.replaceChildren(mark("bad", "▲"), ` ${why} What is shown is of ${at} UTC. `);
  if (!isOver) return;
  const again = document.createElement("button");
  again.type = "button";
  again.textContent = "Connect again";
  again.addEventListener("click", connect);
  state.append(again);
}

function mark(tone, shape) {
  const element = document.createElement("span");
  element.className = tone;
  element.ariaHidden = "true";
  element.textContent = shape;
  return element;
}

setInterval(() => {
  if (Date.now() - heardAt <= 3.5 * intervalMs || document.hidden) return;
  stale("Connection lost, trying again.");
  // Time goes on, and nothing is known of it.
  plots.redraw();
}, 1000);

/** Looks at something else, without the page being loaded again. */
function look(search) {
  history.pushState(null, "", search);
  seen();
}

/** The address is another one. */
function seen() {
  const wanted = windowIn(location.search);
  if (wanted !== chosen.value) {
    chosen.value = wanted;
    plots.show(Number(wanted));
  }
  form.elements.match.value = new URLSearchParams(location.search).get("match") ?? "";
  connect();
}

function windowIn(search) {
  const wanted = new URLSearchParams(search).get("window");
  return [...chosen.options].some(({ value }) => value === wanted) ? wanted : "300";
}

addEventListener("popstate", seen);

document.addEventListener("click", (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  const copied = event.target.closest("[data-copy]");
  if (copied !== null) void copy(copied);
  const link = event.target.closest("a[data-view]");
  if (link === null) return;
  event.preventDefault();
  look(link.getAttribute("href"));
  // What one asked to see is brought into sight, unless it is there already.
  const place = document.getElementById(location.hash.slice(1));
  if (place !== null && link.classList.contains("id")) place.scrollIntoView({ block: "nearest" });
});

async function copy({ dataset }) {
  try {
    await navigator.clipboard.writeText(dataset.copy);
    tell(`${dataset.copy} is copied.`);
  } catch {
    // Over plain HTTP from elsewhere a browser gives nobody the clipboard.
    tell(`The browser does not let this page copy. The id is ${dataset.copy}`);
  }
}

let typing;

function find() {
  clearTimeout(typing);
  const query = new URLSearchParams(location.search);
  for (const name of ["page", "links-page"]) query.delete(name);
  const match = form.elements.match.value.trim();
  if (match === "") query.delete("match");
  else query.set("match", match);
  if (match === (new URLSearchParams(location.search).get("match") ?? "")) return;
  history.replaceState(null, "", `?${query.toString()}`);
  connect();
}
form.addEventListener("submit", (event) => {
  event.preventDefault();
  find();
});
form.addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(find, 400);
});

chosen.addEventListener("change", () => {
  const query = new URLSearchParams(location.search);
  if (chosen.value === "300") query.delete("window");
  else query.set("window", chosen.value);
  plots.show(Number(chosen.value));
  history.pushState(null, "", `?${query.toString()}`);
  connect();
});

document.addEventListener("visibilitychange", () => {
  clearTimeout(unseen);
  if (document.hidden) unseen = setTimeout(() => source.close(), UNSEEN_MS);
  else if (source.readyState === EventSource.CLOSED) connect();
});

new ResizeObserver(() => plots.resize()).observe(document.querySelector("#plots"));
for (const query of ["(prefers-color-scheme: dark)", "(forced-colors: active)"])
  matchMedia(query).addEventListener("change", () => plots.draw());
