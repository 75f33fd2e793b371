// The whole painter: choose or bring a style and a content, learn, repaint, draw, keep.

import { Compare } from "./compare.js";
import { button, canvasOf, download, make, show } from "./dom.js";
import { checkSeed } from "../random.js";
import { tokenize } from "../text.js";
import { Gallery, OWN } from "./gallery.js";
import { asPng, fetchPicture } from "./picture_file.js";
import { SettingsPanel } from "./settings_panel.js";
import { StylePanel } from "./style_panel.js";
import { Work } from "./work.js";
import { readLink, writeLink } from "./link.js";

/** @typedef {import("../client.js").PainterClient} PainterClient */
/** @typedef {Uint8ClampedArray<ArrayBuffer>} Pixels */
/** @typedef {import("./gallery.js").Chosen} Chosen */
/** @typedef {{ settings: import("../types").TransferSettings, word: import("../types").Word | null,
 *   content: Chosen, style: string }} Inputs */

export class Studio {
  #client;
  #canvas = canvasOf(null, "Nothing painted yet");
  #result = make("div", { class: "ip-result" });
  #compare = new Compare();
  /** @type {Pixels | null} */
  #painted = null;
  #caption = "";

  /** @param {PainterClient} client */
  constructor(client) {
    this.#client = client;
    this.work = new Work(client);
    const { gallery, picture_size: side } = client.manifest;
    this.content = new Gallery("Content", gallery.contents, client.root, side, () => {});
    this.settings = new SettingsPanel(client.manifest);
    this.style = new StylePanel(client, this.work, {
      preview: async () => (await this.content.chosen()).rgba,
      changed: (what) => this.#follow(what),
      shipped: true,
    });
    this.keep = this.#keepers();
    this.node = make("div", { class: "ip-studio" }, this.work.node, this.#columns());
    this.#follow("picture");
    this.#obey(readLink(location.href));
  }

  #columns() {
    const choices = make("div", { class: "ip-column" }, this.content.node, this.style.node);
    const doing = make("div", { class: "ip-column" }, this.#painting(), this.settings.node);
    return make("div", { class: "ip-columns" }, choices, doing);
  }

  #painting() {
    const buttons = make(
      "p",
      { class: "ip-buttons" },
      this.work.starter("Repaint the content", () => this.#inputs(), (inputs) => this.#repaint(inputs)),
      this.work.starter("Draw the caption", () => this.#inputs(), (inputs) => this.#draw(inputs), "ip-quiet"),
    );
    return make("fieldset", { class: "ip-paint" }, make("legend", {}, "Repaint"), buttons, this.#result, this.keep);
  }

  #keepers() {
    return make(
      "p",
      { class: "ip-buttons", hidden: true },
      button("Save the picture", () => this.#save(), "ip-quiet"),
      button("Copy a link to these settings", () => this.#link(), "ip-quiet"),
    );
  }

  /**
   * The caption follows the style. One that the reader wrote stays when a word comes.
   * @param {"picture" | "word"} what has changed
   */
  #follow(what) {
    if (what === "picture" || this.settings.prompt === this.#caption) {
      this.settings.prompt = this.#caption = this.style.prompt;
    }
  }

  /** @param {Record<string, string | number>} settings */
  #obey(settings) {
    if (settings.style) this.style.gallery.select(String(settings.style));
    if (settings.content) this.content.select(String(settings.content));
    if (settings.style) this.style.gallery.changed();
    this.settings.set(settings);
  }

  /** What is painted: read at once and checked, before the painter is loaded. @returns {Promise<Inputs>} */
  async #inputs() {
    const settings = this.settings.value;
    checkSeed(settings.seed);
    const style = this.style.gallery.name;
    const [word, content] = await Promise.all([this.style.wordFor(settings.prompt), this.content.chosen()]);
    tokenize(this.#client.manifest.text, settings.prompt, word?.k ?? 0);
    return { settings, word, content, style };
  }

  /** @param {Inputs} inputs */
  async #repaint({ settings, word, content, style }) {
    this.#begin(content.rgba, "The content picture");
    const painted = await this.#client.repaint(content.rgba, word, settings, (r) => this.#step(r));
    await this.#finish(painted, content, style);
  }

  /** @param {Inputs} inputs */
  async #draw({ settings: { prompt, steps, seed }, word }) {
    this.#begin(null, "Noise");
    const painted = await this.#client.draw(word, { prompt, steps, seed, guidance: 3 }, (r) => this.#step(r));
    this.#painted = painted;
    show(this.#canvas, painted, `Drawn: ${prompt}`);
    this.work.say(`Drawn: ${prompt}`);
    this.keep.hidden = false;
  }

  /** @param {Pixels | null} rgba @param {string} label */
  #begin(rgba, label) {
    show(this.#canvas, rgba, label);
    this.#result.replaceChildren(make("figure", { class: "ip-painting" }, this.#canvas));
  }

  /** @param {import("../types").StepReport} report */
  #step({ step, steps, pixels }) {
    if (step === 1) this.work.say("Painting …");
    this.work.progress(step / steps, `step ${step} of ${steps}`);
    if (pixels) show(this.#canvas, /** @type {Pixels} */ (pixels), `What is expected after step ${step}`);
  }

  /** @param {Pixels} painted @param {Chosen} content @param {string} style */
  async #finish(painted, content, style) {
    this.#painted = painted;
    const result = { rgba: painted, label: "repainted" };
    const nodes = [this.#compare.node];
    this.#compare.set({ rgba: content.rgba, label: "content" }, result);
    const truth = await this.#truth(content, style);
    if (truth) nodes.push(make("figure", { class: "ip-truth" }, canvasOf(truth, "The truth"), make("figcaption", {}, "the truth: the world's own rendering")));
    this.#result.replaceChildren(...nodes);
    this.work.say("The picture is repainted.");
    this.keep.hidden = false;
  }

  /** The world's own rendering, where both pictures are the world's. */
  async #truth(/** @type {Chosen} */ content, /** @type {string} */ style) {
    if (content.own || style === OWN) return null;
    const file = this.#client.manifest.gallery.truth
      .replace("{content}", content.name)
      .replace("{style}", style);
    const address = new URL(file, this.#client.root).href;
    return fetchPicture(address, this.#client.manifest.picture_size).catch(() => null);
  }

  async #save() {
    if (this.#painted) download(await asPng(this.#painted), "painted.png");
  }

  async #link() {
    const { name: style } = this.style.gallery;
    const chosen = { style, content: this.content.name };
    for (const key of /** @type {const} */ (["style", "content"])) {
      if (chosen[key] === OWN) delete (/** @type {any} */ (chosen)[key]);
    }
    const link = writeLink(location.href, { ...chosen, ...this.settings.value });
    history.replaceState(null, "", link);
    const copied = await navigator.clipboard?.writeText(link).then(() => true, () => false);
    this.work.say(copied ? "The link is copied." : "The link stands in the address bar now.");
  }
}
