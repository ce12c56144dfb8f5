// Keeps the status page live. Without it the page is the tables of the moment in which it was asked for.
/* global uPlot */

const rows = [];
const plots = [];
const state = document.querySelector("#live");
const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

const figures = [
  { id: "rates", columns: ["stanzas", "delegations"], text: (value) => `${value.toFixed(value < 10 ? 1 : 0)}/s` },
  { id: "latency", columns: ["p50", "p95", "p99"], text: (value) => `${value.toFixed(value < 10 ? 1 : 0)} ms` },
  { id: "loop", columns: ["loopP50", "loopP99"], text: (value) => `${value.toFixed(1)} ms` },
  { id: "memory", columns: ["rss", "heap"], text: (value) => `${value.toFixed(0)} MiB` },
];
const colours = ["--one", "--two", "--three"];

function draw() {
  for (const { plot } of plots.splice(0)) plot.destroy();
  for (const figure of figures) {
    const place = document.querySelector(`#${figure.id} .plot`);
    const axis = { stroke: style("--dim"), grid: { stroke: style("--line"), width: 1 }, ticks: { show: false } };
    const plot = new uPlot(
      {
        width: place.clientWidth,
        height: 110,
        legend: { show: false },
        cursor: { show: false },
        padding: [8, 28, 0, 0],
        scales: { x: { time: true }, y: { range: (_plot, _least, most) => [0, Math.max(1, most * 1.15)] } },
        axes: [
          { ...axis, size: 24, space: 80, values: (_plot, splits) => splits.map(clock) },
          { ...axis, size: 44, space: 30 },
        ],
        series: [
          {},
          ...figure.columns.map((_name, index) => ({
            stroke: style(colours[index]),
            width: 1.5,
            points: { show: false },
          })),
        ],
      },
      table(figure),
      place,
    );
    plots.push({ figure, plot, place });
  }
  say();
}

function clock(seconds) {
  return new Date(seconds * 1000).toLocaleTimeString([], {
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hour12: false,
  });
}

function table({ columns }) {
  return [rows.map(({ at }) => at), ...columns.map((name) => rows.map((row) => row[name]))];
}

/** The numbers of now stand beside each plot, for everybody; a picture says them to nobody who cannot see it. */
function say() {
  const last = rows.at(-1);
  if (last === undefined) return;
  for (const { id, columns, text } of figures) {
    for (const name of columns) {
      const shown = last[name];
      document.querySelector(`#${id} [data-value="${name}"]`).textContent = shown === null ? "–" : text(shown);
    }
  }
}

function patch(sections) {
  for (const [id, html] of Object.entries(sections)) {
    const section = document.getElementById(id);
    if (section === null || section.dataset.html === html) continue;
    section.dataset.html = html;
    // Made by Caesura, which escapes what it shows; the policy of this page runs no script in it.
    section.innerHTML = html;
  }
}

function tell(text) {
  if (state.textContent !== text) state.textContent = text;
}

for (const element of document.querySelectorAll("[hidden]")) element.hidden = false;
draw();

const source = new EventSource("live");
source.addEventListener("history", (event) => {
  rows.splice(0, rows.length, ...JSON.parse(event.data));
  draw();
});
source.addEventListener("now", (event) => {
  const { sample, sections } = JSON.parse(event.data);
  if (sample !== undefined) rows.push(sample);
  if (rows.length > 300) rows.shift();
  patch(sections);
  for (const { figure, plot } of plots) plot.setData(table(figure));
  say();
  tell("live");
});
source.addEventListener("error", () => tell("not connected, trying again"));

new ResizeObserver(() => {
  for (const { plot, place } of plots) plot.setSize({ width: place.clientWidth, height: 110 });
}).observe(document.body);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
