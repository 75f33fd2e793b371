// How to repaint: caption, strength, guidance, steps, seed, inversion.

import { unknownWords } from "../text.js";
import { freshId, labelled, make, slider } from "./dom.js";

/** @typedef {import("../types").Manifest} Manifest */
/** @typedef {import("../types").TransferSettings} TransferSettings */

const INVERSIONS = {
  stochastic: "stochastic (InST)",
  ddim: "DDIM",
  noise: "plain noise",
};

export class SettingsPanel {
  #manifest;
  #prompt = make("input", { type: "text", autocomplete: "off", spellcheck: false, value: "*" });
  #wrong = make("p", { class: "ip-error", role: "status" });
  #seed = make("input", { type: "number", min: 0, max: 2 ** 32 - 1, step: 1, value: 0 });
  #inversion = make("select", {});
  #strength = slider("Strength", { min: 0.05, max: 1, step: 0.05, value: 0.8 });
  #guidance = slider("Guidance", { min: 1, max: 6, step: 0.5, value: 2 });
  #steps = slider("Steps", { min: 5, max: 50, step: 5, value: 20 });

  /** @param {Manifest} manifest */
  constructor(manifest) {
    this.#manifest = manifest;
    for (const [value, text] of Object.entries(INVERSIONS)) {
      this.#inversion.append(make("option", { value }, text));
    }
    this.#prompt.addEventListener("input", () => this.#check());
    this.#prompt.addEventListener("keydown", (event) => event.stopPropagation());
    this.#seed.addEventListener("keydown", (event) => event.stopPropagation());
    this.#wrong.id = freshId("wrong");
    this.#prompt.setAttribute("aria-describedby", this.#wrong.id);
    this.node = make(
      "fieldset",
      { class: "ip-settings" },
      make("legend", {}, "Settings"),
      labelled("Caption", this.#prompt, this.#wrong, this.#offer()),
      this.#strength.field,
      this.#guidance.field,
      this.#steps.field,
      labelled("Inversion", this.#inversion),
      labelled("Seed", this.#seed),
    );
  }

  /** The words that the painter knows, to be put into the caption. */
  #offer() {
    const words = Object.keys(this.#manifest.text.vocabulary).filter((word) => /^\p{L}+$/u.test(word));
    const list = make("p", { class: "ip-words" });
    const details = make("details", {}, make("summary", {}, `The ${words.length} words it knows`), list);
    details.addEventListener("toggle", () => {
      if (list.childElementCount) return;
      const put = (/** @type {string} */ word) => () => {
        this.prompt = `${this.#prompt.value.trim()} ${word}`.trim();
      };
      list.append(...words.map((word) => make("button", { type: "button", onclick: put(word) }, word)));
    });
    return details;
  }

  #check() {
    const wrong = unknownWords(this.#manifest.text, this.#prompt.value);
    this.#wrong.textContent = wrong
      .map(({ piece, near }) => `It does not know “${piece}”${near.length ? `; near it: ${near.join(", ")}` : ""}.`)
      .join(" ");
    this.#prompt.setAttribute("aria-invalid", String(wrong.length > 0));
  }

  get prompt() {
    return this.#prompt.value;
  }

  set prompt(text) {
    this.#prompt.value = text;
    this.#check();
  }

  /** @returns {TransferSettings} */
  get value() {
    return {
      prompt: this.prompt,
      strength: this.#strength.value,
      guidance: this.#guidance.value,
      steps: this.#steps.value,
      inversion: /** @type {TransferSettings["inversion"]} */ (this.#inversion.value),
      seed: Number(this.#seed.value),
    };
  }

  /** @param {Record<string, string | number>} settings of a link */
  set({ prompt, strength, guidance, steps, inversion, seed }) {
    if (strength !== undefined) this.#strength.set(Number(strength));
    if (guidance !== undefined) this.#guidance.set(Number(guidance));
    if (steps !== undefined) this.#steps.set(Number(steps));
    if (seed !== undefined) this.#seed.value = String(seed);
    if (Object.hasOwn(INVERSIONS, String(inversion))) this.#inversion.value = String(inversion);
    if (prompt !== undefined) this.prompt = String(prompt);
  }
}
