// The words of each style: one that comes with the painter, one learned here, others from files.
// A style is told by the `key` of its picture in the gallery. The twin of
// inst_tutorial/widgets/style_words.py.

import { readWord } from "./safetensors.js";
import { Store } from "./store.js";
import { recall, remember } from "./words.js";

/** @typedef {import("./types").Manifest} Manifest */
/** @typedef {import("./types").Word} Word */

/**
 * A word that a style has: where it comes from, after how many steps of learning if that is known,
 * and a way to read it.
 * @typedef {{ origin: string, steps?: number, read: () => Promise<Word> }} Kept
 */

export const SHIPPED = "made by the package";
export const LEARNED = "learned here";

export class StyleWords {
  #root;
  #manifest;
  #shipped;
  /** @type {Map<string, Kept[]>} words that came in this visit, by style */
  #added = new Map();

  /**
   * @param {string} root the folder of paintbox.json @param {Manifest} manifest
   * @param {boolean} shipped whether the words that come with the painter are offered
   */
  constructor(root, manifest, shipped) {
    this.#root = root;
    this.#manifest = manifest;
    const words = manifest.gallery.styles.map(({ name, word }) => /** @type {const} */ ([name, word]));
    this.#shipped = new Map(shipped ? words : []);
  }

  /** @param {string} style @returns {Kept[]} its words, the newest first, each origin once */
  of(style) {
    const recalled = recall(this.#manifest, style);
    const shipped = this.#shipped.get(style);
    const all = [
      ...(this.#added.get(style) ?? []),
      ...(recalled ? [kept(LEARNED, recalled)] : []),
      ...(shipped ? [{ origin: SHIPPED, steps: shipped.steps, read: () => this.#fetch(shipped.file) }] : []),
    ];
    return all.filter(({ origin }, i) => all.findIndex((other) => other.origin === origin) === i);
  }

  /** @param {string} style @param {string} origin @param {Word} word becomes the newest of its style */
  add(style, origin, word) {
    this.#added.set(style, [kept(origin, word), ...(this.#added.get(style) ?? [])]);
  }

  /** Keep a word for later visits, too. @param {string} style @param {Word} word */
  remember(style, word) {
    remember(this.#manifest, style, word);
  }

  /** @param {string} file */
  async #fetch(file) {
    return readWord(await new Store(this.#root, this.#manifest.files).read(file), this.#manifest);
  }
}

/** @param {string} origin @param {Word} word @returns {Kept} */
function kept(origin, word) {
  const { steps } = word.info;
  return { origin, steps: typeof steps === "number" ? steps : undefined, read: async () => word };
}

/** @param {Kept} word @returns {string} where it comes from, and after how many steps */
export function withSteps({ origin, steps }) {
  return steps === undefined ? origin : `${origin} (${steps} steps)`;
}
