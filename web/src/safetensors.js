// Words as .safetensors files, which `inst transfer --word` reads and `inst learn` writes.
// Format: https://github.com/huggingface/safetensors (length of a JSON header, header, numbers).

/** @typedef {import("./types").Word} Word */
/** @typedef {import("./types").Manifest} Manifest */

const TOKEN = "<inst>";
const LONGEST_HEADER = 1e6;

/** A file that holds no word; the text says what it holds instead. */
export class WordError extends Error {
  name = "WordError";
}

/** @param {Word} word @returns {Uint8Array} the bytes of the file */
export function writeWord({ vectors, k, info }) {
  const entry = { dtype: "F32", shape: [k, vectors.length / k], data_offsets: [0, vectors.byteLength] };
  const header = { __metadata__: { inst_word: JSON.stringify(info) }, [TOKEN]: entry };
  const text = new TextEncoder().encode(JSON.stringify(header));
  const padded = Math.ceil(text.length / 8) * 8; // the numbers begin at a multiple of eight
  const bytes = new Uint8Array(8 + padded + vectors.byteLength).fill(0x20, 8, 8 + padded);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(padded), true);
  bytes.set(text, 8);
  bytes.set(new Uint8Array(vectors.buffer, vectors.byteOffset, vectors.byteLength), 8 + padded);
  return bytes;
}

/**
 * The word in a file of ours, of diffusers or of AUTOMATIC1111.
 * @param {Uint8Array} bytes
 * @param {Pick<Manifest, "text" | "fingerprint">} painter the word must be one of its own
 * @returns {Word}
 */
export function readWord(bytes, { text: { width }, fingerprint }) {
  const { header, data } = read(bytes);
  const { __metadata__: metadata, ...entries } = header;
  const [entry, ...others] = Object.values(entries);
  const shape = entry?.shape ?? [];
  if (others.length || shape.length < 1 || shape.length > 2) {
    const count = Object.keys(entries).length;
    throw new WordError(`This file holds ${count} tensors; a word is one, of one or two axes.`);
  }
  if (shape.at(-1) !== width) {
    throw new WordError(
      `This word has ${shape.at(-1)} numbers, the painter's have ${width}: it belongs to another painter.`,
    );
  }
  const vectors = numbers(entry, data);
  if (!vectors.length || !vectors.every(Number.isFinite)) throw new WordError("This word is damaged.");
  const info = described(metadata);
  if ("fingerprint" in info && info.fingerprint !== fingerprint) {
    throw new WordError("This word belongs to another painter: its weights are not these.");
  }
  return { vectors, k: vectors.length / width, info };
}

/** @typedef {{ dtype: string, shape: number[], data_offsets: number[] }} Entry of a tensor */

/** @param {Uint8Array} bytes @returns {{ header: Record<string, Entry> & { __metadata__?: any }, data: Uint8Array }} */
function read(bytes) {
  const reason = "This is no word: words are .safetensors files.";
  if (bytes.length < 8) throw new WordError(reason);
  const size = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  if (size > Math.min(bytes.length - 8, LONGEST_HEADER)) throw new WordError(reason);
  const header = parsed(new TextDecoder().decode(bytes.subarray(8, 8 + size)));
  if (!isHeader(header)) throw new WordError(reason);
  return { header, data: bytes.subarray(8 + size) };
}

/** @param {string} text @returns {any} null where it is no JSON */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** @param {any} header @returns {boolean} whether each of its tensors has a shape and a place */
function isHeader(header) {
  if (header === null || typeof header !== "object" || Array.isArray(header)) return false;
  return Object.entries(header).every(([name, entry]) => {
    return name === "__metadata__" || (Array.isArray(entry?.shape) && Array.isArray(entry.data_offsets));
  });
}

/** What each type of number is read as: its bytes, and how. */
const TYPES = {
  F16: { size: 2, read: (/** @type {ArrayBuffer} */ b) => halves(new Uint16Array(b)) },
  BF16: { size: 2, read: (/** @type {ArrayBuffer} */ b) => brainHalves(new Uint16Array(b)) },
  F32: { size: 4, read: (/** @type {ArrayBuffer} */ b) => new Float32Array(b) },
  F64: { size: 8, read: (/** @type {ArrayBuffer} */ b) => Float32Array.from(new Float64Array(b)) },
};

/** @param {Entry} entry @param {Uint8Array} data @returns {Float32Array} */
function numbers({ dtype, shape, data_offsets: [start, end] }, data) {
  if (!Object.hasOwn(TYPES, dtype)) {
    const known = Object.keys(TYPES).join(", ");
    throw new WordError(`This word has numbers of type ${dtype}; ${known} are read.`);
  }
  const type = TYPES[/** @type {keyof typeof TYPES} */ (dtype)];
  const bytes = data.slice(start, end);
  const count = shape.reduce((a, b) => a * b, 1);
  if (bytes.length !== count * type.size) throw new WordError("This word is cut off.");
  return type.read(bytes.buffer);
}

/** @param {Uint16Array} bits the upper halves of float32 numbers @returns {Float32Array} */
function brainHalves(bits) {
  return new Float32Array(Uint32Array.from(bits, (half) => half << 16).buffer);
}

/** @param {Uint16Array} bits of float16 numbers @returns {Float32Array} */
export function halves(bits) {
  return Float32Array.from(bits, (h) => {
    const sign = h & 0x8000 ? -1 : 1;
    const exponent = (h >> 10) & 31;
    const fraction = (h & 1023) / 1024;
    if (exponent === 31) return fraction ? NaN : sign * Infinity;
    return sign * (exponent ? (1 + fraction) * 2 ** (exponent - 15) : fraction * 2 ** -14);
  });
}

/** @param {any} metadata @returns {Record<string, unknown>} */
function described(metadata) {
  return Object(parsed(metadata?.inst_word ?? "{}"));
}
