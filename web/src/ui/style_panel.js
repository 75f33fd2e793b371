// The style: a picture to learn from, and its word, which is shipped, learned here or opened.

import { readWord, writeWord } from "../safetensors.js";
import { LEARNED, SHIPPED, StyleWords, withSteps } from "../style_words.js";
import { PLACEHOLDER } from "../text.js";
import { Curve } from "./curve.js";
import { button, canvasOf, download, labelled, make } from "./dom.js";
import { Gallery } from "./gallery.js";

/** @typedef {import("../client.js").PainterClient} PainterClient */
/** @typedef {import("../types").Word} Word */
/** @typedef {import("./work.js").Work} Work */
/** @typedef {import("../style_words.js").Kept} Kept */
/**
 * What there is to learn from, and what is repainted on the way.
 * @typedef {{ style: import("./gallery.js").Chosen, preview: import("../types").Preview | null }} Lesson
 */

// Sixty steps at this rate came to a lower loss than 150 at the package's usual 0.05, for each of
// three styles (loss on the style picture: .1908 and .1913, .2486 and .2490, .2519 and .2587).
export const LEARNING = { steps: 60, learningRate: 0.2, evaluateEvery: 10, pairs: 16, seed: 0 };
const NO_WORD = "This style has no word yet. Press “Learn its word”, or choose another style.";

export class StylePanel {
  #client;
  #work;
  #words;
  #state = make("p", { class: "ip-hint", role: "status" });
  #origin = make("select", { onchange: () => this.#describe() });
  #progress = make("div", { class: "ip-learning" });

  /**
   * @param {PainterClient} client @param {Work} work
   * @param {{ preview: () => Promise<import("../types").Preview | null>, changed: () => void,
   *   shipped: boolean }} page `shipped`: whether the words that come with the painter are offered
   */
  constructor(client, work, page) {
    this.#client = client;
    this.#work = work;
    this.#words = new StyleWords(client.root, client.manifest, page.shipped);
    this.page = page;
    const { gallery, picture_size: side } = client.manifest;
    const changed = (/** @type {string} */ name, fresh = false) => {
      if (fresh) this.#words.forget(name); // they belonged to another picture
      this.#offer();
      page.changed();
    };
    const items = gallery.styles.map((style) => ({ ...style, label: style.prompt ?? style.label }));
    this.gallery = new Gallery("Style", items, client.root, side, changed);
    this.menu = labelled("Word in use", this.#origin);
    this.learner = work.starter("Learn its word", () => this.#lesson(), (lesson) => this.#learn(lesson));
    this.save = button("Save the word", () => this.#save(), "ip-quiet");
    const buttons = make("p", { class: "ip-buttons" }, this.learner, this.#opener(), this.save);
    this.node = make("section", { class: "ip-style" }, this.gallery.node, this.#state, this.menu, buttons, this.#progress);
    this.#offer();
  }

  /** @returns {Kept | null} the word in use for the chosen style */
  get #inUse() {
    return this.#words.of(this.gallery.name).find(({ origin }) => origin === this.#origin.value) ?? null;
  }

  /** @returns {string | null} the name that calls the chosen style, if the painter knows it by one */
  get #called() {
    return this.gallery.items.get(this.gallery.name)?.prompt ?? null;
  }

  /** @returns {string} what calls the style in a prompt: "*" for its word, or the name of an artist */
  get prompt() {
    return this.#called && !this.#inUse ? `a painting ${this.#called}` : PLACEHOLDER;
  }

  /**
   * The word that a caption asks for, null if it asks for none. Throws an Error for a word that the
   * chosen style has not got.
   * @param {string} caption @returns {Promise<Word | null>}
   */
  async wordFor(caption) {
    if (!caption.includes(PLACEHOLDER)) return null;
    if (!this.#inUse) throw new Error(NO_WORD);
    return this.#inUse.read();
  }

  /** Put the words of the chosen style into the menu; the newest is in use. */
  #offer() {
    const words = this.#words.of(this.gallery.name);
    this.#origin.replaceChildren(
      ...words.map((word) => make("option", { value: word.origin }, withSteps(word))));
    this.menu.hidden = words.length < 2;
    this.#describe();
  }

  #describe() {
    const word = this.#inUse;
    const ready = word !== null || this.#called !== null;
    this.save.hidden = !word;
    this.learner.textContent = word ? "Learn its word anew" : "Learn its word";
    this.learner.className = `ip-button ${ready ? "ip-quiet" : "ip-main"}`;
    this.#state.textContent = this.#said(word);
  }

  /** @param {Kept | null} word */
  #said(word) {
    if (word) {
      const said = `“*” in the caption stands for the word ${withSteps(word)}.`;
      const ready = "Its word comes with the painter: nothing needs to be learned.";
      return word.origin === SHIPPED ? `${ready} ${said}` : said;
    }
    if (this.#called) return "The painter knows this artist by name: nothing needs to be learned.";
    return "The painter has never seen this style. Learn a word for it: about a minute.";
  }

  /** @returns {Promise<Lesson>} */
  async #lesson() {
    return { style: await this.gallery.chosen(), preview: await this.page.preview() };
  }

  /** @param {Lesson} lesson */
  async #learn({ style, preview }) {
    const curve = new Curve(LEARNING.steps);
    const pictures = make("div", { class: "ip-strip" });
    this.#progress.replaceChildren(curve.node, pictures);
    this.#work.say("Preparing to learn …");
    const hear = (/** @type {import("../types").LearnReport} */ report) => {
      if (report.step === 0) this.#work.say(`Learning the word of ${style.label} …`);
      this.#work.progress(report.step / report.steps, `step ${report.step} of ${report.steps}`);
      if (report.loss !== undefined) curve.add(report.step, report.loss);
      if (report.pixels) pictures.append(stage(report.pixels, report.step));
    };
    const { word, ended } = await this.#client.learn(style.rgba, LEARNING, hear, preview);
    await this.#client.release(); // learning takes as much memory as all the rest
    if (!style.own) this.#words.remember(style.name, word);
    this.#keep(style.name, LEARNED, word);
    this.#work.say(ended ? "Stopped: the best word so far is kept." : "The word is learned.");
  }

  /** @param {string} style @param {string} origin @param {Word} word */
  #keep(style, origin, word) {
    this.#words.add(style, origin, word);
    this.#offer();
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

  /** @param {File} file becomes a word of the chosen style, for this visit */
  async open(file) {
    try {
      const word = readWord(new Uint8Array(await file.arrayBuffer()), this.#client.manifest);
      this.#keep(this.gallery.name, `from ${file.name}`, word);
      this.#work.say(`“*” stands for the word in ${file.name} now.`);
    } catch (error) {
      this.#work.fail(/** @type {Error} */ (error));
    }
  }

  async #save() {
    try {
      const bytes = writeWord(/** @type {Word} */ (await this.wordFor(PLACEHOLDER)));
      download(new Blob([/** @type {any} */ (bytes)]), `${this.gallery.name}.safetensors`);
    } catch (error) {
      this.#work.fail(/** @type {Error} */ (error));
    }
  }
}

/** @param {Uint8ClampedArray<ArrayBuffer>} pixels @param {number} step */
function stage(pixels, step) {
  const caption = make("figcaption", {}, `step ${step}`);
  return make("figure", {}, canvasOf(pixels, `The content with the word after ${step} steps`), caption);
}
