// ONNX Runtime as WebAssembly, from the painter's own files: one thread, nothing from elsewhere.
// There are two builds of it. One computes on the processor. The other computes on the graphics
// processor (WebGPU), and waits for it by JavaScript Promise Integration.

/** @typedef {import("./store.js").Store} Store */
/** @typedef {{ provider: "wasm" | "webgpu", entry: string, glue: string, binary: string }} Build */

/** @type {Build} */
export const PROCESSOR = {
  provider: "wasm",
  entry: "runtime/ort.wasm.min.mjs",
  glue: "runtime/ort-wasm-simd-threaded.mjs",
  binary: "runtime/ort-wasm-simd-threaded.wasm.gz",
};
/** @type {Build} */
export const GRAPHICS = {
  provider: "webgpu",
  entry: "runtime/ort.jspi.min.mjs",
  glue: "runtime/ort-wasm-simd-threaded.jspi.mjs",
  binary: "runtime/ort-wasm-simd-threaded.jspi.wasm.gz",
};
const IMITATIONS = /swiftshader|llvmpipe|lavapipe|basic render/i;

/** @param {Build} build @returns {string[]} */
export function runtimeFiles({ entry, glue, binary }) {
  return [entry, glue, binary];
}

/** @returns {Promise<boolean>} whether a graphics processor is there that is no program */
export async function hasGraphics() {
  if (!("Suspending" in WebAssembly)) return false;
  const { gpu } = /** @type {any} */ (navigator);
  const { info } = (await gpu?.requestAdapter().catch(() => null)) ?? {};
  if (!info || info.isFallbackAdapter) return false;
  return !IMITATIONS.test(`${info.vendor} ${info.architecture} ${info.description}`);
}

// The smallest module with a vector instruction (v128.const, i8x16.popcnt).
const SIMD = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15,
  253, 98, 11,
];

/** @returns {string} why this browser cannot compute, or nothing */
export function whyNot() {
  const missing = [];
  if (!globalThis.WebAssembly?.validate(Uint8Array.from(SIMD))) missing.push("WebAssembly with SIMD");
  if (!globalThis.DecompressionStream) missing.push("DecompressionStream");
  if (!globalThis.Worker) missing.push("workers");
  return missing.length ? `This browser has no ${missing.join(" and no ")}.` : "";
}

/**
 * @param {Store} store @param {Build} build @param {(file: string, bytes: number) => void} tell
 * @returns {Promise<import("./painter.js").Runtime>}
 */
export async function loadRuntime(store, { entry, glue, binary: zip }, tell) {
  const read = (/** @type {string} */ file) => store.read(file, (bytes) => tell(file, bytes));
  const zipped = new Blob([await read(zip)]).stream();
  const binary = new Response(zipped.pipeThrough(new DecompressionStream("gzip")));
  const ort = await import(asModule(await read(entry)));
  ort.env.wasm.wasmBinary = await binary.arrayBuffer();
  ort.env.wasm.wasmPaths = { mjs: asModule(await read(glue)) };
  ort.env.wasm.numThreads = 1; // more need cross-origin isolation, and were slower
  return ort;
}

/** @param {Uint8Array<ArrayBuffer>} bytes @returns {string} an address to import them from */
function asModule(bytes) {
  return URL.createObjectURL(new Blob([bytes], { type: "text/javascript" }));
}
