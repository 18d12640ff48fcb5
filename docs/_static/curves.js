/* Curves over sparsity that answer to mouse and keyboard: `drawCurves` draws one set of axes,
   `showCurves` is the results explorer around it, `showRegimes` the front page's figure. All
   numbers come from helpers.lesson.widgets.results.page_of. */
"use strict";

const DASHES = ["", "7 4", "2 3", "7 3 2 3"]; // one for each source, as in helpers.plots
const svgNode = (tag, attributes, ...children) => {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
};

/* The outline of a marker around (0, 0), by matplotlib's names. */
const MARKERS = {
  o: "M4 0A4 4 0 1 1-4 0A4 4 0 1 1 4 0Z", s: "M-4-4H4V4H-4Z", "^": "M0-5L5 4H-5Z",
  X: "M-4-4L4 4M4-4L-4 4", D: "M0-5L5 0L0 5L-5 0Z",
};

function marker(x, y, { color, marker: name, hollow }) {
  const fill = hollow || name === "X" ? "var(--pst-color-background, white)" : color;
  return svgNode("path", { d: MARKERS[name] ?? MARKERS.o, transform: `translate(${x} ${y})`, fill,
                           stroke: color, "stroke-width": name === "X" ? 2.5 : 1.5 });
}

/* Round numbers between two ends. */
function ticks(low, high, about = 5) {
  const rough = (high - low) / about, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough);
  const found = [];
  for (let tick = Math.ceil(low / step) * step; tick <= high + 1e-9; tick += step) found.push(tick);
  return found;
}

/* Draw lines ({label, color, marker, hollow, dash, points: [[sparsity, mean, low, high], …]}) into a
   box, again whenever its width changes. `tell(text)` gets the value under mouse or keyboard. */
function drawCurves(box, { lines, floors = [], regimes = [], label, unit, bands = true, range }, tell) {
  const format = (value) => `${value.toFixed(unit === "nats" ? 2 : 1)}${unit === "%" ? "%" : " " + unit}`;
  const values = [...lines.flatMap(({ points }) => points.flatMap(([, mean, low, high]) =>
    (bands ? [mean, low ?? mean, high ?? mean] : [mean]))), ...floors.map(({ value }) => value)];
  let [low, high] = range ?? (values.length ? [Math.min(...values), Math.max(...values)] : [0, 1]);
  const spare = 0.06 * (high - low || 1);
  [low, high] = [low - spare, high + spare * (regimes.length ? 4 : 1)];
  let chosen = [0, 0];

  const draw = () => {
    const width = box.clientWidth, height = Math.round(Math.min(360, Math.max(230, 0.6 * width)));
    const left = 44, right = width - 14, bottom = height - 40, top = 24;
    const x = (sparsity) => left + (right - left) * (100 * sparsity) / 100;
    const y = (value) => bottom - ((bottom - top) * (value - low)) / (high - low);
    const svg = svgNode("svg", { width, height, tabindex: 0, role: "application",
      "aria-label": `${label} against sparsity. Left and right: sparsity; up and down: line.` });
    for (const { from, to, kind, short, color } of regimes) {
      svg.append(svgNode("rect", { x: x(from), y: top, width: x(Math.min(to, 1)) - x(from), height: bottom - top,
                                   fill: color, opacity: 0.16 }));
      const room = x(Math.min(to, 1)) - x(from), words = kind.split(" and "); // a letter takes 7 pixels
      const fits = words.every((word, row) => 7 * (word.length + 2 * row) < room);
      (fits ? words.map((word, row) => (row ? `+ ${word}` : word)) : short.split("\n")).forEach((word, row) =>
        svg.append(svgNode("text", { x: x(from) + room / 2, y: top + 14 + 13 * row, "text-anchor": "middle" }, word)));
    }
    for (const tick of ticks(low, high)) {
      svg.append(svgNode("line", { x1: left, x2: right, y1: y(tick), y2: y(tick), class: "grid" }),
        svgNode("text", { x: left - 6, y: y(tick) + 4, "text-anchor": "end" }, `${+tick.toFixed(3)}`));
    }
    for (const tick of [0, 20, 40, 60, 80, 100])
      svg.append(svgNode("text", { x: x(tick / 100), y: bottom + 16, "text-anchor": "middle" }, tick));
    svg.append(svgNode("line", { x1: left, x2: right, y1: bottom, y2: bottom, class: "axis" }),
      svgNode("text", { x: (left + right) / 2, y: bottom + 34, "text-anchor": "middle" }, "sparsity (%)"));
    for (const { value, name, dash } of floors)
      svg.append(svgNode("line", { x1: left, x2: right, y1: y(value), y2: y(value), class: "floor", "stroke-dasharray": dash }),
        svgNode("text", { x: name === "dense" ? right - 4 : left + 4, y: y(value) - 4,
                          "text-anchor": name === "dense" ? "end" : "start", class: "small" }, name));
    svg.append(svgNode("text", { x: 0, y: 12 }, label));
    const places = [];
    lines.forEach((line, number) => {
      const at = line.points.map(([s, mean]) => [x(s), y(mean)]);
      if (bands && line.points.every(([, , l, h]) => l !== null && h !== null)) {
        const path = [...line.points.map(([s, , , h]) => [x(s), y(h)]),
                      ...line.points.map(([s, , l]) => [x(s), y(l)]).reverse()];
        svg.append(svgNode("path", { d: `M${path.join("L")}Z`, fill: line.color, opacity: 0.15 }));
      }
      if (at.length) svg.append(svgNode("path", { d: `M${at.join("L")}`, fill: "none", stroke: line.color, "stroke-width": 2,
                                   "stroke-dasharray": line.dash ?? "" }));
      at.forEach(([px, py], point) => {
        svg.append(marker(px, py, line));
        places.push({ px, py, number, point });
      });
    });
    const ring = svgNode("circle", { r: 9, class: "ring", visibility: "hidden" });
    svg.append(ring);
    const choose = ({ px, py, number, point }) => {
      const line = lines[number], [sparsity, mean, l, h] = line.points[point];
      chosen = [number, point];
      for (const [name, value] of Object.entries({ cx: px, cy: py, visibility: "visible" })) ring.setAttribute(name, value);
      const interval = l === null || l === mean && h === mean ? "" : `, 95% interval ${format(l)} to ${format(h)}`;
      tell(`${line.label} at ${Math.round(100 * sparsity)}%: ${format(mean)}${interval}.`);
    };
    svg.addEventListener("pointermove", (event) => {
      const area = svg.getBoundingClientRect(), [mx, my] = [event.clientX - area.left, event.clientY - area.top];
      const near = (place) => (place.px - mx) ** 2 + (place.py - my) ** 2;
      if (places.length) choose(places.reduce((a, b) => (near(b) < near(a) ? b : a)));
    });
    svg.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
      if (!step || !lines.length) return;
      event.preventDefault();
      const number = (chosen[0] + step[0] + lines.length) % lines.length;
      const last = lines[number].points.length - 1;
      const point = Math.max(0, Math.min(last, chosen[1] + step[1]));
      choose(places.find((place) => place.number === number && place.point === point));
    });
    box.replaceChildren(svg);
  };
  draw();
  box.redraw = draw;
  if (!box.watched) {
    let width = box.clientWidth;
    box.watched = new ResizeObserver(() => {
      if (box.clientWidth !== width && (width = box.clientWidth)) box.redraw();
    });
    box.watched.observe(box);
  }
}

/* The legend: a swatch and a name for each line. */
function legend(lines) {
  return element("ul", { className: "legend" }, ...lines.map((line) => {
    const swatch = svgNode("svg", { width: 34, height: 14, "aria-hidden": "true" },
      svgNode("line", { x1: 0, x2: 34, y1: 7, y2: 7, stroke: line.color, "stroke-width": 2, "stroke-dasharray": line.dash ?? "" }),
      marker(17, 7, line));
    return element("li", {}, swatch, ` ${line.label}`);
  }));
}

/* The lines of one table, for the conditions that it has. */
function linesOf(data, table, conditions, source) {
  return conditions.filter((id) => table[id]?.length).map((id) => {
    const number = data.sources.indexOf(source);
    return { ...data.conditions[id], points: table[id], dash: DASHES[number % DASHES.length], hollow: number > 0 };
  });
}

function floorsOf(data, table, metric) {
  if (metric === "mlm_loss") return [];
  return ["dense", "from_scratch", "majority"].filter((id) => table[id]?.length).map((id, number) => (
    { value: table[id][0][1], name: data.conditions[id].label, dash: ["6 4", "2 3", "6 3 2 3"][number] }));
}

function showCurves(box, data) {
  const chart = element("div", { className: "chart" }), said = element("p", { className: "said" });
  const value = element("p", { className: "value" }, "Point at a dot, or use the arrow keys in the figure.");
  const key = element("div");
  said.setAttribute("aria-live", "polite");
  value.setAttribute("aria-live", "polite");
  const menu = (label, pairs, start = 0) =>
    control({ kind: "menu", label, words: pairs.map(([, word]) => word), start }, () => show());
  const sources = [["", "all sources"], ...data.sources.map((name) => [name, name])];
  const metric = menu("metric", data.metrics.map(({ id, label }) => [id, label]),
                      data.metrics.findIndex(({ id }) => id === data.start));
  const task = menu("task", data.tasks), source = menu("source", sources);
  const ticked = (label, checked) => {
    const input = element("input", { type: "checkbox", checked });
    input.addEventListener("change", () => show());
    return { input, row: element("label", { className: "tick" }, input, ` ${label}`) };
  };
  const shown = data.pruned.map((id) => ({ id, ...ticked(data.conditions[id].label, true) }));
  const relative = ticked("show the difference from dense", false), bands = ticked("show 95% intervals", true);
  const show = () => {
    const kind = data.metrics[metric.place()], [taskId] = data.tasks[task.place()];
    const [only] = sources[source.place()], used = only ? [only] : data.sources;
    const conditions = shown.filter(({ input }) => input.checked).map(({ id }) => id);
    const table = (name) => data.tables[[name, kind.id, taskId, Number(relative.input.checked)].join("|")];
    const lines = used.flatMap((name) => linesOf(data, table(name), conditions, name).map((line) => (
      { ...line, label: used.length > 1 ? `${line.label} · ${name}` : line.label })));
    const floors = relative.input.checked ? [] : floorsOf(data, table(used[0]), kind.id);
    drawCurves(chart, { lines, floors, bands: bands.input.checked,
      label: relative.input.checked ? kind.relative : kind.label,
      unit: relative.input.checked && kind.unit === "%" ? "points" : kind.unit }, (text) => { value.textContent = text; });
    key.replaceChildren(legend(lines));
    const ends = data.ends[[used[0], kind.id, taskId, Number(relative.input.checked)].join("|")];
    const parts = conditions.map((id) => ends[id]).filter(Boolean).join("; ");
    said.textContent = `${used[0]}${relative.input.checked ? ", against dense" : ""}: ${parts || "nothing of this was measured"}.`;
  };
  box.replaceChildren(metric.row, task.row, source.row,
    element("fieldset", {}, element("legend", {}, "conditions"), ...shown.map(({ row }) => row)),
    relative.row, bands.row, chart, value, key, said,
    element("p", { className: "still-note" }, "In the notebook your own runs join this figure as stars."));
  show();
}

const REGIMES = "Shaded are the regimes. Free: no loss that could be measured. Deletion (del): what pre-training "
  + "knew is gone. Restriction (res): the masks hold fine-tuning back. ?: the results cannot say.";

/* Our regimes beside the paper's. */
function showRegimes(box, { panels: all }) {
  const panels = box.dataset.panels ? box.dataset.panels.split(",").map((place) => all[place]) : all;
  const value = element("p", { className: "value" }, "Point at a dot, or use the arrow keys in a figure.");
  value.setAttribute("aria-live", "polite");
  const figures = panels.map(() => element("div", { className: "chart" }));
  box.replaceChildren(element("div", { className: "panels" }, ...panels.map(({ title }, i) =>
    element("figure", {}, element("figcaption", {}, title), figures[i]))), legend(panels[0].lines), value,
    element("p", { className: "still-note" }, REGIMES));
  panels.forEach((panel, i) => drawCurves(figures[i], panel, (text) => { value.textContent = `${panel.name}: ${text}`; }));
}
