import assert from "node:assert/strict";
import test from "node:test";
import { PainterClient } from "../src/client.js";

/** A worker whose answers the test gives. */
class FakeWorker {
  /** @type {FakeWorker[]} */
  static all = [];
  /** @type {any[]} */
  heard = [];
  ended = false;

  constructor() {
    FakeWorker.all.push(this);
  }

  /** @param {any} message */
  postMessage(message) {
    if (message.settings?.refused) throw new Error("cannot be sent");
    this.heard.push(message);
  }

  terminate() {
    this.ended = true;
  }

  /** Answer what was asked last. @param {object} message */
  answer(message) {
    this.onmessage({ data: { id: this.heard.at(-1).id, ...message } });
  }

  /** What a browser says when a worker's program does not arrive, or breaks off. @param {string} [message] */
  breakOff(message) {
    this.onerror({ message });
  }
}

const LOADED = { done: { graphics: false, why: null } };

/** A client, and its first worker. */
function started() {
  FakeWorker.all = [];
  globalThis.Worker = /** @type {any} */ (FakeWorker);
  const client = new PainterClient("http://here/", /** @type {any} */ ({}));
  return { client, first: FakeWorker.all[0] };
}

/** A turn of the event loop, in which all promises go on. */
const turn = () => new Promise((go) => setTimeout(go));

test("a worker that did not start is replaced by another when it is needed", async () => {
  const { client, first } = started();
  first.breakOff();
  assert.ok(first.ended);
  const loading = client.load();
  FakeWorker.all[1].answer(LOADED);
  await loading;
  assert.ok(client.loaded);
});

test("loading that breaks off says what to do, and can be tried again", async () => {
  const { client, first } = started();
  const loading = client.load();
  first.breakOff();
  await assert.rejects(loading, /could not be loaded. Check the connection, and press the button again/);
  assert.ok(!client.busy);
  const again = client.load();
  FakeWorker.all[1].answer(LOADED);
  await again;
  assert.ok(client.loaded);
});

test("a painter that breaks off at work is loaded anew by the next work", async () => {
  const { client, first } = started();
  const loading = client.load();
  first.answer(LOADED);
  await loading;
  const drawing = client.draw(null, /** @type {any} */ ({}));
  await turn();
  first.breakOff("out of memory");
  await assert.rejects(drawing, /broken off \(out of memory\). Press the button again/);
  assert.deepEqual([client.loaded, client.busy], [false, false]);
  const again = client.draw(null, /** @type {any} */ ({}));
  const second = FakeWorker.all[1];
  second.answer(LOADED);
  await turn();
  first.breakOff("once more"); // what is over disturbs nobody
  assert.deepEqual(second.heard.map((message) => message.do), ["load", "draw"]);
  second.answer({ done: "a picture" });
  assert.equal(await again, "a picture");
});

test("loading is stopped as all other work is", async () => {
  const { client, first } = started();
  const loading = client.load();
  assert.ok(client.busy);
  client.stop();
  assert.deepEqual(first.heard.at(-1), { stop: first.heard[0].id });
  first.onmessage({ data: { id: first.heard[0].id, error: { name: "Stopped", message: "Stopped." } } });
  await assert.rejects(loading, { name: "Stopped" });
  assert.ok(!client.busy && !client.loaded);
  const again = client.load();
  first.answer(LOADED);
  await again;
  assert.ok(client.loaded);
});

test("many loads are one, and the first of them hears how far it is", async () => {
  const { client, first } = started();
  const [one, two] = [[], []];
  const loads = [client.load((report) => one.push(report)), client.load((report) => two.push(report))];
  first.answer({ report: 7 });
  first.answer(LOADED);
  await Promise.all(loads);
  assert.deepEqual([one, two, first.heard.length], [[7], [], 1]);
});

test("work that cannot be sent leaves the painter free", async () => {
  const { client, first } = started();
  const loading = client.load();
  first.answer(LOADED);
  await loading;
  await assert.rejects(client.draw(null, /** @type {any} */ ({ refused: true })), /cannot be sent/);
  assert.ok(!client.busy);
});
