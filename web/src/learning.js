// Learning a word from one picture: the loop. The twin of inst_tutorial/learning.py for a free
// vector: the same seed gives the same word as `inst learn --kind free` with the same settings.

import { multiscaleNoise } from "./multiscale_noise.js";
import { Generator } from "./random.js";
import { qSample } from "./noise_schedule.js";
import { PLACEHOLDER } from "./text.js";

/** @typedef {import("./painter.js").Painter} Painter */
/** @typedef {import("./types").Word} Word */
/** @typedef {import("./types").LearnSettings} LearnSettings */
/** @typedef {import("./types").LearnReport} LearnReport */
/** @typedef {{ mean: Float32Array, std: Float32Array }} Moments */

/** @typedef {(report: LearnReport) => Promise<boolean>} Each sees a step; true ends the learning */

/**
 * @param {Painter} painter @param {Float32Array} style (3, H, W) in [-1, 1]
 * @param {LearnSettings} settings @param {Each} each
 * @returns {Promise<Word>} the word with the lowest evaluation loss
 */
export async function learn(painter, style, settings, each) {
  try {
    return await loop(painter, style, settings, each);
  } finally {
    await painter.release("learn"); // it takes as much memory as all the rest
  }
}

/** @param {Painter} painter @param {Float32Array} style @param {LearnSettings} settings @param {Each} each */
async function loop(painter, style, settings, each) {
  const moments = await Promise.all([style, mirrored(style)].map((p) => painter.encode(p)));
  const pairs = evaluationPairs(painter, moments[0].mean, settings);
  const generator = new Generator(settings.seed);
  const adam = new Adam(Float32Array.from(painter.manifest.start.vector), settings.learningRate);
  const curve = new Curve();
  for (let step = 0; ; step++) {
    const done = step >= settings.steps;
    const report = { step, steps: settings.steps };
    if (done || step % settings.evaluateEvery === 0) {
      const loss = await evaluate(painter, pairs, adam.vector);
      curve.add(step, loss, adam.vector);
      Object.assign(report, { loss, vectors: adam.vector.slice() });
    }
    const ended = await each(report);
    if (ended || done) return wordOf(painter, curve, settings, ended);
    const { z, ts, noise } = batch(painter, moments, generator);
    adam.step((await painter.gradient(adam.vector, PLACEHOLDER, z, ts, noise)).gradient);
  }
}

/**
 * @param {Painter} painter @param {Curve} curve @param {LearnSettings} settings
 * @param {boolean} ended by the one who saw the steps
 * @returns {Word}
 */
function wordOf(painter, curve, settings, ended) {
  const { steps, learningRate, evaluateEvery, pairs, seed } = settings;
  const names = { kind: "free", steps, batch: painter.manifest.batch, learning_rate: learningRate };
  const rest = { evaluate_every: evaluateEvery, pairs, seed, start: painter.manifest.start.text };
  const info = {
    painter: "paintbox",
    revision: null,
    settings: { ...names, ...rest, vectors: 1, prompts: [PLACEHOLDER], flip: true },
    curve: curve.points,
    steps: curve.points.at(-1)?.step ?? 0,
    stopped: ended ? "callback" : "steps",
    version: painter.manifest.version,
    learned_in: "browser",
  };
  return { vectors: curve.best, k: 1, info };
}

/** Losses at the evaluated steps, and the best word. */
class Curve {
  /** @type {{ step: number, loss: number, others: null }[]} */
  points = [];
  best = new Float32Array();
  #lowest = Infinity;

  /** @param {number} step @param {number} loss @param {Float32Array} vector */
  add(step, loss, vector) {
    if (!Number.isFinite(loss)) throw new Error(`The loss is ${loss}: learning has diverged.`);
    this.points.push({ step, loss, others: null });
    if (loss >= this.#lowest) return;
    this.#lowest = loss;
    this.best = vector.slice();
  }
}

// --------------------------------------------------------------------- what is learned from

/**
 * A batch of noisy latents of the picture and its mirror image.
 * @param {Painter} painter @param {Moments[]} moments @param {Generator} generator
 */
export function batch(painter, moments, generator) {
  const b = painter.manifest.batch;
  const { size, schedule } = painter;
  generator.randint(1, 1); // Python draws one of its prompts here
  const which = generator.randint(moments.length, b);
  const ts = stratifiedTimesteps(b, schedule.alphas.length, generator);
  const inner = generator.randn(b * size);
  const noise = multiscaleNoise([b, ...painter.manifest.latent], schedule.coarse_level, generator);
  const z = new Float32Array(b * size);
  for (let i = 0; i < b; i++) {
    const { mean, std } = moments[which[i]];
    const z0 = mean.map((m, j) => m + std[j] * inner[i * size + j]); // a sample of the posterior
    z.set(qSample(schedule, z0, ts[i], noise.subarray(i * size, (i + 1) * size)), i * size);
  }
  return { z, ts, noise };
}

/**
 * One timestep from each of `count` equal strata.
 * @param {number} count @param {number} trainSteps @param {Generator} generator
 * @returns {number[]}
 */
export function stratifiedTimesteps(count, trainSteps, generator) {
  const drawn = generator.rand(count);
  return Array.from(drawn, (u, i) => {
    const place = Math.fround(Math.fround(i + u) / count); // in float32, as PyTorch
    return Math.min(Math.floor(Math.fround(place * trainSteps)), trainSteps - 1);
  });
}

/** @param {Float32Array} picture square, (3, H, W) @returns {Float32Array} its mirror image */
export function mirrored(picture) {
  const side = Math.sqrt(picture.length / 3);
  return picture.map((_, i) => picture[i - (i % side) + side - 1 - (i % side)]);
}

// ------------------------------------------------------------------------------ the loss

/** @typedef {{ z: Float32Array, t: number, noise: Float32Array }} Pair */

/**
 * The same noisy latents each time, so that losses compare.
 * @param {Painter} painter @param {Float32Array} z0 @param {LearnSettings} settings
 * @returns {Pair[]}
 */
function evaluationPairs(painter, z0, { pairs, seed }) {
  const generator = new Generator(seed);
  const ts = stratifiedTimesteps(pairs, painter.schedule.alphas.length, generator);
  const all = generator.randn(pairs * z0.length);
  return ts.map((t, i) => {
    const noise = all.slice(i * z0.length, (i + 1) * z0.length);
    return { z: qSample(painter.schedule, z0, t, noise), t, noise };
  });
}

/** @param {Painter} painter @param {Pair[]} pairs @param {Float32Array} vector */
async function evaluate(painter, pairs, vector) {
  const context = await painter.context(PLACEHOLDER, { vectors: vector, k: 1, info: {} });
  let sum = 0;
  for (let i = 0; i < pairs.length; i += painter.manifest.batch) {
    const some = pairs.slice(i, i + painter.manifest.batch);
    const [zs, ts] = [some.map((pair) => pair.z), some.map((pair) => pair.t)];
    const seen = await painter.predictNoise(zs, ts, some.map(() => context));
    seen.forEach((eps, j) => (sum += squaredError(eps, some[j].noise)));
  }
  return sum / pairs.length;
}

/** @param {Float32Array} a @param {Float32Array} b @returns {number} its mean */
function squaredError(a, b) {
  return a.reduce((sum, x, i) => sum + (x - b[i]) ** 2, 0) / a.length;
}

// ------------------------------------------------------------------------------ the steps

/** Kingma and Ba, "Adam", 2015, algorithm 1, with PyTorch's usual settings. */
export class Adam {
  #m;
  #v;
  #steps = 0;

  /** @param {Float32Array} vector is changed by the steps @param {number} rate */
  constructor(vector, rate) {
    this.vector = vector;
    this.rate = rate;
    this.#m = new Float32Array(vector.length);
    this.#v = new Float32Array(vector.length);
  }

  /** @param {Float32Array} gradient */
  step(gradient) {
    const k = ++this.#steps;
    gradient.forEach((g, i) => {
      this.#m[i] = 0.9 * this.#m[i] + 0.1 * g;
      this.#v[i] = 0.999 * this.#v[i] + 0.001 * g * g;
      const scale = Math.sqrt(this.#v[i] / (1 - 0.999 ** k)) + 1e-8;
      this.vector[i] -= (this.rate * this.#m[i]) / (1 - 0.9 ** k) / scale;
    });
  }
}
