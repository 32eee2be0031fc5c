/** The page: an image in; its labels, what each member says, and how sure they are. */

import { startZoom } from "./zoom.js";

const DOUBT_COLOUR = [213, 94, 0];
const SURE = 255;

const element = (id) => document.getElementById(id);
const say = (words) => (element("status").textContent = words);
const percent = (share) => `${(100 * share).toFixed(1)}%`;

/** One predictor's labels and confidence, a byte a pixel each; labels of many classes that overlap have several. */
async function unpack({ labels, confidence, ...facts }) {
  const [labelBytes, confidenceBytes] = await Promise.all([greys(labels), greys(confidence)]);
  return { ...facts, labels: labelBytes, confidence: confidenceBytes };
}

/** The values of a greyscale PNG, as they are in the file. */
async function greys(address) {
  const bytes = Uint8Array.from(atob(address.split(",")[1]), (letter) => letter.charCodeAt(0));
  const bitmap = await createImageBitmap(new Blob([bytes], { type: "image/png" }), { colorSpaceConversion: "none" });
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  const { data } = context.getImageData(0, 0, bitmap.width, bitmap.height);
  return Uint8Array.from({ length: data.length / 4 }, (_, pixel) => data[4 * pixel]);
}

/** What is shown: the answer, which of its layers as what, and without which classes. */
const shown = { about: null, answer: null, hidden: new Set() };

const chosen = (name) => document.querySelector(`input[name="${name}"]:checked`).value;
const layer = () => shown.answer.layers[Number(chosen("layer"))];

function draw() {
  const { width, height } = shown.answer;
  const canvas = element("mask");
  [canvas.width, canvas.height] = [width, height];
  const picture = new ImageData(width, height);
  const paint = chosen("kind") === "labels" ? paintLabels : paintDoubt;
  paint(layer(), picture.data);
  canvas.getContext("2d").putImageData(picture, 0, 0);
  listClasses(layer());
}

/** The classes of a pixel: its label, or the bits of its bytes, which are in planes behind each other. */
function classesAt(labels, pixel) {
  const { task, classes } = shown.about;
  if (task === "multiclass") return [labels[pixel]];
  const pixels = shown.answer.width * shown.answer.height;
  return [...classes.keys()].filter((bit) => (labels[pixel + (bit >> 3) * pixels] >> (bit & 7)) & 1);
}

function paintLabels({ labels, confidence }, rgba) {
  const { classes, clear } = shown.about;
  confidence.forEach((_, pixel) => {
    const own = classesAt(labels, pixel).filter((label) => label !== clear && !shown.hidden.has(label));
    if (!own.length) return;
    const mean = [0, 1, 2].map((channel) => own.reduce((sum, label) => sum + classes[label].colour[channel], 0) / own.length);
    rgba.set([...mean, 255], 4 * pixel);
  });
}

function paintDoubt({ confidence }, rgba) {
  confidence.forEach((sure, pixel) => rgba.set([...DOUBT_COLOUR, SURE - sure], 4 * pixel));
}

function listClasses({ labels, confidence }) {
  const counts = shown.about.classes.map(() => ({ pixels: 0, sure: 0 }));
  confidence.forEach((sure, pixel) => {
    for (const label of classesAt(labels, pixel)) {
      counts[label].pixels += 1;
      counts[label].sure += sure / SURE;
    }
  });
  const found = [...counts.keys()].filter((label) => counts[label].pixels);
  found.sort((a, b) => counts[b].pixels - counts[a].pixels);
  element("classes").replaceChildren(
    ...found.map((label) => {
      const { pixels, sure } = counts[label];
      return row(label, percent(pixels / confidence.length), percent(sure / pixels));
    }),
  );
}

/** A class of the table, whose labels its box shows or hides. */
function row(label, ...figures) {
  const { name, colour } = shown.about.classes[label];
  const line = document.createElement("tr");
  const head = document.createElement("th");
  head.scope = "row";
  const box = Object.assign(document.createElement("input"), { type: "checkbox", checked: !shown.hidden.has(label) });
  box.addEventListener("change", () => {
    if (box.checked) shown.hidden.delete(label);
    else shown.hidden.add(label);
    draw();
  });
  const swatch = document.createElement("span");
  swatch.className = "colour";
  swatch.style.background = `rgb(${colour})`;
  const words = document.createElement("label");
  words.append(box, " ", swatch, name);
  head.append(words);
  line.append(head, ...figures.map((figure) => Object.assign(document.createElement("td"), { textContent: figure })));
  return line;
}

function listLayers() {
  element("layers").replaceChildren(
    ...shown.answer.layers.map(({ name, agreement }, position) => {
      const label = document.createElement("label");
      const input = Object.assign(document.createElement("input"), { type: "radio", name: "layer", value: position });
      input.checked = position === 0;
      const words = Object.assign(document.createElement("span"), { textContent: name });
      const agrees = Object.assign(document.createElement("small"), { textContent: position ? `agrees ${percent(agreement)}` : "" });
      label.append(input, words, agrees);
      return label;
    }),
  );
}

/** What everyone says of the pixel that is pointed at. */
function readOut({ offsetX, offsetY }) {
  const { width, height, layers } = shown.answer;
  const canvas = element("mask");
  const x = Math.min(width - 1, Math.max(0, Math.floor((offsetX / canvas.clientWidth) * width)));
  const y = Math.min(height - 1, Math.max(0, Math.floor((offsetY / canvas.clientHeight) * height)));
  const pixel = y * width + x;
  const words = layers.map(({ name, labels, confidence }) => {
    const own = classesAt(labels, pixel).map((label) => shown.about.classes[label].name);
    return `${name}: ${own.join(" and ") || "nothing"} ${Math.round((100 * confidence[pixel]) / SURE)}%`;
  });
  element("readout").textContent = `${x}, ${y} — ${words.join("; ")}`;
}

async function look(file) {
  say("Labelling …");
  const start = performance.now();
  const answer = await fetch("look", { method: "POST", body: file });
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.error);
  shown.answer = { ...body, layers: await Promise.all(body.layers.map(unpack)) };
  const seconds = (performance.now() - start) / 1000;
  URL.revokeObjectURL(element("image").src);
  element("image").src = URL.createObjectURL(file);
  listLayers();
  element("result").hidden = false;
  shown.fit();
  draw();
  say(`${body.width} x ${body.height} pixels, ${percent(layer().sure)} sure, in ${seconds.toFixed(1)} s`);
}

const orSay = (work) => work.catch((error) => say(`That went wrong: ${error.message}`));

function takeDrops() {
  const drop = element("drop");
  for (const kind of ["dragover", "dragleave", "drop"]) {
    document.addEventListener(kind, (event) => {
      event.preventDefault();
      drop.classList.toggle("over", kind === "dragover");
    });
  }
  document.addEventListener("drop", ({ dataTransfer }) => dataTransfer.files.length && orSay(look(dataTransfer.files[0])));
  element("file").addEventListener("change", ({ target }) => target.files.length && orSay(look(target.files[0])));
}

async function start() {
  shown.about = await (await fetch("about")).json();
  const { name, members, passes, classes } = shown.about;
  document.title = name;
  element("title").textContent = name;
  element("about").textContent = `${members.length} members, ${passes} passes for an image, ${classes.length} classes.`;
  element("maps").hidden = !shown.about.maps;
  element("opacity").addEventListener("input", setOpacity);
  document.querySelector("aside").addEventListener("change", ({ target }) => target.type === "radio" && draw());
  element("mask").addEventListener("pointermove", readOut);
  setOpacity();
  takeDrops();
  shown.fit = startZoom(element("stage"), element("sheet"), { closer: element("in"), farther: element("out"), whole: element("fit") });
  say("Ready");
}

function setOpacity() {
  element("mask").style.opacity = element("opacity").value;
}

orSay(start());
