// Learned words that this browser remembers: by painter and style, so that another page of the
// book finds them again.

/** @typedef {import("./types").Word} Word */
/** @typedef {import("./types").Manifest} Manifest */

/** @param {Manifest} manifest @param {string} style @returns {string} */
function keyOf(manifest, style) {
  const weights = manifest.graphs.learn.weights.map((file) => manifest.files[file].sha256.slice(0, 8));
  return `inst-word ${weights.join("")} ${style}`;
}

/** @param {Manifest} manifest @param {string} style @param {Word} word */
export function remember(manifest, style, word) {
  const kept = { vectors: Array.from(word.vectors), k: word.k, info: word.info };
  try {
    localStorage.setItem(keyOf(manifest, style), JSON.stringify(kept));
  } catch {
    // A browser that may not store anything paints all the same.
  }
}

/** @param {Manifest} manifest @param {string} style @returns {Word | null} */
export function recall(manifest, style) {
  try {
    const kept = JSON.parse(localStorage.getItem(keyOf(manifest, style)) ?? "null");
    return kept && { ...kept, vectors: Float32Array.from(kept.vectors) };
  } catch {
    return null;
  }
}
