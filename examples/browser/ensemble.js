/** A fused model, loaded and ready. */

import * as ort from "onnxruntime-web";

import { readCard } from "./card.js";

// More threads need a server that isolates the page from others.
ort.env.wasm.numThreads = globalThis.crossOriginIsolated ? navigator.hardwareConcurrency : 1;

/** @param {string} address where the ONNX file is */
export async function openEnsemble(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${address}: ${answer.status} ${answer.statusText}`);
  const bytes = new Uint8Array(await answer.arrayBuffer());
  const card = readCard(bytes);
  const session = await ort.InferenceSession.create(bytes);
  return { card, label: (picture) => label(session, picture) };
}

/**
 * @param {ImageData} picture of any size
 * @returns {Promise<Uint8Array>} the class of each pixel, row by row
 */
async function label(session, { data, width, height }) {
  const image = new ort.Tensor("uint8", withoutAlpha(data), [1, height, width, 3]);
  const { labels } = await session.run({ image }, ["labels"]);
  return labels.data;
}

function withoutAlpha(rgba) {
  const rgb = new Uint8Array((rgba.length / 4) * 3);
  for (let from = 0, to = 0; from < rgba.length; from += 4) {
    rgb[to++] = rgba[from];
    rgb[to++] = rgba[from + 1];
    rgb[to++] = rgba[from + 2];
  }
  return rgb;
}
