// White noise plus coarse noise at three scales, as the painter was trained with.
// The twin of multiscale_noise in inst_tutorial/noise_schedule.py.

/** @typedef {import("./random.js").Generator} Generator */

/**
 * @param {[number, number, number, number]} shape (b, c, h, w)
 * @param {number} level the deviation of the coarse noise; 0 gives white noise
 * @param {Generator} generator @returns {Float32Array}
 */
export function multiscaleNoise([b, c, h, w], level, generator) {
  const noise = generator.randn(b * c * h * w);
  for (const side of level ? [1, 2, 4] : []) {
    const coarse = generator.randn(b * c * side * side);
    const rows = places(side, h);
    const columns = places(side, w);
    for (let plane = 0; plane < b * c; plane++) {
      addEnlarged(noise, plane * h * w, coarse, plane * side * side, side, rows, columns, level);
    }
  }
  return noise;
}

/**
 * Where each of `size` points lies between `side` coarse ones: the two around it, and how far it
 * is from the first to the second (bilinear, pixels as areas).
 * @param {number} side @param {number} size @returns {[number, number, number][]}
 */
function places(side, size) {
  return Array.from({ length: size }, (_, i) => {
    const at = Math.max(0, ((i + 0.5) * side) / size - 0.5);
    const first = Math.min(side - 1, Math.floor(at));
    return [first, Math.min(side - 1, first + 1), at - first];
  });
}

/**
 * @param {Float32Array} noise @param {number} start @param {Float32Array} coarse
 * @param {number} from @param {number} side @param {[number, number, number][]} rows
 * @param {[number, number, number][]} columns @param {number} level
 */
function addEnlarged(noise, start, coarse, from, side, rows, columns, level) {
  rows.forEach(([top, bottom, down], y) => {
    columns.forEach(([left, right, along], x) => {
      const row = (/** @type {number} */ r) =>
        (1 - along) * coarse[from + r * side + left] + along * coarse[from + r * side + right];
      noise[start + y * columns.length + x] += level * ((1 - down) * row(top) + down * row(bottom));
    });
  });
}
