// The style: a picture to learn from, and its word, which is learned here, opened or remembered.

import { readWord, writeWord } from "../safetensors.js";
import { recall, remember } from "../words.js";
import { Curve } from "./curve.js";
import { button, canvasOf, download, make } from "./dom.js";
import { Gallery } from "./gallery.js";

/** @typedef {import("../client.js").PainterClient} PainterClient */
/** @typedef {import("../types").Word} Word */
/** @typedef {import("./work.js").Work} Work */

// Sixty steps at this rate came to a lower loss than 150 at the package's usual 0.05, for each of
// three styles (loss on the style picture: .1908 and .1913, .2486 and .2490, .2519 and .2587).
export const LEARNING = { steps: 60, learningRate: 0.2, evaluateEvery: 10, pairs: 16, seed: 0 };

export class StylePanel {
  #client;
  #work;
  #state = make("p", { class: "ip-hint", role: "status" });
  #progress = make("div", { class: "ip-learning" });
  /** @type {Map<string, Word>} words that belong to this visit only: those of own pictures */
  #words = new Map();

  /**
   * @param {PainterClient} client @param {Work} work
   * @param {{ preview: () => Promise<import("../types").Preview | null>, changed: () => void }} page
   */
  constructor(client, work, page) {
    this.#client = client;
    this.#work = work;
    this.page = page;
    const { gallery, picture_size: side } = client.manifest;
    const changed = (/** @type {string} */ name, fresh = false) => {
      if (fresh) this.#words.delete(name); // it belonged to another picture
      this.#describe();
      page.changed();
    };
    const items = gallery.styles.map((style) => ({ ...style, label: style.prompt ?? style.label }));
    this.gallery = new Gallery("Style", items, client.root, side, changed);
    this.save = button("Save the word", () => this.#save(), "ip-quiet");
    const buttons = make("p", { class: "ip-buttons" }, this.#starter(), this.#opener(), this.save);
    this.node = make("section", { class: "ip-style" }, this.gallery.node, this.#state, buttons, this.#progress);
    this.#describe();
  }

  #starter() {
    this.learner = this.#work.starter("Learn its word", () => this.#learn());
    return this.learner;
  }

  /** @returns {Word | null} the word of the chosen style, if there is one */
  get word() {
    const name = this.gallery.name;
    return this.#words.get(name) ?? recall(this.#client.manifest, name);
  }

  /** @returns {string | null} what calls the style in a prompt: "*" for a word, or a name */
  get prompt() {
    const known = this.gallery.items.get(this.gallery.name)?.prompt;
    return this.word ? "*" : known ? `a painting ${known}` : null;
  }

  /**
   * Throws an Error if the style is not known by name, or is called "*" without a word.
   * @param {string | null} prompt the caption to paint by
   */
  check(prompt = this.prompt) {
    if (prompt === null || (prompt.includes("*") && !this.word)) {
      throw new Error("Learn the word of this style first, or choose an artist whom the painter knows by name.");
    }
  }

  #describe() {
    const known = this.gallery.items.get(this.gallery.name)?.prompt;
    this.save.hidden = !this.word;
    this.#state.textContent = this.word
      ? "Its word is learned: “*” in the caption stands for it."
      : known
        ? "The painter knows this artist by name: nothing needs to be learned."
        : "The painter has never seen this style. Learn a word for it: about a minute.";
  }

  async #learn() {
    const { name, rgba, label, own } = await this.gallery.chosen();
    const curve = new Curve(LEARNING.steps);
    const pictures = make("div", { class: "ip-strip" });
    this.#progress.replaceChildren(curve.node, pictures);
    this.#work.say("Preparing to learn …");
    const preview = await this.page.preview();
    const hear = (/** @type {import("../types").LearnReport} */ report) => {
      if (report.step === 0) this.#work.say(`Learning the word of ${label} …`);
      this.#work.progress(report.step / report.steps, `step ${report.step} of ${report.steps}`);
      if (report.loss !== undefined) curve.add(report.step, report.loss);
      if (report.pixels) pictures.append(stage(report.pixels, report.step));
    };
    const { word, ended } = await this.#client.learn(rgba, LEARNING, hear, preview);
    await this.#client.release(); // learning takes as much memory as all the rest
    this.#keep(name, word, own);
    this.#work.say(ended ? "Stopped: the best word so far is kept." : "The word is learned.");
  }

  /** @param {string} name @param {Word} word @param {boolean} own */
  #keep(name, word, own) {
    this.#words.set(name, word);
    if (!own) remember(this.#client.manifest, name, word);
    this.#describe();
    this.page.changed();
  }

  #opener() {
    const input = make("input", { type: "file", accept: ".safetensors", class: "ip-file", tabindex: -1 });
    input.setAttribute("aria-label", "A word that was saved");
    input.addEventListener("change", async () => {
      if (input.files?.[0]) await this.open(input.files[0]);
      input.value = "";
    });
    return make("span", {}, button("Open a word …", () => input.click(), "ip-quiet"), input);
  }

  /** @param {File} file becomes the word of the chosen style, for this visit */
  async open(file) {
    try {
      const bytes = new Uint8Array(await file.arrayBuffer());
      this.#keep(this.gallery.name, readWord(bytes, this.#client.manifest.text.width), true);
      this.#work.say(`“*” stands for the word in ${file.name} now.`);
    } catch (error) {
      this.#work.fail(/** @type {Error} */ (error));
    }
  }

  #save() {
    if (!this.word) return;
    download(new Blob([/** @type {any} */ (writeWord(this.word))]), `${this.gallery.name}.safetensors`);
  }
}

/** @param {Uint8ClampedArray<ArrayBuffer>} pixels @param {number} step */
function stage(pixels, step) {
  const caption = make("figcaption", {}, `step ${step}`);
  return make("figure", {}, canvasOf(pixels, `The content with the word after ${step} steps`), caption);
}
