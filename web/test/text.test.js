import assert from "node:assert/strict";
import test from "node:test";
import { closeMatches } from "../src/close_matches.js";
import { tokenize, unknownWords } from "../src/text.js";

const VOCABULARY = { "*": 3, ",": 4, a: 5, house: 6, red: 7 };
const TEXT = { length: 8, width: 2, begin: 0, end: 1, pad: 1, vocabulary: VOCABULARY };

test("a prompt is begun, ended and padded", () => {
  const { ids, slots } = tokenize(TEXT, "A red, House", 0);
  assert.deepEqual([...ids], [0, 5, 7, 4, 6, 1, 1, 1]);
  assert.deepEqual([...slots], Array(8).fill(0));
});

test("each vector of a word has its slot", () => {
  const { ids, slots } = tokenize(TEXT, "a *", 2);
  assert.deepEqual([...ids], [0, 5, 1, 1, 1, 1, 1, 1]);
  assert.deepEqual([...slots.slice(4, 8)], [1, 0, 0, 1]);
});

test("what is wrong with a prompt is said", () => {
  assert.throws(() => tokenize(TEXT, "a house", 1), /Say with “\*”/);
  assert.throws(() => tokenize(TEXT, "a *", 0), /choose one first/);
  assert.throws(() => tokenize(TEXT, "a a a a a a a", 0), /7 words.*at most 6/);
  assert.throws(() => tokenize(TEXT, "a hause", 0), /“hause” \(near it: house\)/);
});

test("names of an object's own properties are no words", () => {
  assert.deepEqual(
    unknownWords(TEXT, "constructor").map(({ piece }) => piece),
    ["constructor"],
  );
});

test("near spellings come best first", () => {
  assert.deepEqual(closeMatches("housse", ["horse", "house", "zebra"]), ["house", "horse"]);
});
