import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import test from "node:test";
import { Store, readJson } from "../src/store.js";

const BYTES = Uint8Array.of(1, 2, 3);
const SHA256 = createHash("sha256").update(BYTES).digest("hex");

/** A store of one file. */
function store(sha256 = SHA256) {
  return new Store("http://here/", { "unet.onnx": { bytes: BYTES.length, sha256 } });
}

/** @param {() => Promise<void>} more what happens after the first piece @param {() => void} [cancelled] */
function answer(more, cancelled) {
  const pull = async (/** @type {ReadableStreamDefaultController} */ controller) => {
    controller.enqueue(BYTES);
    await more();
    controller.close();
  };
  return new Response(new ReadableStream({ pull, cancel: cancelled }, { highWaterMark: 0 }));
}

test("a file has its hash in its address, so that no older one is taken for it", async (t) => {
  const asked = t.mock.method(globalThis, "fetch", async () => new Response(BYTES));
  assert.deepEqual(await store().read("unet.onnx"), BYTES);
  assert.equal(asked.mock.calls[0].arguments[0], `http://here/unet.onnx?sha256=${SHA256}`);
  await assert.rejects(store("of another").read("unet.onnx"), /unet.onnx arrived damaged or is of another version/);
});

test("a file that does not arrive is named, with the reason", async (t) => {
  /** @param {() => Promise<Response>} fetched @param {RegExp} said */
  const refused = async (fetched, said) => {
    t.mock.method(globalThis, "fetch", fetched);
    await assert.rejects(store().read("unet.onnx"), { name: "LoadError", message: said });
  };
  const [failed, missing] = [new TypeError("Failed to fetch"), { status: 404, statusText: "Not Found" }];
  await refused(() => Promise.reject(failed), /^Could not load http:\/\/here\/unet.onnx \(no connection\). Try again.$/);
  await refused(async () => new Response("", missing), /unet.onnx \(404 Not Found\). Try again/);
  const lost = () => Promise.reject(new TypeError("network error"));
  await refused(async () => answer(lost), /unet.onnx \(the connection was lost\). Try again/);
});

test("a download ends when the reader stops it", async (t) => {
  const cancelled = t.mock.fn();
  t.mock.method(globalThis, "fetch", async () => answer(() => new Promise(() => {}), cancelled));
  const stop = () => {
    throw new Error("Stopped.");
  };
  await assert.rejects(store().read("unet.onnx", stop), /^Error: Stopped.$/);
  assert.equal(cancelled.mock.callCount(), 1);
});

test("paintbox.json is kept for a visit without a server, unless it is damaged", async (t) => {
  const kept = new Map();
  const put = async (/** @type {string} */ address, /** @type {Response} */ response) => void kept.set(address, response);
  const match = async (/** @type {string} */ address) => kept.get(address)?.clone();
  globalThis.caches = /** @type {any} */ ({ open: async () => ({ put, match }) });
  t.after(() => Reflect.deleteProperty(globalThis, "caches"));
  const address = "http://here/paintbox.json";
  const fetched = t.mock.method(globalThis, "fetch", async () => new Response("<html>"));
  await assert.rejects(readJson(address), /paintbox.json \(it arrived damaged\). Try again/);
  fetched.mock.mockImplementation(async () => new Response('{"version": "1"}'));
  assert.deepEqual(await readJson(address), { version: "1" });
  fetched.mock.mockImplementation(async () => new Response("<html>"));
  assert.deepEqual(await readJson(address), { version: "1" });
  fetched.mock.mockImplementation(() => Promise.reject(new TypeError("Failed to fetch")));
  assert.deepEqual(await readJson(address), { version: "1" });
});
