// Two pictures in one place, and a slider between them.

import { canvasOf, make, show } from "./dom.js";

export class Compare {
  #left = canvasOf(null, "");
  #right = canvasOf(null, "");
  #names = make("figcaption", { class: "ip-names" });

  constructor() {
    const input = make("input", { type: "range", min: 0, max: 100, value: 50, class: "ip-between" });
    input.setAttribute("aria-label", "How much of the left picture is seen, in percent");
    const pair = make("div", { class: "ip-pair" }, this.#right, this.#left, make("i", {}));
    const move = () => pair.style.setProperty("--at", `${input.value}%`);
    input.addEventListener("input", move);
    input.addEventListener("keydown", (event) => event.stopPropagation());
    pair.addEventListener("pointermove", (event) => {
      if (event.pointerType !== "mouse") return; // a finger scrolls the page
      const box = pair.getBoundingClientRect();
      input.value = String((100 * (event.clientX - box.left)) / box.width);
      move();
    });
    move();
    this.node = make("figure", { class: "ip-compare" }, pair, input, this.#names);
  }

  /**
   * @param {{ rgba: Uint8ClampedArray<ArrayBuffer>, label: string }} left
   * @param {{ rgba: Uint8ClampedArray<ArrayBuffer>, label: string }} right
   */
  set(left, right) {
    show(this.#left, left.rgba, left.label);
    show(this.#right, right.rgba, right.label);
    this.#names.replaceChildren(make("span", {}, left.label), make("span", {}, right.label));
  }
}
