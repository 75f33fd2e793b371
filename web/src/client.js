// The page's end of the worker: a promise for each piece of work, reports while it goes on, and
// a way to end it. One painter serves all widgets of a page. A worker that breaks off is replaced
// by another at the next piece of work.

import { bytesOf } from "./files.js";
import { PROCESSOR } from "./runtime.js";
import { readJson } from "./store.js";

/** @typedef {import("./types").Manifest} Manifest */
/** @typedef {import("./types").Word} Word */
/** @typedef {(report: any) => void} Hear */

const NO_PROGRAM = "The painter's program could not be loaded. Check the connection, and press the button again.";

export class PainterClient {
  /** @type {Worker | null} */
  #worker;
  #next = 1;
  /** @type {number | null} */
  #current = null;
  /** @type {Map<number, { resolve: (done: any) => void, reject: (error: Error) => void, hear: Hear }>} */
  #waiting = new Map();
  /** @type {Promise<void> | null} */
  #loading = null;
  loaded = false;
  /** Whether the graphics processor computes; and if it was asked in vain, why. */
  graphics = false;
  /** @type {string | null} */
  why = null;

  /** @param {string} root the folder of paintbox.json @param {Manifest} manifest */
  constructor(root, manifest) {
    this.root = root;
    this.manifest = manifest;
    this.#worker = this.#start(); // its program is here before it is needed, and offline too
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
   * Load once, however many ask; the first hears how far it is.
   * @param {Hear} [hear] @param {boolean} [graphics] try the graphics processor; if it fails, the
   * processor computes
   * @returns {Promise<void>}
   */
  load(hear, graphics = false) {
    this.#loading ??= this.#load(graphics, hear).catch((error) => {
      this.#loading = null; // the next call tries again
      throw error;
    });
    return this.#loading;
  }

  /** @param {boolean} graphics @param {Hear} [hear] */
  async #load(graphics, hear) {
    const inputs = { root: this.root, manifest: this.manifest, graphics };
    Object.assign(this, await this.#ask("load", inputs, hear), { loaded: true });
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
   * @returns {Promise<Word>} its `info.stopped` is "callback" if it was ended before its time
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

  /** End the work that goes on, loading too, at its next step. */
  stop() {
    if (this.#current !== null) this.#worker?.postMessage({ stop: this.#current });
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
    const worker = (this.#worker ??= this.#start());
    return new Promise((resolve, reject) => {
      worker.postMessage({ id, do: task, ...inputs });
      this.#waiting.set(id, { resolve, reject, hear });
      this.#current = id;
    });
  }

  #start() {
    const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    worker.onmessage = ({ data }) => this.#hear(data);
    worker.onerror = ({ message }) => this.#fail(worker, message);
    return worker;
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

  /** @param {Worker} worker has broken off @param {string} [message] none if it did not start */
  #fail(worker, message) {
    if (worker !== this.#worker) return;
    worker.terminate();
    this.#worker = this.#loading = this.#current = null;
    this.loaded = false;
    for (const { reject } of this.#waiting.values()) reject(new Error(message ? brokenOff(message) : NO_PROGRAM));
    this.#waiting.clear();
  }
}

/** @param {string} message */
function brokenOff(message) {
  return `The painter has broken off (${message}). Press the button again to load it anew.`;
}
