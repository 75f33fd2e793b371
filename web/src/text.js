// Prompts as numbers, and what is wrong with a prompt. The twin of Painter.tokenize.

import { closeMatches } from "./close_matches.js";

/** @typedef {import("./types").TextSettings} TextSettings */

export const PLACEHOLDER = "*";
const PIECE = /,|[\p{L}\p{N}_]+|[^\s\p{L}\p{N}_,]+/gu;

/** A prompt that the painter cannot read; the text says why and what would do. */
export class PromptError extends Error {
  name = "PromptError";
}

/**
 * One prompt as `ids` (L) and `slots` (L, k), which are 1 where a vector of the word stands.
 * @param {TextSettings} text @param {string} prompt
 * @param {number} k vectors of the word; 0 without a word
 * @returns {{ ids: Int32Array, slots: Float32Array }} slots have one column when k is 0
 */
export function tokenize(text, prompt, k) {
  const parts = prompt.split(PLACEHOLDER);
  if (k && parts.length === 1) {
    throw new PromptError(`Say with “*” where the new word stands, as in “a house in the style of *”.`);
  }
  if (!k && parts.length > 1) throw new PromptError("“*” stands for a learned word: choose one first.");
  const row = parts.flatMap((part, i) => [...(i ? word(text, k) : []), ...known(text, part)]);
  if (row.length > text.length - 2) {
    throw new PromptError(
      `That is ${row.length} words; this painter reads at most ${text.length - 2}. Say less.`,
    );
  }
  return asArrays(text, row, k);
}

/** @typedef {{ id: number, slot: number }} Token slot -1 is an ordinary word */

/** @param {TextSettings} text @param {number} k @returns {Token[]} */
function word(text, k) {
  return Array.from({ length: k }, (_, slot) => ({ id: text.end, slot }));
}

/** @param {TextSettings} text @param {string} part @returns {Token[]} */
function known(text, part) {
  const wrong = unknownWords(text, part);
  if (wrong.length) {
    const lines = wrong.map(({ piece, near }) => {
      return near.length ? `“${piece}” (near it: ${near.join(", ")})` : `“${piece}”`;
    });
    throw new PromptError(`This painter does not know ${lines.join(" and ")}.`);
  }
  return pieces(part).map((piece) => ({ id: text.vocabulary[piece], slot: -1 }));
}

/**
 * The words that the painter does not know, each with near spellings.
 * @param {TextSettings} text @param {string} prompt @returns {{ piece: string, near: string[] }[]}
 */
export function unknownWords(text, prompt) {
  const all = Object.keys(text.vocabulary);
  return pieces(prompt)
    .filter((piece) => !Object.hasOwn(text.vocabulary, piece) && piece !== PLACEHOLDER)
    .map((piece) => ({ piece, near: closeMatches(piece, all) }));
}

/** @param {string} prompt @returns {string[]} its words and commas, in lower case */
function pieces(prompt) {
  return prompt.normalize("NFC").toLowerCase().match(PIECE) ?? [];
}

/** @param {TextSettings} text @param {Token[]} row @param {number} k */
function asArrays(text, row, k) {
  const ids = new Int32Array(text.length).fill(text.pad);
  const slots = new Float32Array(text.length * Math.max(k, 1));
  ids[0] = text.begin;
  ids[row.length + 1] = text.end;
  row.forEach(({ id, slot }, i) => {
    ids[i + 1] = id;
    if (slot >= 0) slots[(i + 1) * k + slot] = 1;
  });
  return { ids, slots };
}
