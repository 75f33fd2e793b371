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
/** @typedef {import("./gallery.js").Chosen} Chosen */
/**
 * What there is to learn from, and what is repainted on the way.
 * @typedef {{ style: Chosen, preview: import("../types").Preview | null }} Lesson
 */

// Sixty steps at this rate came to a lower loss than 150 at the package's usual 0.05, for each of
// three styles (loss on the style picture: .1908 and .1913, .2486 and .2490, .2519 and .2587).
export const LEARNING = { steps: 60, learningRate: 0.2, evaluateEvery: 10, pairs: 16, seed: 0 };
/** @type {import("../types").TransferSettings} */
const PREVIEW = { prompt: "*", strength: 0.8, guidance: 2, steps: 10, inversion: "stochastic", seed: 0 };
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
   * @param {{ preview: () => Promise<Uint8ClampedArray | null>,
   *   changed: (what: "picture" | "word") => void, shipped: boolean }} page `preview`: the content
   * picture that is repainted at each evaluation; `changed`: another picture is chosen, or the chosen
   * one has got a word; `shipped`: whether the words that come with the painter are offered
   */
  constructor(client, work, page) {
    this.#client = client;
    this.#work = work;
    this.#words = new StyleWords(client.root, client.manifest, page.shipped);
    this.page = page;
    const { gallery, picture_size: side } = client.manifest;
    const changed = () => {
      this.#offer();
      page.changed("picture");
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
    return this.#words.of(this.gallery.key).find(({ origin }) => origin === this.#origin.value) ?? null;
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
    const words = this.#words.of(this.gallery.key);
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
    const style = await this.gallery.chosen();
    const rgba = await this.page.preview();
    return { style, preview: rgba && { rgba, settings: PREVIEW } };
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
    this.#work.say(this.#learned(style, await this.#client.learn(style.rgba, LEARNING, hear, preview)));
  }

  /**
   * Keep a word that was learned just now, unless it was stopped before it came as far as the last.
   * @param {Chosen} style @param {Word} word @returns {string} what has become of it
   */
  #learned(style, word) {
    const stopped = word.info.stopped === "callback";
    const last = this.#words.of(style.key).find(({ origin }) => origin === LEARNED);
    if (stopped && Number(word.info.steps) < (last?.steps ?? 1)) {
      return last ? `Stopped: the word ${withSteps(last)} is kept.` : "Stopped before there was a word to keep.";
    }
    if (!style.own) this.#words.remember(style.key, word);
    this.#keep(style.key, LEARNED, word);
    const said = stopped ? "Stopped: the best word so far is kept." : "The word is learned.";
    return style.key === this.gallery.key ? said : `${said} Choose its picture again to use it.`;
  }

  /** @param {string} style @param {string} origin @param {Word} word */
  #keep(style, origin, word) {
    this.#words.add(style, origin, word);
    if (style !== this.gallery.key) return;
    this.#offer();
    this.page.changed("word");
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
    const style = this.gallery.key;
    try {
      const word = readWord(new Uint8Array(await file.arrayBuffer()), this.#client.manifest);
      this.#keep(style, `from ${file.name}`, word);
      this.#work.say(`“*” stands for the word in ${file.name} now.`);
    } catch (error) {
      this.#work.fail(/** @type {Error} */ (error));
    }
  }

  async #save() {
    const file = `${this.gallery.name}.safetensors`;
    try {
      const bytes = writeWord(/** @type {Word} */ (await this.wordFor(PLACEHOLDER)));
      download(new Blob([/** @type {any} */ (bytes)]), file);
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
