import assert from "node:assert/strict";
import test from "node:test";
import { readWord } from "../src/safetensors.js";

const PAINTER = { text: /** @type {any} */ ({ width: 2 }), fingerprint: "ours" };
const ENTRY = { dtype: "F32", shape: [1, 2], data_offsets: [0, 8] };

/** A safetensors file with a header of any kind, and eight bytes of numbers. @param {unknown} header */
function file(header) {
  const text = new TextEncoder().encode(JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.length + 8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  return bytes;
}

test("a word is read, whatever its metadata is", () => {
  for (const metadata of [undefined, null, 1, {}, { inst_word: "{" }, { inst_word: "null" }, { inst_word: 7 }]) {
    const word = readWord(file({ a: ENTRY, __metadata__: metadata }), PAINTER);
    assert.deepEqual([word.vectors, word.k], [Float32Array.of(0, 0), 1]);
  }
});

const NO_WORDS = /** @type {const} */ ([
  [null, /This is no word/],
  [7, /This is no word/],
  ["text", /This is no word/],
  [[ENTRY], /This is no word/],
  [{ a: null }, /This is no word/],
  [{ a: { ...ENTRY, data_offsets: undefined } }, /This is no word/],
  [{ a: { ...ENTRY, shape: { length: 1 } } }, /This is no word/],
  [{ a: { ...ENTRY, shape: [] } }, /holds 1 tensors; a word is one/],
  [{}, /holds 0 tensors; a word is one/],
  [{ a: ENTRY, b: ENTRY }, /holds 2 tensors; a word is one/],
  [{ a: { ...ENTRY, shape: [1, "2"] } }, /This word has 2 numbers/],
  [{ a: { ...ENTRY, dtype: "constructor" } }, /type constructor; F16, BF16, F32, F64 are read/],
  [{ a: { ...ENTRY, dtype: undefined } }, /type undefined; F16/],
  [{ a: { ...ENTRY, data_offsets: [0, 4] } }, /cut off/],
]);

test("a file with another header is no word, and the text says so", () => {
  for (const [header, message] of NO_WORDS) {
    assert.throws(() => readWord(file(header), PAINTER), { name: "WordError", message }, JSON.stringify(header));
  }
});
