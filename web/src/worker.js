// The worker owns the painter, so that the page never waits. Messages in: {id, do, ...} and
// {stop: id}; out: {id, report}, then {id, done} or {id, error}. `client.js` is the other end.

import { bytesOf, filesOf } from "./files.js";
import { learn } from "./learning.js";
import { Painter } from "./painter.js";
import { toPicture, toPixels } from "./pixels.js";
import { GRAPHICS, loadRuntime, PROCESSOR } from "./runtime.js";
import { Store } from "./store.js";
import { Stopped } from "./stopped.js";
import { draw, repaint } from "./style_transfer.js";

/** @typedef {import("./types").Manifest} Manifest */
/** @typedef {import("./types").GraphName} GraphName */
/** @typedef {{ id: number, stopped: boolean }} Job */

/** @type {GraphName[]} */
const PAINTING = ["text", "encode", "decode", "unet"];
/** @type {Painter} */
let painter;
/** @type {Map<number, Job>} */
const running = new Map();

/** @type {Record<string, (job: Job, message: any) => Promise<any>>} */
const tasks = {
  /** @param {Job} job @param {{ root: string, manifest: Manifest, graphics: boolean }} message */
  async load(job, { root, manifest, graphics }) {
    const store = new Store(root, manifest.files);
    let why = null;
    if (graphics) {
      try {
        painter = await prepared(job, store, manifest, GRAPHICS);
        await painter.check();
      } catch (error) {
        why = /** @type {Error} */ (error).message;
      }
    }
    if (!graphics || why !== null) painter = await prepared(job, store, manifest, PROCESSOR);
    await store.prune();
    return { graphics: graphics && why === null, why };
  },

  async draw(job, { word, settings }) {
    return finished(await draw(painter, word, settings, shown(job)));
  },

  async repaint(job, { rgba, word, settings }) {
    return finished(await repaint(painter, toPicture(rgba), word, settings, shown(job)));
  },

  /** `preview` is a content picture that is repainted with the word at each evaluation. */
  async learn(job, { rgba, settings, preview }) {
    return learn(painter, toPicture(rgba), settings, async (report) => {
      const pixels = preview && report.vectors && (await previewed(report.vectors, preview));
      postMessage({ id: job.id, report: { ...report, pixels } });
      await breathe();
      return job.stopped;
    });
  },

  async gradient(_job, { word, prompt, z, ts, noise }) {
    return painter.gradient(word, prompt, z, ts, noise);
  },
};

/**
 * A painter that is ready to paint; learning makes its own session when it begins.
 * @param {Job} job @param {Store} store @param {Manifest} manifest
 * @param {import("./runtime.js").Build} build
 */
async function prepared(job, store, manifest, build) {
  const tell = progress(job, manifest, build);
  const ort = await loadRuntime(store, build, tell);
  const read = (/** @type {string} */ file) => store.read(file, (bytes) => tell(file, bytes));
  const made = new Painter(ort, build.provider, manifest, read);
  for (const name of PAINTING) await made.prepare(name);
  await read(manifest.graphs.learn.graph);
  return made;
}

/**
 * @param {Job} job @param {Manifest} manifest @param {import("./runtime.js").Build} build
 * @returns {(file: string, bytes: number) => void} reports how much is here, each file once; throws
 * Stopped when the reader has ended the loading
 */
function progress(job, manifest, build) {
  const files = filesOf(manifest, build);
  const here = new Map(files.map((file) => [file, 0]));
  const total = bytesOf(manifest, build);
  return (file, more) => {
    if (job.stopped) throw new Stopped();
    here.set(file, Math.min((here.get(file) ?? 0) + more, manifest.files[file].bytes));
    const bytes = [...here.values()].reduce((a, b) => a + b, 0);
    postMessage({ id: job.id, report: { bytes, total, file } });
  };
}

/** @param {Job} job @returns {import("./style_transfer.js").EachStep} shows every step */
function shown(job) {
  return async (step, steps, z0) => {
    const pixels = toPixels(await painter.decode(z0));
    postMessage({ id: job.id, report: { step, steps, pixels } }, { transfer: [pixels.buffer] });
    await breathe();
    if (job.stopped) throw new Stopped();
  };
}

/**
 * The content picture repainted with a word as it is now.
 * @param {Float32Array} vectors @param {import("./types").Preview} preview
 */
async function previewed(vectors, { rgba, settings }) {
  const word = { vectors, k: 1, info: {} };
  return finished(await repaint(painter, toPicture(rgba), word, settings));
}

/** @param {Float32Array} z */
async function finished(z) {
  return toPixels(await painter.decode(z));
}

/** Let messages in: the worker hears "stop" only between two steps. */
function breathe() {
  return new Promise((go) => setTimeout(go));
}

onmessage = async ({ data }) => {
  if ("stop" in data) {
    const job = running.get(data.stop);
    if (job) job.stopped = true;
    return;
  }
  const job = { id: data.id, stopped: false };
  running.set(job.id, job);
  try {
    postMessage({ id: job.id, done: await tasks[data.do](job, data) });
  } catch (error) {
    const { name = "Error", message = String(error) } = /** @type {Error} */ (error) ?? {};
    postMessage({ id: job.id, error: { name, message } });
  }
  running.delete(job.id);
};
