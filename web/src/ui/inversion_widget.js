// Chapter 9: one content, one style, three inversions side by side, strength on a slider.

import { canvasOf, make, show, slider } from "./dom.js";
import { Gallery } from "./gallery.js";
import { StylePanel } from "./style_panel.js";
import { Work } from "./work.js";

/** @typedef {import("../client.js").PainterClient} PainterClient */
/** @typedef {import("../types").Inversion} Inversion */
/** @typedef {{ prompt: string, word: import("../types").Word | null,
 *   rgba: Uint8ClampedArray<ArrayBuffer>, strength: number }} Inputs */

/** @type {[Inversion, string][]} */
const COLUMNS = [
  ["stochastic", "stochastic inversion"],
  ["ddim", "DDIM inversion"],
  ["noise", "plain noise"],
];

export class InversionWidget {
  #client;
  #work;
  #canvases = COLUMNS.map(([, label]) => canvasOf(null, `${label}: not painted yet`));
  #painted = false;

  /** @param {PainterClient} client */
  constructor(client) {
    this.#client = client;
    this.#work = new Work(client);
    const { gallery, picture_size: side } = client.manifest;
    const reset = () => (this.#painted = false);
    this.content = new Gallery("Content", gallery.contents, client.root, side, reset);
    const page = { preview: async () => null, changed: reset, shipped: true };
    this.style = new StylePanel(client, this.#work, page);
    const called = gallery.styles.find((style) => style.prompt);
    if (called) this.style.gallery.select(called.name);
    this.style.gallery.changed();
    this.strength = slider("Strength", { min: 0.2, max: 1, step: 0.1, value: 0.7 }, () => this.#again());
    const start = this.#work.starter("Repaint in three ways", () => this.#inputs(), (inputs) => this.#paint(inputs));
    const buttons = make("p", { class: "ip-buttons" }, start);
    this.row = this.#row();
    this.node = make("div", { class: "ip-studio" }, this.#work.node, this.style.node,
      this.content.node, this.strength.field, buttons, this.row);
  }

  #row() {
    const figures = COLUMNS.map(([, label], i) =>
      make("figure", {}, this.#canvases[i], make("figcaption", {}, label)));
    return make("div", { class: "ip-strip ip-large", hidden: true }, ...figures);
  }

  /** The slider moved: paint again, if it was painted before. */
  #again() {
    if (!this.#painted || this.#client.busy) return;
    this.#work.run(() => this.#inputs(), (inputs) => this.#paint(inputs));
  }

  /** What is painted: read at once and checked, before the painter is loaded. */
  async #inputs() {
    const { prompt } = this.style;
    const strength = this.strength.value;
    const [word, { rgba }] = await Promise.all([this.style.wordFor(prompt), this.content.chosen()]);
    return { prompt, word, rgba, strength };
  }

  /** @param {Inputs} inputs */
  async #paint({ prompt, word, rgba, strength }) {
    this.row.hidden = false;
    for (const [i, [inversion, label]] of COLUMNS.entries()) {
      this.#work.check();
      const settings = { prompt, strength, guidance: 2, steps: 20, inversion, seed: 0 };
      const hear = (/** @type {import("../types").StepReport} */ { step, steps, pixels }) => {
        if (step === 1) this.#work.say(`Painting with ${label} …`);
        this.#work.progress((i + step / steps) / COLUMNS.length, `step ${step} of ${steps}`);
        if (pixels) show(this.#canvases[i], /** @type {any} */ (pixels), `${label}, step ${step}`);
      };
      const done = await this.#client.repaint(rgba, word, settings, hear);
      show(this.#canvases[i], done, `${label}, strength ${strength}`);
    }
    this.#painted = true;
    this.#work.say(`Painted in three ways at strength ${strength}.`);
  }
}
