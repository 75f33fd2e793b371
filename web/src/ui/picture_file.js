// Picture files as what the painter reads: turned as the camera says, on white where they are
// transparent, cut to the central square, shrunk. Nothing leaves the page.

import { download } from "../store.js";

const MOST_MEGABYTES = 50;

/** A file that is no picture; the text says so. */
export class PictureError extends Error {
  name = "PictureError";
}

/**
 * @param {Blob} file @param {number} side in pixels
 * @returns {Promise<Uint8ClampedArray<ArrayBuffer>>} RGBA of the square
 */
export async function readPicture(file, side) {
  if (file.size > MOST_MEGABYTES * 1e6) {
    throw new PictureError(`This file has ${Math.round(file.size / 1e6)} MB; at most ${MOST_MEGABYTES} are read.`);
  }
  const bitmap = await createImageBitmap(file, { imageOrientation: "from-image" }).catch(() => {
    throw new PictureError("This file is no picture that the browser can read. PNG, JPEG and WebP work.");
  });
  const square = shrunk(bitmap, side);
  bitmap.close();
  return square;
}

/** @param {string} address @param {number} side @returns {Promise<Uint8ClampedArray<ArrayBuffer>>} */
export async function fetchPicture(address, side) {
  return readPicture(new Blob([await download(address)]), side);
}

/** @param {ImageBitmap} bitmap @param {number} side */
function shrunk(bitmap, side) {
  const cut = Math.min(bitmap.width, bitmap.height);
  const [x, y] = [(bitmap.width - cut) / 2, (bitmap.height - cut) / 2];
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = side;
  const context = /** @type {CanvasRenderingContext2D} */ (
    canvas.getContext("2d", { willReadFrequently: true })
  );
  context.imageSmoothingQuality = "high";
  context.fillStyle = "white";
  context.fillRect(0, 0, side, side);
  context.drawImage(bitmap, x, y, cut, cut, 0, 0, side, side);
  return new Uint8ClampedArray(context.getImageData(0, 0, side, side).data);
}

/** @param {Uint8ClampedArray<ArrayBuffer>} rgba @returns {Promise<Blob>} a PNG file */
export async function asPng(rgba) {
  const side = Math.sqrt(rgba.length / 4);
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = side;
  canvas.getContext("2d")?.putImageData(new ImageData(rgba, side, side), 0, 0);
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("no PNG"))), "image/png");
  });
}
