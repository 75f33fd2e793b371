import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import test from "node:test";
import { writeWord } from "../src/safetensors.js";
import { LEARNED, SHIPPED, StyleWords, withSteps } from "../src/style_words.js";

const FILE = "words/lagoon.safetensors";
const BYTES = writeWord({ vectors: Float32Array.of(1, 2), k: 1, info: { fingerprint: "ours", steps: 100 } });

/** A painter that comes with a word for the style "lagoon". */
function manifest(fingerprint = "ours") {
  const facts = { bytes: BYTES.length, sha256: createHash("sha256").update(BYTES).digest("hex") };
  const styles = [{ name: "lagoon", word: { file: FILE, steps: 100 } }, { name: "rosa", word: null }];
  const text = { width: 2 };
  const graphs = { learn: { weights: [] } };
  return /** @type {any} */ ({ fingerprint, text, graphs, files: { [FILE]: facts }, gallery: { styles } });
}

test("a shipped word is read when it is asked for", async (t) => {
  const asked = t.mock.method(globalThis, "fetch", async () => new Response(BYTES));
  const [kept, ...rest] = new StyleWords("http://here/", manifest(), true).of("lagoon");
  assert.equal(withSteps(kept), `${SHIPPED} (100 steps)`);
  assert.deepEqual(rest, []);
  assert.equal(asked.mock.callCount(), 0);
  assert.deepEqual((await kept.read()).vectors, Float32Array.of(1, 2));
  assert.equal(asked.mock.calls[0].arguments[0], `http://here/${FILE}?sha256=${manifest().files[FILE].sha256}`);
});

test("a shipped word of another painter is refused", async (t) => {
  t.mock.method(globalThis, "fetch", async () => new Response(BYTES));
  const [kept] = new StyleWords("http://here/", manifest("another"), true).of("lagoon");
  await assert.rejects(kept.read(), /belongs to another painter/);
});

test("the newest word of a style is the first, and each origin has one", async () => {
  const words = new StyleWords("http://here/", manifest(), true);
  const word = (/** @type {number} */ steps) => ({ vectors: Float32Array.of(steps, 0), k: 1, info: { steps } });
  words.add("lagoon", LEARNED, word(10));
  words.add("lagoon", "from mine.safetensors", word(7));
  words.add("lagoon", LEARNED, word(60));
  const said = words.of("lagoon").map(withSteps);
  assert.deepEqual(said, ["learned here (60 steps)", "from mine.safetensors (7 steps)", "made by the package (100 steps)"]);
  assert.equal((await words.of("lagoon")[0].read()).vectors[0], 60);
});

test("a style has no word, or is offered none", () => {
  assert.deepEqual(new StyleWords("http://here/", manifest(), true).of("rosa"), []);
  assert.deepEqual(new StyleWords("http://here/", manifest(), false).of("lagoon"), []);
});
