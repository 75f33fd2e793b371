// Pictures as the painter's numbers, (3, H, W) in [-1, 1], and as a canvas's, RGBA in 0..255.

/** @param {Uint8ClampedArray} rgba of a square @returns {Float32Array} what the painter reads */
export function toPicture(rgba) {
  const n = rgba.length / 4;
  const picture = new Float32Array(3 * n);
  for (let i = 0; i < n; i++) {
    for (let c = 0; c < 3; c++) picture[c * n + i] = rgba[4 * i + c] / 127.5 - 1;
  }
  return picture;
}

/** @param {Float32Array} picture @returns {Uint8ClampedArray<ArrayBuffer>} RGBA, rounded */
export function toPixels(picture) {
  const n = picture.length / 3;
  const rgba = new Uint8ClampedArray(4 * n).fill(255);
  for (let i = 0; i < n; i++) {
    for (let c = 0; c < 3; c++) rgba[4 * i + c] = (picture[c * n + i] + 1) * 127.5;
  }
  return rgba;
}
