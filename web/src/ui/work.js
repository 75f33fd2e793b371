// What all widgets share: the button that loads the painter, Stop, how far the work is, and what
// went wrong. One piece of work at a time.

import { hasGraphics } from "../runtime.js";
import { Stopped } from "../stopped.js";
import { button, make } from "./dom.js";

/** @typedef {import("../client.js").PainterClient} PainterClient */

export class Work {
  #client;
  #bar = make("progress", { max: 1, value: 0, "aria-label": "Progress" });
  #step = make("span", { class: "ip-hint", "aria-hidden": "true" }); // too often to be read aloud
  #said = make("p", { class: "ip-status", role: "status" });
  #graphics = make("input", { type: "checkbox" });
  #stop = button("Stop", () => this.stop(), "ip-stop");
  /** @type {HTMLButtonElement[]} */
  #buttons = [];
  #stopping = false;

  /** @param {PainterClient} client */
  constructor(client) {
    this.#client = client;
    const size = Math.round(client.bytes / 1e6);
    this.#stop.disabled = true;
    this.#stop.title = "or press Escape";
    this.#stop.setAttribute("aria-keyshortcuts", "Escape");
    const escape = (/** @type {KeyboardEvent} */ { key }) => {
      if (key === "Escape" && !this.#stop.disabled) this.stop();
    };
    document.addEventListener("keydown", escape, true);
    this.loader = button(`Load the painter (${size} MB)`, () => this.load(), "ip-quiet");
    this.loader.hidden = client.loaded;
    this.offer = make("label", { class: "ip-graphics", hidden: true }, this.#graphics,
      "use the graphics processor (experimental)");
    hasGraphics().then((found) => (this.offer.hidden = !found || client.loaded));
    this.node = make("div", { class: "ip-work" }, this.loader, this.offer, this.#stop, this.#bar, this.#step, this.#said);
    this.#bar.hidden = true;
    this.say(client.loaded ? "The painter is ready." : "Nothing is loaded yet: the painter comes when it is first needed. All is computed on your machine.");
  }

  /** @param {string} text is shown, and read aloud */
  say(text) {
    this.#said.textContent = text;
    this.#said.classList.remove("ip-error");
  }

  /** @param {number} done a part of 1 @param {string} text says it in words */
  progress(done, text) {
    this.#bar.hidden = false;
    this.#bar.value = done;
    this.#step.textContent = text;
  }

  /**
   * A button that begins a piece of work.
   * @template Inputs
   * @param {string} text @param {() => Promise<Inputs>} prepare @param {(inputs: Inputs) => Promise<void>} task
   * both as in `run`
   * @param {string} [kind]
   */
  starter(text, prepare, task, kind = "ip-main") {
    const press = button(text, () => this.run(prepare, task), kind);
    this.#buttons.push(press);
    return press;
  }

  stop() {
    this.#stopping = true;
    this.#client.stop();
    this.say("Stopping …");
  }

  /** To be called between two parts of a piece of work: throws Stopped if the reader has ended it. */
  check() {
    if (this.#stopping) throw new Stopped();
  }

  /** @returns {Promise<boolean>} whether the painter is there */
  load() {
    return this.#guarded(() => this.#load());
  }

  /**
   * A piece of work: the painter is loaded between its two parts, unless that is done.
   * @template Inputs
   * @param {() => Promise<Inputs>} prepare what the task needs; throws an Error if it cannot be done
   * @param {(inputs: Inputs) => Promise<void>} task
   * @returns {Promise<boolean>} whether it was done
   */
  run(prepare, task) {
    return this.#guarded(async () => {
      const inputs = await prepare();
      this.check();
      if (!this.#client.loaded) await this.#load();
      this.check();
      await task(inputs);
    });
  }

  async #load() {
    this.say("Loading the painter …");
    await this.#client.load(({ bytes, total }) => {
      this.progress(bytes / total, `${megabytes(bytes)} of ${megabytes(total)}`);
    }, this.#graphics.checked);
    this.loader.hidden = this.offer.hidden = true;
    this.say(ready(this.#client));
  }

  /** @param {() => Promise<void>} task */
  async #guarded(task) {
    if (this.#client.busy) {
      this.say("The painter is at work: wait, or press Stop there.");
      return false;
    }
    const pressed = document.activeElement;
    this.#stopping = false;
    this.#lock(true);
    try {
      await task();
      return true;
    } catch (error) {
      this.fail(/** @type {Error} */ (error));
      return false;
    } finally {
      this.#lock(false);
      this.#focusAgain(pressed);
    }
  }

  /**
   * A button that is disabled while it works loses the focus, and gets it back.
   * @param {Element | null} pressed
   */
  #focusAgain(pressed) {
    const button = [this.loader, ...this.#buttons].find((one) => one === pressed);
    if (!button || document.activeElement !== document.body) return;
    (button.hidden ? this.#buttons[0] : button).focus({ preventScroll: true });
  }

  /** @param {boolean} working */
  #lock(working) {
    for (const press of [this.loader, ...this.#buttons]) press.disabled = working;
    this.#stop.disabled = !working;
    if (working) return;
    this.#bar.hidden = true;
    this.#step.textContent = "";
  }

  /** @param {Error} error is said */
  fail(error) {
    this.say(error.message);
    if (error.name !== "Stopped") this.#said.classList.add("ip-error");
  }
}

/** @param {PainterClient} client */
function ready({ graphics, why }) {
  if (graphics) return "The painter is ready, on the graphics processor.";
  if (why === null) return "The painter is ready.";
  return `The painter is ready. It computes without the graphics processor, which could not be used (${why}).`;
}

/** @param {number} bytes */
function megabytes(bytes) {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
