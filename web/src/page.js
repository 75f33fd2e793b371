// Puts the painter in place of its still picture, wherever a page of the book has one. Where it
// cannot run (an old browser, a file without a server, paper) the picture and its text stay.

import { PainterClient } from "./client.js";
import { whyNot } from "./runtime.js";
import { make } from "./ui/dom.js";
import { InversionWidget } from "./ui/inversion_widget.js";
import { LearnWidget } from "./ui/learn_widget.js";
import { Studio } from "./ui/studio.js";

/** @type {Record<string, new (client: PainterClient) => { node: HTMLElement }>} */
const WIDGETS = { studio: Studio, learn: LearnWidget, inversion: InversionWidget };

/** @type {Map<string, Promise<PainterClient>>} */
const clients = new Map();

/** @param {HTMLElement} place */
async function mount(place) {
  const root = new URL(place.dataset.root ?? ".", location.href).href;
  const reason = whyNot();
  if (reason) return explain(place, reason);
  try {
    if (!clients.has(root)) clients.set(root, PainterClient.open(root));
    const client = await /** @type {Promise<PainterClient>} */ (clients.get(root));
    const widget = new WIDGETS[place.dataset.widget ?? "studio"](client);
    const still = [...place.childNodes];
    const paper = make("div", { class: "ip-paper" }, ...still); // is printed in the widget's place
    place.append(widget.node, paper);
    place.dataset.ready = "";
  } catch (error) {
    explain(place, `The painter could not be opened here. ${/** @type {Error} */ (error).message}`);
  }
}

/** @param {HTMLElement} place @param {string} reason */
function explain(place, reason) {
  place.append(make("p", { class: "ip-hint", role: "status" }, reason));
}

for (const place of document.querySelectorAll(".inst-painter")) mount(/** @type {HTMLElement} */ (place));
