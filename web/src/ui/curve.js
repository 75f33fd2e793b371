// The loss of a word while it is learned, as a line.

import { make } from "./dom.js";

const WIDTH = 320;
const HEIGHT = 110;
const EDGE = 14;

export class Curve {
  /** @type {[number, number][]} */
  #points = [];
  #svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  #caption = make("figcaption", {});

  /** @param {number} steps of the whole learning */
  constructor(steps) {
    this.steps = steps;
    this.#svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
    this.#svg.setAttribute("role", "img");
    this.node = make("figure", { class: "ip-curve" }, this.#svg, this.#caption);
  }

  /** @param {number} step @param {number} loss */
  add(step, loss) {
    this.#points.push([step, loss]);
    const losses = this.#points.map(([, value]) => value);
    const [low, high] = [Math.min(...losses), Math.max(...losses)];
    const x = (/** @type {number} */ at) => EDGE + (at / this.steps) * (WIDTH - 2 * EDGE);
    const y = (/** @type {number} */ value) =>
      EDGE + (high > low ? (high - value) / (high - low) : 0) * (HEIGHT - 2 * EDGE);
    const places = this.#points.map(([at, value]) => `${x(at).toFixed(1)},${y(value).toFixed(1)}`);
    const dots = places.map((place) => {
      const [cx, cy] = place.split(",");
      return `<circle cx="${cx}" cy="${cy}" r="3"/>`;
    });
    this.#svg.innerHTML = `<polyline points="${places.join(" ")}"/>${dots.join("")}`;
    const said = `Loss on the style picture: ${losses[0].toFixed(4)} at first, ${loss.toFixed(4)} after ${step} steps`;
    this.#svg.setAttribute("aria-label", said);
    this.#caption.textContent = said;
  }
}
