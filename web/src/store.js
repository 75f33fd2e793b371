// The painter's files: fetched once, checked against their sha256, and kept in the browser's
// Cache Storage under that hash, so that the second visit needs no network.

/** @typedef {import("./types").FileFacts} FileFacts */

const CACHE = "inst-painter";

/** A file that could not be had; the text says which and why. */
export class LoadError extends Error {
  name = "LoadError";
}

export class Store {
  /** @param {string} root the folder of paintbox.json @param {Record<string, FileFacts>} files */
  constructor(root, files) {
    this.root = root;
    this.files = files;
  }

  /**
   * A file, from the cache or from the server.
   * @param {string} file @param {(bytes: number) => void} [tell] hears of each piece that arrives
   * @returns {Promise<Uint8Array<ArrayBuffer>>}
   */
  async read(file, tell = () => {}) {
    const facts = this.files[file];
    const cache = await openCache();
    const address = this.#address(file);
    const kept = await cache?.match(address);
    if (kept) {
      tell(facts.bytes);
      return new Uint8Array(await kept.arrayBuffer());
    }
    const bytes = await download(address, tell);
    await check(file, bytes, facts.sha256);
    await keep(cache, address, bytes);
    return bytes;
  }

  /**
   * Where a file is fetched from, and what it is kept under. Its hash is part of it, so that nothing
   * on the way answers with the file of another version.
   * @param {string} file @returns {string}
   */
  #address(file) {
    return `${new URL(file, this.root).href}?sha256=${this.files[file].sha256}`;
  }

  /** Forget what was kept of other versions of these files. */
  async prune() {
    const cache = await openCache();
    const current = new Set(Object.keys(this.files).map((file) => this.#address(file)));
    for (const { url } of (await cache?.keys()) ?? []) {
      const old = url.startsWith(this.root) && url.includes("?sha256=") && !current.has(url);
      if (old) await cache?.delete(url);
    }
  }
}

/**
 * A JSON file from the server, or the last copy of it when no server answers.
 * @param {string} address @returns {Promise<any>}
 */
export async function readJson(address) {
  const cache = await openCache();
  try {
    const answer = await ask(address, { cache: "no-cache" });
    const copy = answer.clone();
    const json = await answer.json().catch(() => {
      throw notLoaded(address, "it arrived damaged");
    });
    await cache?.put(address, copy).catch(() => {});
    return json;
  } catch (error) {
    const kept = await cache?.match(address);
    if (kept) return kept.json();
    throw error;
  }
}

/** @returns {Promise<Cache | null>} null where the browser has none, as on plain http */
async function openCache() {
  return globalThis.caches ? caches.open(CACHE).catch(() => null) : null;
}

/**
 * What lies at an address. Throws a LoadError.
 * @param {string} address @param {(bytes: number) => void} [tell] hears of each piece that arrives;
 * an error of its own ends the download
 * @returns {Promise<Uint8Array<ArrayBuffer>>}
 */
export async function download(address, tell = () => {}) {
  const { body } = await ask(address);
  const reader = /** @type {NonNullable<typeof body>} */ (body).getReader();
  const parts = [];
  try {
    for (;;) {
      const { done, value } = await reader.read().catch(() => {
        throw notLoaded(address, "the connection was lost");
      });
      if (done) return new Uint8Array(await new Blob(parts).arrayBuffer());
      parts.push(value);
      tell(value.length);
    }
  } finally {
    reader.cancel().catch(() => {}); // where it has not come to its end
  }
}

/** @param {string} address @param {RequestInit} [options] @returns {Promise<Response>} with a body */
async function ask(address, options) {
  const answer = await fetch(address, options).catch(() => null);
  if (answer?.ok && answer.body) return answer;
  throw notLoaded(address, answer ? `${answer.status} ${answer.statusText}`.trim() : "no connection");
}

/** @param {string} address @param {string} reason */
function notLoaded(address, reason) {
  return new LoadError(`Could not load ${address.split("?")[0]} (${reason}). Try again.`);
}

/** @param {string} file @param {Uint8Array<ArrayBuffer>} bytes @param {string} sha256 */
async function check(file, bytes, sha256) {
  if (!globalThis.crypto?.subtle) return; // plain http: no cache either
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const hex = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (hex !== sha256) throw new LoadError(`${file} arrived damaged or is of another version. Load the page anew.`);
}

/** @param {Cache | null} cache @param {string} key @param {Uint8Array<ArrayBuffer>} bytes */
async function keep(cache, key, bytes) {
  await cache?.put(key, new Response(new Blob([bytes]))).catch(() => {}); // a full disk is no error
}
