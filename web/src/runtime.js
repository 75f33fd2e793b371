// ONNX Runtime as WebAssembly, from the painter's own files: one thread, nothing from elsewhere.

/** @typedef {import("./store.js").Store} Store */

const ENTRY = "runtime/ort.wasm.min.mjs";
const GLUE = "runtime/ort-wasm-simd-threaded.mjs";
const BINARY = "runtime/ort-wasm-simd-threaded.wasm.gz";
export const RUNTIME_FILES = [ENTRY, GLUE, BINARY];

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
 * @param {Store} store @param {(file: string, bytes: number) => void} tell
 * @returns {Promise<import("./painter.js").Runtime>}
 */
export async function loadRuntime(store, tell) {
  const read = (/** @type {string} */ file) => store.read(file, (bytes) => tell(file, bytes));
  const zipped = new Blob([await read(BINARY)]).stream();
  const binary = new Response(zipped.pipeThrough(new DecompressionStream("gzip")));
  const ort = await import(asModule(await read(ENTRY)));
  ort.env.wasm.wasmBinary = await binary.arrayBuffer();
  ort.env.wasm.wasmPaths = { mjs: asModule(await read(GLUE)) };
  ort.env.wasm.numThreads = 1; // more need cross-origin isolation, and were slower
  return ort;
}

/** @param {Uint8Array<ArrayBuffer>} bytes @returns {string} an address to import them from */
function asModule(bytes) {
  return URL.createObjectURL(new Blob([bytes], { type: "text/javascript" }));
}
