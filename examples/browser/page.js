/** The page: an image in, its mask over it, and how much of it each class has. */

import { openEnsemble } from "./ensemble.js";

const DEFAULT_MODEL = "ensemble.onnx";

const element = (id) => document.getElementById(id);
const say = (words) => (element("status").textContent = words);

/** The pixels as they are in the file, turned as its EXIF data says. */
async function readPixels(file) {
  const bitmap = await createImageBitmap(file, { colorSpaceConversion: "none" });
  const canvas = element("image");
  [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  return context.getImageData(0, 0, bitmap.width, bitmap.height);
}

function drawMask(labels, { width, height }, classes) {
  const canvas = element("mask");
  [canvas.width, canvas.height] = [width, height];
  const mask = new ImageData(width, height);
  labels.forEach((label, pixel) => mask.data.set([...classes[label].colour, 255], 4 * pixel));
  canvas.getContext("2d").putImageData(mask, 0, 0);
}

function showLegend(labels, classes) {
  const counts = classes.map(() => 0);
  for (const label of labels) counts[label] += 1;
  const found = [...counts.keys()].filter((label) => counts[label]).sort((a, b) => counts[b] - counts[a]);
  element("legend").replaceChildren(...found.map((label) => entry(classes[label], counts[label] / labels.length)));
}

function entry({ name, colour }, share) {
  const item = document.createElement("li");
  const [swatch, words, figure] = ["colour", "name", "share"].map((kind) => {
    const part = document.createElement("span");
    part.className = kind;
    return part;
  });
  swatch.style.background = `rgb(${colour})`;
  words.textContent = name;
  figure.textContent = `${(100 * share).toFixed(1)}%`;
  item.append(swatch, words, figure);
  return item;
}

async function show(ensemble, file) {
  say("Labelling …");
  const picture = await readPixels(file);
  // The browser paints what was said before it is busy.
  await new Promise((painted) => requestAnimationFrame(() => setTimeout(painted)));
  const start = performance.now();
  const labels = await ensemble.label(picture);
  const seconds = (performance.now() - start) / 1000;
  drawMask(labels, picture, ensemble.card.classes);
  showLegend(labels, ensemble.card.classes);
  document.querySelector("figure").hidden = false;
  say(`${picture.width} x ${picture.height} pixels labelled in ${seconds.toFixed(1)} s`);
}

function orSay(work) {
  return work.catch((error) => say(`That went wrong: ${error.message}`));
}

async function start() {
  const address = new URLSearchParams(location.search).get("model") ?? DEFAULT_MODEL;
  const ensemble = await openEnsemble(address);
  const { name, members } = ensemble.card;
  const passes = members.reduce((sum, member) => sum + member.views.length, 0);
  element("title").textContent = name;
  element("about").textContent = `${members.length} networks, ${passes} passes for an image, all on this machine.`;
  element("file").addEventListener("change", ({ target }) => orSay(show(ensemble, target.files[0])));
  element("file").disabled = false;
  say("Ready");
}

function setOpacity() {
  element("mask").style.opacity = element("opacity").value;
}

element("opacity").addEventListener("input", setOpacity);
setOpacity();
orSay(start());
