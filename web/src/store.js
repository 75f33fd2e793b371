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
    const key = this.#key(file);
    const kept = await cache?.match(key);
    if (kept) {
      tell(facts.bytes);
      return new Uint8Array(await kept.arrayBuffer());
    }
    const bytes = await download(new URL(file, this.root).href, tell);
    await check(file, bytes, facts.sha256);
    await keep(cache, key, bytes);
    return bytes;
  }

  /** @param {string} file @returns {string} the address that the file is kept under */
  #key(file) {
    return `${new URL(file, this.root).href}?sha256=${this.files[file].sha256}`;
  }

  /** Forget what was kept of other versions of these files. */
  async prune() {
    const cache = await openCache();
    const current = new Set(Object.keys(this.files).map((file) => this.#key(file)));
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
    const answer = await fetch(address, { cache: "no-cache" });
    if (!answer.ok) throw new LoadError(`${address}: ${answer.status} ${answer.statusText}`);
    await cache?.put(address, answer.clone()).catch(() => {});
    return await answer.json();
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

/** @param {string} address @param {(bytes: number) => void} tell */
async function download(address, tell) {
  const answer = await fetch(address).catch(() => null);
  if (!answer?.ok || !answer.body) {
    const reason = answer ? `${answer.status} ${answer.statusText}` : "no connection";
    throw new LoadError(`Could not load ${address} (${reason}). Try again.`);
  }
  const parts = [];
  for (const reader = answer.body.getReader(); ;) {
    const { done, value } = await reader.read();
    if (done) return new Uint8Array(await new Blob(parts).arrayBuffer());
    parts.push(value);
    tell(value.length);
  }
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
