// The painter: ONNX Runtime's sessions behind the few functions that the method needs.
// The twin of inst_tutorial/painter.py. Pictures are (3, H, W) in [-1, 1], latents (c, h, w).

import { tokenize } from "./text.js";

/** @typedef {import("./types").Manifest} Manifest */
/** @typedef {import("./types").Word} Word */
/** @typedef {import("./types").GraphName} GraphName */
/** @typedef {typeof import("onnxruntime-common")} Runtime */

const CLOSE = 0.01; // of noise, whose numbers are about 1

export class Painter {
  /** @type {Partial<Record<GraphName, Promise<import("onnxruntime-common").InferenceSession>>>} */
  #sessions = {};
  #runtime;
  #provider;
  #read;

  /**
   * @param {Runtime} runtime @param {"wasm" | "webgpu"} provider what it computes on
   * @param {Manifest} manifest
   * @param {(file: string) => Promise<Uint8Array>} read gives a file of the painter's folder
   */
  constructor(runtime, provider, manifest, read) {
    this.#runtime = runtime;
    this.#provider = provider;
    this.#read = read;
    this.manifest = manifest;
    this.schedule = manifest.schedule;
    this.size = manifest.latent[0] * manifest.latent[1] * manifest.latent[2];
  }

  /** Make the session of a graph now, not when it is first used. @param {GraphName} name */
  async prepare(name) {
    await this.#session(name);
  }

  /** Compare with what Python computed. Throws where this browser computes something else. */
  async check() {
    const { t, eps } = this.manifest.probe;
    const z = Float32Array.from({ length: this.size }, (_, i) => (2 * i) / (this.size - 1) - 1);
    const [seen] = await this.predictNoise([z], [t], [await this.context("", null)]);
    const same = eps.every((value, i) => Math.abs(value - seen[i]) < CLOSE);
    if (!same) throw new Error("its numbers are not those of Python");
  }

  /** Forget the session of a graph, and its memory. @param {GraphName} name */
  async release(name) {
    const session = this.#sessions[name];
    delete this.#sessions[name];
    if (session) await (await session).release();
  }

  /** @param {GraphName} name */
  #session(name) {
    this.#sessions[name] ??= this.#create(name).catch((error) => {
      delete this.#sessions[name]; // the next call tries again
      throw error;
    });
    return this.#sessions[name];
  }

  /** @param {GraphName} name */
  async #create(name) {
    const { graph, weights } = this.manifest.graphs[name];
    const externalData = [];
    for (const path of weights) externalData.push({ path, data: await this.#read(path) });
    const options = { executionProviders: [this.#provider], externalData };
    return this.#runtime.InferenceSession.create(await this.#read(graph), options);
  }

  /** @param {GraphName} name @param {Record<string, import("onnxruntime-common").Tensor>} inputs */
  async #run(name, inputs) {
    return (await this.#session(name)).run(inputs);
  }

  /** @param {Float32Array} data @param {number[]} shape */
  #floats(data, shape) {
    return new this.#runtime.Tensor("float32", data, shape);
  }

  /** @param {string} prompt @param {Word | null} word @returns {Promise<Float32Array>} (L, d) */
  async context(prompt, word) {
    const { length, width } = this.manifest.text;
    const k = word?.k ?? 0;
    const { ids, slots } = tokenize(this.manifest.text, prompt, k);
    const vectors = word?.vectors ?? new Float32Array(width);
    const inputs = {
      ids: new this.#runtime.Tensor("int32", ids, [1, length]),
      slots: this.#floats(slots, [1, length, Math.max(k, 1)]),
      word: this.#floats(vectors, [Math.max(k, 1), width]),
    };
    return /** @type {Float32Array} */ ((await this.#run("text", inputs)).context.data);
  }

  /** @param {Float32Array} picture @returns {Promise<{ mean: Float32Array, std: Float32Array }>} */
  async encode(picture) {
    const side = this.manifest.picture_size;
    const { mean, std } = await this.#run("encode", {
      picture: this.#floats(picture, [1, 3, side, side]),
    });
    return {
      mean: /** @type {Float32Array} */ (mean.data),
      std: /** @type {Float32Array} */ (std.data),
    };
  }

  /** @param {Float32Array} z @returns {Promise<Float32Array>} picture (3, H, W) in [-1, 1] */
  async decode(z) {
    const { picture } = await this.#run("decode", {
      z: this.#floats(z, [1, ...this.manifest.latent]),
    });
    return /** @type {Float32Array} */ (picture.data);
  }

  /**
   * The noise in b latents at their timesteps, each given a context.
   * @param {Float32Array[]} zs @param {number[]} ts @param {Float32Array[]} contexts
   * @returns {Promise<Float32Array[]>}
   */
  async predictNoise(zs, ts, contexts) {
    const { length, width } = this.manifest.text;
    const b = zs.length;
    const { eps } = await this.#run("unet", {
      z: this.#floats(joined(zs), [b, ...this.manifest.latent]),
      t: this.#floats(Float32Array.from(ts), [b]),
      context: this.#floats(joined(contexts), [b, length, width]),
    });
    const all = /** @type {Float32Array} */ (eps.data);
    return zs.map((_, i) => all.slice(i * this.size, (i + 1) * this.size));
  }

  /**
   * The loss of a word (1, d) on a batch of noisy latents, and its gradient.
   * @param {Float32Array} word @param {string} prompt
   * @param {Float32Array} z (b, c, h, w) @param {number[]} ts @param {Float32Array} noise
   * @returns {Promise<{ loss: number, gradient: Float32Array }>}
   */
  async gradient(word, prompt, z, ts, noise) {
    const { length, width } = this.manifest.text;
    const { ids, slots } = tokenize(this.manifest.text, prompt, 1);
    const shape = [ts.length, ...this.manifest.latent];
    const { loss, gradient } = await this.#run("learn", {
      word: this.#floats(word, [1, width]),
      ids: new this.#runtime.Tensor("int32", ids, [1, length]),
      slots: this.#floats(slots, [1, length, 1]),
      z: this.#floats(z, shape),
      t: this.#floats(Float32Array.from(ts), [ts.length]),
      noise: this.#floats(noise, shape),
    });
    return { loss: Number(loss.data[0]), gradient: /** @type {Float32Array} */ (gradient.data) };
  }
}

/** @param {Float32Array[]} parts @returns {Float32Array} one behind the other */
function joined(parts) {
  const whole = new Float32Array(parts.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
