// Which files a painter needs, and how many bytes they are.

import { runtimeFiles } from "./runtime.js";

/** @typedef {import("./types").Manifest} Manifest */
/** @typedef {import("./runtime.js").Build} Build */

/** @param {Manifest} manifest @param {Build} build @returns {string[]} each file once */
export function filesOf(manifest, build) {
  const graphs = Object.values(manifest.graphs).flatMap((g) => [g.graph, ...g.weights]);
  return [...new Set([...runtimeFiles(build), ...graphs])];
}

/** @param {Manifest} manifest @param {Build} build @returns {number} */
export function bytesOf(manifest, build) {
  return filesOf(manifest, build).reduce((sum, file) => sum + manifest.files[file].bytes, 0);
}
