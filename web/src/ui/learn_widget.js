// Chapter 5: learn a word, and watch its loss and its picture.

import { make } from "./dom.js";
import { fetchPicture } from "./picture_file.js";
import { StylePanel } from "./style_panel.js";
import { Work } from "./work.js";

/** @typedef {import("../client.js").PainterClient} PainterClient */

export class LearnWidget {
  /** @param {PainterClient} client */
  constructor(client) {
    const work = new Work(client);
    const content = client.manifest.gallery.contents[0];
    const address = new URL(content.picture, client.root).href;
    const preview = () => fetchPicture(address, client.manifest.picture_size);
    const panel = new StylePanel(client, work, { preview, changed: () => {}, shipped: false });
    this.node = make("div", { class: "ip-studio" }, work.node, panel.node);
  }
}
