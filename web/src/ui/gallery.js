// Pictures to choose from, and one of the reader's own: by button, drop or paste.

import { button, canvasOf, freshId, make } from "./dom.js";
import { fetchPicture, readPicture } from "./picture_file.js";

/** @typedef {{ name: string, label: string, picture: string, prompt?: string | null }} Item */
/** @typedef {{ name: string, key: string, label: string, prompt: string | null, own: boolean,
 *   rgba: Uint8ClampedArray<ArrayBuffer> }} Chosen `key` as in `Gallery.key` */

export const OWN = "own";

export class Gallery {
  /** @type {Map<string, Chosen>} */
  #read = new Map();
  #group = freshId("group");
  #list = make("div", { class: "ip-gallery" });
  #error = make("p", { class: "ip-error", role: "alert" });

  /**
   * @param {string} legend @param {Item[]} items @param {string} root where their pictures lie
   * @param {number} side of a picture, in pixels
   * @param {() => void} changed is called when the reader has chosen another picture
   */
  constructor(legend, items, root, side, changed) {
    this.items = new Map(items.map((item) => [item.name, item]));
    this.root = root;
    this.side = side;
    this.changed = changed;
    this.name = items[0].name;
    this.#list.append(...items.map((item) => this.#choice(item.name, item.label, this.#thumb(item))));
    this.node = make(
      "fieldset",
      { class: "ip-choices" },
      make("legend", {}, legend),
      this.#list,
      this.#upload(),
      this.#error,
    );
    this.#receive();
    this.select(this.name);
  }

  /** @param {Item} item */
  #thumb({ picture }) {
    return make("img", { src: new URL(picture, this.root).href, alt: "", loading: "lazy" });
  }

  /** @param {string} name @param {string} label @param {HTMLElement} face */
  #choice(name, label, face) {
    const input = make("input", { type: "radio", name: this.#group, value: name });
    input.addEventListener("change", () => this.#choose(name));
    input.addEventListener("keydown", (event) => event.stopPropagation());
    return make("label", { class: "ip-choice" }, input, face, make("span", {}, label));
  }

  /** @param {string} name */
  #choose(name) {
    this.name = name;
    this.#error.textContent = "";
    this.changed();
  }

  /** @returns {string} tells the chosen picture from all others: its name, or the pixels of an own one */
  get key() {
    return this.#read.get(this.name)?.key ?? this.name;
  }

  /** Choose by program. @param {string} name */
  select(name) {
    const inputs = /** @type {NodeListOf<HTMLInputElement>} */ (this.#list.querySelectorAll("input"));
    for (const input of inputs) {
      if (input.value === name) {
        input.checked = true;
        this.name = name;
      }
    }
  }

  /** @returns {Promise<Chosen>} what is chosen, with its pixels */
  async chosen() {
    const name = this.name;
    const known = this.#read.get(name);
    if (known) return known;
    const item = /** @type {Item} */ (this.items.get(name));
    const rgba = await fetchPicture(new URL(item.picture, this.root).href, this.side);
    const chosen = { name, key: name, label: item.label, prompt: item.prompt ?? null, own: false, rgba };
    this.#read.set(name, chosen);
    return chosen;
  }

  // ------------------------------------------------------------------ the reader's own picture

  #upload() {
    const input = make("input", { type: "file", accept: "image/*", class: "ip-file", tabindex: -1 });
    input.setAttribute("aria-label", "A picture of your own");
    input.addEventListener("change", () => {
      if (input.files?.[0]) this.take(input.files[0]);
      input.value = "";
    });
    const press = button("Your own picture …", () => input.click(), "ip-quiet");
    const hint = make("span", { class: "ip-hint" }, "or drop or paste one here; it never leaves this page");
    return make("p", { class: "ip-upload" }, press, input, hint);
  }

  #receive() {
    this.node.addEventListener("dragover", (event) => {
      event.preventDefault();
      this.node.classList.add("ip-drop");
    });
    this.node.addEventListener("dragleave", () => this.node.classList.remove("ip-drop"));
    this.node.addEventListener("drop", (event) => {
      event.preventDefault();
      this.node.classList.remove("ip-drop");
      if (event.dataTransfer?.files[0]) this.take(event.dataTransfer.files[0]);
    });
    this.node.tabIndex = -1; // so that a click in it makes it the place to paste to
    this.node.addEventListener("paste", (event) => {
      if (event.clipboardData?.files[0]) this.take(event.clipboardData.files[0]);
    });
  }

  /** @param {File} file becomes the choice "your own" */
  async take(file) {
    try {
      const rgba = await readPicture(file, this.side);
      const label = file.name.replace(/\.[^.]*$/, "") || "your own";
      this.#read.set(OWN, { name: OWN, key: String(rgba), label, prompt: null, own: true, rgba });
      this.#list.querySelector(`input[value="${OWN}"]`)?.closest(".ip-choice")?.remove();
      this.#list.prepend(this.#choice(OWN, "your own", canvasOf(rgba, "your own")));
      this.select(OWN);
      this.#choose(OWN);
    } catch (error) {
      this.#error.textContent = /** @type {Error} */ (error).message;
    }
  }
}
