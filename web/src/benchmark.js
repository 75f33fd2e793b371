// Measures the painter in this browser and prints seconds.

import { PainterClient } from "./client.js";
import { whyNot } from "./runtime.js";
import { Generator } from "./random.js";

const ROOT = new URL("../", import.meta.url).href;
const TIMES = 3;
const SETTINGS = { prompt: "a painting in blue", strength: 0.8, guidance: 2, steps: 20, seed: 0 };

const table = /** @type {HTMLTableElement} */ (document.getElementById("times"));
const state = /** @type {HTMLOutputElement} */ (document.getElementById("state"));
const start = /** @type {HTMLButtonElement} */ (document.getElementById("start"));

/** @param {string} name @param {() => Promise<unknown>} work @param {number} [times] */
async function measure(name, work, times = TIMES) {
  state.value = `${name} …`;
  const seconds = [];
  for (let i = 0; i < times; i++) {
    const begin = performance.now();
    await work();
    seconds.push((performance.now() - begin) / 1000);
  }
  const row = table.insertRow();
  row.insertCell().textContent = name;
  row.insertCell().textContent = `${Math.min(...seconds).toFixed(2)} s`;
}

async function main() {
  if (whyNot()) throw new Error(whyNot());
  const client = await PainterClient.open(ROOT);
  const { picture_size: side, latent, batch, start } = client.manifest;
  const rgba = new Uint8ClampedArray(4 * side * side).fill(128);
  await measure("loading", () => client.load(), 1);
  const settings = { ...SETTINGS, inversion: /** @type {const} */ ("stochastic") };
  await measure("repainting a picture, every step shown", () => client.repaint(rgba, null, settings));
  const z = new Generator(0).randn(batch * latent[0] * latent[1] * latent[2]);
  const ts = Array.from({ length: batch }, (_, i) => 100 + 200 * i);
  const inputs = { word: Float32Array.from(start.vector), prompt: "*", z, ts, noise: z };
  await measure("preparing to learn", () => client.gradient(inputs), 1);
  await measure("one step of learning", () => client.gradient(inputs));
  state.value = `The best of ${TIMES}, in ${navigator.userAgent}`;
}

start.addEventListener("click", () => {
  start.disabled = true;
  main().catch((error) => (state.value = error.message));
});
