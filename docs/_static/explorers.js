/* Explorers on a page without a kernel. Each <div class="explorer" data-explorer="name"> shows a
   picture until it is near the screen. Then its script is loaded: explorers["name"] is what
   helpers.lesson.widgets.page.states returns, compressed, in base64. */
"use strict";

const courseScripts = {};

/* A script of _static, loaded once; a page from a disk may load scripts, but fetch nothing. */
function loadScript(path) {
  return (courseScripts[path] ??= new Promise((resolve, reject) => {
    const root = document.documentElement.dataset.content_root || "./";
    const script = Object.assign(document.createElement("script"), { src: `${root}_static/${path}` });
    script.onload = resolve;
    script.onerror = () => reject(new Error(`${path} cannot be loaded`));
    document.head.append(script);
  }));
}

async function unpack(packed) {
  const bytes = Uint8Array.from(atob(packed), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

/* A labelled control: {input, row, place()}; place is the index of the chosen word. */
function control({ kind, label, words, start }, changed) {
  if (kind === "slider") {
    const input = element("input", { type: "range", min: 0, max: words.length - 1, step: 1, value: start });
    const shown = element("output", {}, words[start]);
    const tell = () => {
      shown.textContent = words[input.value];
      input.setAttribute("aria-valuetext", words[input.value]);
    };
    tell();
    input.addEventListener("input", () => { tell(); changed(); });
    return { row: element("label", { className: "control" }, element("span", {}, label), input, shown),
             place: () => Number(input.value) };
  }
  const input = element("select", {}, ...words.map((word) => element("option", {}, word)));
  input.selectedIndex = start;
  input.addEventListener("change", changed);
  return { row: element("label", { className: "control" }, element("span", {}, label), input),
           place: () => input.selectedIndex };
}

function svgAddress({ width, height }, drawing) {
  const text = `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" `
    + `viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">${drawing}</svg>`;
  return `data:image/svg+xml,${encodeURIComponent(text)}`;
}

/* Play an explorer: the scene that stays below, what moves above it. */
function play(box, data) {
  const picture = element("div", { className: "picture" });
  const rest = element("img", { alt: "" }), moved = element("img", { alt: "" });
  const said = element("p", { className: "said" });
  said.setAttribute("aria-live", "polite");
  const show = () => {
    const places = controls.map(({ place }) => place());
    const scene = places.filter((_, i) => !data.moving.includes(data.controls[i].name));
    const [drawing, sentence] = data.states[places.join()];
    rest.src = svgAddress(data, data.rest[scene.join()]);
    moved.src = svgAddress(data, drawing);
    said.innerHTML = sentence;
    moved.alt = said.textContent;
  };
  const controls = data.controls.map((described) => control(described, show));
  picture.append(rest, moved);
  picture.style.aspectRatio = `${data.width} / ${data.height}`;
  picture.style.maxWidth = `${(data.width * 80) / 72}px`;
  show();
  const note = "The notebook's controls stop at more places.";
  box.replaceChildren(...controls.map(({ row }) => row), element("div", { className: "scroll" }, picture), said,
    element("p", { className: "still-note" }, note));
}

/* Do something once an element comes near the screen. */
function whenNear(node, act) {
  const watch = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    watch.disconnect();
    act(node);
  }, { rootMargin: "800px" });
  watch.observe(node);
}

async function startExplorer(box) {
  const name = box.dataset.explorer;
  await loadScript(`explorers/${name}.js`);
  const data = await unpack(explorers[name]);
  if (data.kind === "curves") showCurves(box, data);
  else play(box, data);
  box.classList.add("ready");
}

document.addEventListener("DOMContentLoaded", () =>
  document.querySelectorAll(".explorer").forEach((box) => whenNear(box, startExplorer)));
