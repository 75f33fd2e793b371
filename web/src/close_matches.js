// Near spellings of a word: Python's difflib.get_close_matches (Ratcliff and Metzener, "Pattern
// Matching: The Gestalt Approach", 1988).

/**
 * @param {string} word @param {string[]} known @param {number} most @param {number} cutoff
 * @returns {string[]} the most similar ones, best first
 */
export function closeMatches(word, known, most = 3, cutoff = 0.6) {
  return known
    .map((other) => ({ other, score: similarity(other, word) }))
    .filter(({ score }) => score >= cutoff)
    .sort((a, b) => b.score - a.score || (a.other < b.other ? 1 : -1))
    .slice(0, most)
    .map(({ other }) => other);
}

/** @param {string} a @param {string} b @returns {number} 0 (nothing in common) to 1 (equal) */
export function similarity(a, b) {
  return a.length + b.length ? (2 * matching(a, b)) / (a.length + b.length) : 1;
}

/**
 * Letters in common: the longest common piece, and what is in common before and behind it.
 * @param {string} a @param {string} b @returns {number}
 */
function matching(a, b) {
  const [i, j, size] = longest(a, b);
  if (!size) return 0;
  const before = matching(a.slice(0, i), b.slice(0, j));
  return size + before + matching(a.slice(i + size), b.slice(j + size));
}

/**
 * The first longest common piece: where it begins in a and in b, and its length.
 * @param {string} a @param {string} b @returns {[number, number, number]}
 */
function longest(a, b) {
  /** @type {[number, number, number]} */
  let best = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    for (let j = 0; j < b.length; j++) {
      let size = 0;
      while (i + size < a.length && j + size < b.length && a[i + size] === b[j + size]) size++;
      if (size > best[2]) best = [i, j, size];
    }
  }
  return best;
}
