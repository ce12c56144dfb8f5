// The plots of the page: columns of samples that the proxy sends, drawn over a window of time.
/* global uPlot */

const perSecond = { text: (value) => `${number(value)}/s`, tick: (value) => `${number(value)}/s` };
const time = {
  text: (value) => (value >= 10_000 ? `${(value / 1000).toFixed(1)} s` : `${number(value)} ms`),
  tick: (value) => (value >= 1000 ? `${number(value / 1000)} s` : `${number(value)} ms`),
};
const memory = { text: (value) => `${number(value)} MiB`, tick: (value) => `${number(value)} MiB` };
const amount = { text: number, tick: number };

const figures = [
  { id: "delegations", columns: ["delegations", "failures"], unit: perSecond },
  { id: "latency", columns: ["p50", "p95", "p99"], unit: time },
  { id: "stanzas", columns: ["stanzas"], unit: perSecond },
  { id: "people", columns: ["sessions", "connections"], unit: amount },
  { id: "loop", columns: ["loopP50", "loopP99"], unit: time },
  { id: "memory", columns: ["rss", "heap"], unit: memory },
];
const HEIGHT = 132;
/** Samples that come later than this one after the other have nothing to do with each other. */
const GAP_SECONDS = 7;

const columns = new Map();
let drawn = [];
let windowSeconds = 300;
let hovered;

export function lastAt() {
  return columns.get("at")?.at(-1) ?? 0;
}

/** Takes samples by column, unless they are known; those before the window go. */
export function add(samples) {
  const known = samples.at.findLastIndex((second) => second <= lastAt()) + 1;
  for (const [name, values] of Object.entries(samples)) {
    const column = columns.get(name) ?? [];
    column.push(...values.slice(known));
    columns.set(name, column);
  }
  const at = columns.get("at") ?? [];
  const first = at.findIndex((second) => second > Date.now() / 1000 - windowSeconds - 60);
  if (first > 0) for (const column of columns.values()) column.splice(0, first);
}

export function addOne(sample) {
  add(Object.fromEntries(Object.entries(sample).map(([name, value]) => [name, [value]])));
}

/** Forgets all and shows another stretch of time. */
export function show(seconds) {
  windowSeconds = seconds;
  columns.clear();
}

export function draw() {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  for (const { plot } of drawn) plot.destroy();
  drawn = figures.map((figure) => {
    const place = document.querySelector(`#plot-${figure.id} .plot`);
    const line = { stroke: colour("--line"), width: 1 };
    const axis = { stroke: colour("--dim"), grid: line, ticks: { show: false }, font: "11px system-ui, sans-serif" };
    const plot = new uPlot(
      {
        width: Math.max(120, place.clientWidth),
        height: HEIGHT,
        legend: { show: false },
        cursor: { y: false, drag: { x: false }, points: { size: 6 }, sync: { key: "page" } },
        padding: [8, 12, 0, 0],
        scales: {
          x: { time: true, range: () => [Date.now() / 1000 - windowSeconds, Date.now() / 1000] },
          y: { range: (_plot, _least, most) => [0, Math.max(most * 1.15, 1)] },
        },
        axes: [
          {
            ...axis,
            size: 22,
            space: 48,
            values: (_plot, splits) => splits.map((second) => clock(second).slice(0, 5)),
          },
          { ...axis, size: 62, space: 28, values: (_plot, splits) => splits.map(figure.unit.tick) },
        ],
        series: [
          {},
          ...figure.columns.map((_name, index) => ({
            stroke: colour(`--key-${index + 1}`),
            width: 1.75,
            dash: [[], [6, 3], [2, 3]][index],
            spanGaps: false,
            points: { show: true, size: 4, fill: colour(`--key-${index + 1}`), filter: lonely },
          })),
        ],
        hooks: { setCursor: [(plot) => hover(plot)] },
      },
      table(figure),
      place,
    );
    return { figure, plot, place };
  });
  say();
}

/** The window goes on with the clock: where nothing came, nothing is drawn. */
export function redraw() {
  for (const { figure, plot } of drawn) plot.setData(table(figure));
  say();
}

export function resize() {
  for (const { plot, place } of drawn)
    if (place.clientWidth > 0) plot.setSize({ width: place.clientWidth, height: HEIGHT });
}

function table(figure) {
  const at = columns.get("at") ?? [];
  const rows = [[], ...figure.columns.map(() => [])];
  at.forEach((second, index) => {
    const before = at[index - 1];
    if (before !== undefined && second - before > GAP_SECONDS) {
      rows[0].push(before + 1);
      for (const row of rows.slice(1)) row.push(null);
    }
    rows[0].push(second);
    figure.columns.forEach((name, nth) => rows[nth + 1].push(columns.get(name)[index] ?? null));
  });
  return rows;
}

/** A value between two gaps has no line; it is a point. */
function lonely(plot, series) {
  const values = plot.data[series];
  return values.flatMap((value, index) => {
    const isAlone = value !== null && (values[index - 1] ?? null) === null && (values[index + 1] ?? null) === null;
    return isAlone ? [index] : [];
  });
}

function hover(plot) {
  const { idx, left } = plot.cursor;
  const next = left >= 0 && idx !== null && idx !== undefined ? plot.data[0][idx] : undefined;
  if (next === hovered) return;
  hovered = next;
  say();
}

/** The values of the moment under the pointer, or of now, stand beside each plot; the picture says its extremes in words. */
function say() {
  for (const { figure, plot, place } of drawn) {
    const [at, ...rows] = plot.data;
    const index = hovered === undefined ? at.length - 1 : nearest(at, hovered);
    rows.forEach((row, nth) => {
      const value = row[index] ?? null;
      const shown = value === null ? "–" : figure.unit.text(value);
      set(document.querySelector(`#plot-${figure.id} [data-value="${figure.columns[nth]}"]`), shown);
    });
    const words = rows.map((row, nth) => {
      const values = row.filter((value) => value !== null);
      const name = figure.columns[nth];
      if (values.length === 0) return `${name}: nothing`;
      const text = figure.unit.text;
      return `${name}: ${text(values.at(-1))} now, at least ${text(Math.min(...values))}, at most ${text(Math.max(...values))}`;
    });
    place.setAttribute("aria-label", `The last ${windowSeconds / 60} minutes. ${words.join("; ")}`);
  }
  const title = document.querySelector("#plots-title");
  set(title, hovered === undefined ? "Plots" : `Plots at ${clock(hovered)} UTC`);
}

function nearest(at, second) {
  let best = at.length - 1;
  at.forEach((one, index) => {
    if (Math.abs(one - second) < Math.abs(at[best] - second)) best = index;
  });
  return best;
}

function set(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** As the tables and the log have it: in UTC. */
function clock(seconds) {
  return new Date(seconds * 1000).toISOString().slice(11, 19);
}

function number(value) {
  if (value >= 9995) return `${(value / 1000).toFixed(value < 99_950 ? 1 : 0)}k`;
  if (value === 0 || value >= 9.95 || Number.isInteger(value)) return value.toFixed(0);
  return value.toFixed(value < 0.1 ? 2 : 1);
}
