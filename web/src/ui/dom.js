// Elements in one line, and the numbers of the page's controls.

let count = 0;

/** @param {string} name @returns {string} an id that no other element has */
export function freshId(name) {
  return `inst-painter-${name}-${++count}`;
}

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag @param {Record<string, string | number | boolean | EventListener>} attributes
 * functions are listeners ("onclick"); true sets an attribute without value, false leaves it out
 * @param {(Node | string)[]} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false) node.setAttribute(name, String(value));
  }
  node.append(...children);
  return node;
}

/**
 * A labelled control.
 * @param {string} text @param {HTMLElement} control @param {(Node | string)[]} more
 */
export function labelled(text, control, ...more) {
  control.id ||= freshId("control");
  return make("div", { class: "ip-field" }, make("label", { for: control.id }, text), control, ...more);
}

/**
 * A slider that says its value.
 * @param {string} text @param {{ min: number, max: number, step: number, value: number }} range
 * @param {() => void} [changed] is called when the reader lets go
 */
export function slider(text, range, changed = () => {}) {
  const input = make("input", { type: "range", ...range, onchange: changed });
  const shown = make("output", { "aria-hidden": "true" }, String(range.value));
  input.addEventListener("input", () => (shown.textContent = input.value));
  // Arrow keys belong to the slider, not to the page around it.
  input.addEventListener("keydown", (event) => event.stopPropagation());
  const field = labelled(text, input, shown);
  const set = (/** @type {number} */ value) => {
    input.value = String(value);
    shown.textContent = input.value;
  };
  return { field, input, set, get value() { return Number(input.value); } };
}

/** @param {string} text @param {() => void} pressed @param {string} [kind] */
export function button(text, pressed, kind = "") {
  return make("button", { type: "button", class: `ip-button ${kind}`, onclick: pressed }, text);
}

/**
 * A square canvas that shows the pixels of a picture, and says what it is.
 * @param {Uint8ClampedArray<ArrayBuffer> | null} rgba @param {string} label
 */
export function canvasOf(rgba, label) {
  const canvas = make("canvas", { class: "ip-picture", role: "img", "aria-label": label });
  show(canvas, rgba, label);
  return canvas;
}

/** @param {HTMLCanvasElement} canvas @param {Uint8ClampedArray<ArrayBuffer> | null} rgba @param {string} label */
export function show(canvas, rgba, label) {
  canvas.setAttribute("aria-label", label);
  if (!rgba) return;
  const side = Math.sqrt(rgba.length / 4);
  if (canvas.width !== side) canvas.width = canvas.height = side;
  canvas.getContext("2d")?.putImageData(new ImageData(rgba, side, side), 0, 0);
}

/** @param {Blob} blob @param {string} name hands the reader a file */
export function download(blob, name) {
  const address = URL.createObjectURL(blob);
  make("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
