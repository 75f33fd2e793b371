// The page's end of the worker: a promise for each piece of work, reports while it goes on, and
// a way to end it. One painter serves all widgets of a page.

import { bytesOf } from "./files.js";
import { PROCESSOR } from "./runtime.js";
import { readJson } from "./store.js";

/** @typedef {import("./types").Manifest} Manifest */
/** @typedef {import("./types").Word} Word */
/** @typedef {(report: any) => void} Hear */

export class PainterClient {
  #worker;
  #next = 1;
  /** @type {number | null} */
  #current = null;
  /** @type {Map<number, { resolve: (done: any) => void, reject: (error: Error) => void, hear: Hear }>} */
  #waiting = new Map();
  /** @type {Promise<void> | null} */
  #loading = null;
  /** @type {Set<Hear>} */
  #hearers = new Set();
  loaded = false;
  /** Whether the graphics processor computes; and if it was asked in vain, why. */
  graphics = false;
  /** @type {string | null} */
  why = null;

  /** @param {string} root the folder of paintbox.json @param {Manifest} manifest */
  constructor(root, manifest) {
    this.root = root;
    this.manifest = manifest;
    this.#worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    this.#worker.onmessage = ({ data }) => this.#hear(data);
    this.#worker.onerror = (event) => this.#fail(new Error(event.message || "the worker did not start"));
  }

  /** @param {string} root @returns {Promise<PainterClient>} */
  static async open(root) {
    return new PainterClient(root, await readJson(new URL("paintbox.json", root).href));
  }

  /** @returns {number} bytes to load the first time */
  get bytes() {
    return bytesOf(this.manifest, PROCESSOR);
  }

  get busy() {
    return this.#current !== null;
  }

  /**
   * Load once, however many ask.
   * @param {Hear} [hear] @param {boolean} [graphics] try the graphics processor; if it fails, the
   * processor computes
   * @returns {Promise<void>}
   */
  load(hear = () => {}, graphics = false) {
    this.#hearers.add(hear);
    const all = (/** @type {any} */ report) => this.#hearers.forEach((each) => each(report));
    const inputs = { root: this.root, manifest: this.manifest, graphics };
    this.#loading ??= this.#ask("load", inputs, all).then(
      (found) => void Object.assign(this, found, { loaded: true }),
      (error) => {
        this.#loading = null;
        throw error;
      },
    );
    return this.#loading;
  }

  /**
   * @param {Uint8ClampedArray} rgba the content picture @param {Word | null} word
   * @param {import("./types").TransferSettings} settings @param {Hear} [hear]
   * @returns {Promise<Uint8ClampedArray<ArrayBuffer>>} RGBA
   */
  repaint(rgba, word, settings, hear) {
    return this.#work("repaint", { rgba, word, settings }, hear);
  }

  /**
   * @param {Word | null} word @param {import("./types").DrawSettings} settings @param {Hear} [hear]
   * @returns {Promise<Uint8ClampedArray<ArrayBuffer>>} RGBA
   */
  draw(word, settings, hear) {
    return this.#work("draw", { word, settings }, hear);
  }

  /**
   * @param {Uint8ClampedArray} rgba the style picture
   * @param {import("./types").LearnSettings} settings @param {Hear} [hear]
   * @param {import("./types").Preview | null} [preview] is repainted at each evaluation
   * @returns {Promise<{ word: Word, ended: boolean }>} `ended`: before its time
   */
  learn(rgba, settings, hear, preview = null) {
    return this.#work("learn", { rgba, settings, preview }, hear);
  }

  /**
   * The loss of a word (1, d) on noisy latents (b, c, h, w), and its gradient: for checks.
   * @param {{ word: Float32Array, prompt: string, z: Float32Array, ts: number[],
   *   noise: Float32Array }} inputs
   * @returns {Promise<{ loss: number, gradient: Float32Array }>}
   */
  gradient(inputs) {
    return this.#work("gradient", inputs);
  }

  /** Give back the memory that learning took. @returns {Promise<void>} */
  release() {
    return this.#work("release", {});
  }

  /** End the work that goes on, at its next step. */
  stop() {
    if (this.#current !== null) this.#worker.postMessage({ stop: this.#current });
  }

  /** @param {string} task @param {object} inputs @param {Hear} [hear] @returns {Promise<any>} */
  async #work(task, inputs, hear) {
    await this.load();
    if (this.busy) throw new Error("The painter is busy: wait, or press Stop.");
    return this.#ask(task, inputs, hear);
  }

  /** @param {string} task @param {object} inputs @param {Hear} [hear] @returns {Promise<any>} */
  #ask(task, inputs, hear = () => {}) {
    const id = this.#next++;
    if (task !== "load") this.#current = id;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject, hear });
      this.#worker.postMessage({ id, do: task, ...inputs });
    });
  }

  /** @param {any} message */
  #hear({ id, ...message }) {
    const waiting = this.#waiting.get(id);
    if (!waiting) return;
    if ("report" in message) return waiting.hear(message.report);
    this.#waiting.delete(id);
    if (this.#current === id) this.#current = null;
    if ("error" in message) waiting.reject(Object.assign(new Error(message.error.message), message.error));
    else waiting.resolve(message.done);
  }

  /** @param {Error} error */
  #fail(error) {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
    this.#current = null;
  }
}
