/* What else lives on the pages: BERT forgets, predictions, exercises whose stub can be copied. */
"use strict";

/* ---- BERT forgets ------------------------------------------------------------------------------ */

const percent = (share) => `${(100 * share).toFixed(1)}%`;

async function startForgets(box) {
  await Promise.all([loadScript("pocket-bert.js"), loadScript("bert.js")]);
  const bert = (window.theBert ??= new PocketBert(pocketBert)); // one for all of a page
  const sentence = element("input", { type: "text", value: box.dataset.sentence, spellcheck: false });
  const slider = element("input", { type: "range", min: 0, max: 99, step: 1, value: 0 });
  const shown = element("output");
  const groups = Object.keys(bert.groups).map((name) => {
    const input = element("input", { type: "checkbox", checked: true });
    return { name, input, row: element("label", { className: "tick" }, input, ` ${name}`) };
  });
  const table = element("div", { className: "words" }), said = element("p", { className: "said" });
  said.setAttribute("aria-live", "polite");
  const column = (heading, words, kept, longest) =>
    element("table", {}, element("caption", {}, heading), element("tbody", {}, ...words.map(({ word, probability }) => {
      const bar = element("span", { className: "bar" });
      bar.style.width = `${(100 * probability) / longest}%`;
      return element("tr", { className: kept.has(word) ? "kept" : "new" }, element("th", { scope: "row" }, word),
        element("td", {}, percent(probability)), element("td", { className: "bars" }, bar));
    })));
  let asked, dense; // the dense model's words change with the sentence only
  const show = () => {
    const sparsity = slider.value / 100, chosen = groups.filter(({ input }) => input.checked).map(({ name }) => name);
    shown.textContent = `${slider.value}%`;
    slider.setAttribute("aria-valuetext", shown.textContent);
    const started = performance.now();
    try {
      if (asked !== sentence.value) dense = bert.topWords(sentence.value);
      asked = sentence.value;
      const pruned = bert.topWords(sentence.value, chosen, sparsity);
      const before = new Set(dense.map(({ word }) => word)), after = new Set(pruned.map(({ word }) => word));
      const longest = Math.max(dense[0].probability, pruned[0].probability);
      table.replaceChildren(column("dense", dense, after, longest),
        column(`pruned to ${slider.value}%`, pruned, before, longest));
      const kept = [...before].filter((word) => after.has(word)).length, strange = bert.unknown(sentence.value);
      said.textContent = `${kept} of the dense model's five words are still among the first five.`
        + (strange.length ? ` The model has never seen: ${strange.join(", ")}.` : "");
    } catch (error) {
      table.replaceChildren();
      said.textContent = error.message;
    }
    box.dataset.milliseconds = performance.now() - started;
  };
  [sentence, slider, ...groups.map(({ input }) => input)].forEach((input) => input.addEventListener("input", show));
  box.replaceChildren(
    element("label", { className: "control" }, element("span", {}, "sentence"), sentence),
    element("label", { className: "control" }, element("span", {}, "sparsity"), slider, shown),
    element("fieldset", {}, element("legend", {}, "prune"), ...groups.map(({ row }) => row)), table, said);
  show();
  box.classList.add("ready");
}

/* ---- predictions ------------------------------------------------------------------------------- */

/* 1 point, 2 points */
const withUnit = (value, unit) =>
  `${value}${unit === "" || unit === "%" ? "" : " "}${Math.abs(value) === 1 ? unit.replace(/(.)s$/, "$1") : unit}`;

/* As helpers.lesson.predictions.Prediction.against says it. */
function against(guess, { outcome, unit }) {
  if (typeof outcome === "string") return guess === outcome ? `You said ${outcome}; so it is.` : `You said ${guess}; it is ${outcome}.`;
  const off = Math.abs(outcome - guess), words = withUnit(+off.toPrecision(6), unit === "%" ? "points" : unit);
  if (!off) return `You said ${withUnit(outcome, unit)}; so it is.`;
  return `You said ${withUnit(guess, unit)}; it is ${withUnit(outcome, unit)}, ${words} ${outcome > guess ? "more" : "less"}.`;
}

/* The guess as a dotted line across the figure above an outcome. `marks` say where: the axis, the
   shares of the picture's width or height at which 0 and 1 lie, and where the line begins and ends. */
function drawGuess(node, guess, { marks }) {
  const image = node.closest(".cell_output")?.querySelector("img:not(.picture img)");
  if (!marks || !image || typeof guess === "string") return;
  let frame = image.parentElement;
  if (!frame.classList.contains("guessed")) {
    frame = element("span", { className: "guessed" });
    image.replaceWith(frame);
    frame.append(image);
  }
  const { axis, at: [zero, one], span: [from, to] } = marks, place = 100 * (zero + guess * (one - zero));
  const line = element("span", { className: "guess", title: "your prediction" });
  Object.assign(line.style, axis === "y" ? { bottom: `${place}%`, left: `${100 * from}%`, width: `${100 * (to - from)}%`, borderTopWidth: "3px" }
    : { left: `${place}%`, bottom: `${100 * from}%`, height: `${100 * (to - from)}%`, borderLeftWidth: "3px" });
  frame.querySelectorAll(".guess").forEach((old) => old.remove());
  frame.append(line);
}

/* What an outcome's cell shows stays covered until the prediction is made, or the reader asks. */
function coverAnswer(node) {
  const outputs = node.closest(".cell_output"), { question } = JSON.parse(node.dataset.outcome);
  const asked = [...document.querySelectorAll(".prediction")].some((form) => form.dataset.question === question);
  if (!asked || !outputs || outputs.classList.contains("covered")) return;
  const button = element("button", { type: "button" }, "Show it now");
  button.addEventListener("click", () => uncoverAnswer(node));
  outputs.prepend(element("p", { className: "cover" }, "The answer appears here once you commit to a prediction above. ", button));
  outputs.classList.add("covered");
}

function uncoverAnswer(node) {
  const outputs = node.closest(".cell_output");
  outputs?.classList.remove("covered");
  outputs?.querySelector(".cover")?.remove();
}

function startPrediction(form) {
  const said = form.querySelector(".said"), slider = form.querySelector("input[type=range]");
  const unit = form.dataset.unit ?? "", shown = form.querySelector("output");
  slider?.addEventListener("input", () => { shown.textContent = withUnit(slider.value, unit); });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const chosen = slider ?? form.querySelector("input:checked");
    if (!chosen) { said.textContent = "Choose an answer first."; return; }
    const guess = slider ? Number(chosen.value) : chosen.value;
    said.textContent = `You say ${typeof guess === "string" ? guess : withUnit(guess, unit)}. Read on to see.`;
    form.querySelector("button").textContent = "Commit again";
    document.querySelectorAll(".outcome").forEach((node) => {
      const outcome = JSON.parse(node.dataset.outcome);
      if (outcome.question !== form.dataset.question) return;
      uncoverAnswer(node);
      node.textContent = against(guess, outcome);
      drawGuess(node, guess, outcome);
    });
  });
}

/* ---- figures on a phone -------------------------------------------------------------------------- */

/* At six tenths of its size a figure's smallest letters can still be read; what is wider scrolls. */
function keepReadable(image) {
  const frame = element("span", { className: "scroll" });
  image.replaceWith(frame);
  frame.append(image);
  const note = () => image.style.setProperty("--readable", `${0.6 * image.naturalWidth}px`);
  if (image.complete) note();
  else image.addEventListener("load", note);
}

/* ---- exercises --------------------------------------------------------------------------------- */

function startExercise(pre) {
  const button = element("button", { type: "button", className: "copy-stub" }, "Copy the stub");
  const note = element("span", { className: "still-note" }, " Your answer is checked in the notebook.");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(pre.textContent.trim());
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(pre);
      button.textContent = "Selected: copy it";
    }
  });
  pre.closest(".cell_input").append(element("p", { className: "exercise" }, button, note));
}

document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll(".forgets").forEach((box) => whenNear(box, startForgets));
  document.querySelectorAll(".prediction").forEach(startPrediction);
  document.querySelectorAll(".outcome").forEach(coverAnswer);
  document.querySelectorAll(".cell_output > img, .still img").forEach(keepReadable);
  document.querySelectorAll(".cell_input pre").forEach((pre) => {
    if (pre.textContent.includes("exercises.check(")) startExercise(pre);
  });
  document.querySelectorAll(".regimes").forEach((box) => whenNear(box, async () => {
    await loadScript("regimes.js");
    showRegimes(box, regimes);
    box.classList.add("ready");
  }));
});
