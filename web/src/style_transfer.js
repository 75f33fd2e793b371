// A content picture and a word become a picture; so do a prompt and a word. The twin of
// inversion.py, sampling.py and style_transfer.py.

import { Generator } from "./random.js";
import { remaining, timesteps } from "./noise_level.js";
import { ddimStep, predictZ0, qSample } from "./noise_schedule.js";

/** @typedef {import("./painter.js").Painter} Painter */
/** @typedef {import("./types").Word} Word */
/** @typedef {(step: number, steps: number, z0: Float32Array) => Promise<void>} EachStep */

/**
 * Repaint a content picture: encode, invert, sample.
 * @param {Painter} painter @param {Float32Array} content (3, H, W) in [-1, 1]
 * @param {Word | null} word @param {import("./types").TransferSettings} settings
 * @param {EachStep} [each] sees the guess of the clean latent at every step
 * @returns {Promise<Float32Array>} the repainted latent
 */
export async function repaint(painter, content, word, settings, each) {
  const context = await painter.context(settings.prompt, word);
  const { mean } = await painter.encode(content);
  const ts = remaining(painter.schedule, settings.steps, settings.strength);
  const z = await INVERSIONS[settings.inversion](painter, mean, context, ts, settings.seed);
  return sample(painter, z, context, ts, settings.guidance, each);
}

/**
 * Draw a prompt from pure noise.
 * @param {Painter} painter @param {Word | null} word
 * @param {import("./types").DrawSettings} settings @param {EachStep} [each]
 * @returns {Promise<Float32Array>} the drawn latent
 */
export async function draw(painter, word, settings, each) {
  const context = await painter.context(settings.prompt, word);
  const z = new Generator(settings.seed).randn(painter.size);
  const ts = timesteps(painter.schedule, settings.steps);
  return sample(painter, z, context, ts, settings.guidance, each);
}

// ------------------------------------------------------------------------------ inversion

/**
 * From a clean latent to a noisy one that remembers it.
 * @typedef {(painter: Painter, z0: Float32Array, context: Float32Array, ts: number[],
 *   seed: number) => Promise<Float32Array>} Invert
 */

/** InST's own: let the network see random noise, and take what it saw. @type {Invert} */
async function stochastic(painter, z0, context, ts, seed) {
  const noised = await plainNoise(painter, z0, context, ts, seed);
  const [seen] = await painter.predictNoise([noised], [ts[0]], [context]);
  return qSample(painter.schedule, z0, ts[0], seen);
}

/** Walk DDIM's grid upwards, without guidance. @type {Invert} */
async function ddim(painter, z0, context, ts) {
  let z = z0;
  let t = -1;
  for (const next of [...ts].reverse()) {
    const [eps] = await painter.predictNoise([z], [next], [context]);
    z = ddimStep(painter.schedule, z, t, next, eps);
    t = next;
  }
  return z;
}

/** Random noise, as in SDEdit. @type {Invert} */
async function plainNoise(painter, z0, _context, ts, seed) {
  return qSample(painter.schedule, z0, ts[0], new Generator(seed).randn(z0.length));
}

/** @type {Record<import("./types").Inversion, Invert>} */
export const INVERSIONS = { stochastic, ddim, noise: plainNoise };

// ------------------------------------------------------------------------------- sampling

/**
 * Denoise from level ts[0] to a clean latent, one DDIM step a timestep.
 * @param {Painter} painter @param {Float32Array} z @param {Float32Array} context
 * @param {number[]} ts @param {number} guidance @param {EachStep} [each]
 * @returns {Promise<Float32Array>}
 */
async function sample(painter, z, context, ts, guidance, each) {
  const empty = await painter.context("", null);
  for (const [i, t] of ts.entries()) {
    const eps = await guidedNoise(painter, z, t, context, empty, guidance);
    await each?.(i + 1, ts.length, predictZ0(painter.schedule, z, t, eps));
    z = ddimStep(painter.schedule, z, t, ts[i + 1] ?? -1, eps);
  }
  return z;
}

/**
 * Noise pushed away from the empty prompt (Ho and Salimans 2022); guidance 1 is the prompt alone.
 * @param {Painter} painter @param {Float32Array} z @param {number} t
 * @param {Float32Array} context @param {Float32Array} empty @param {number} guidance
 * @returns {Promise<Float32Array>}
 */
async function guidedNoise(painter, z, t, context, empty, guidance) {
  if (guidance === 1) return (await painter.predictNoise([z], [t], [context]))[0];
  const [without, given] = await painter.predictNoise([z, z], [t, t], [empty, context]);
  return without.map((e, i) => e + guidance * (given[i] - e));
}
