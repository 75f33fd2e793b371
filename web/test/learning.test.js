import assert from "node:assert/strict";
import test from "node:test";
import { Adam, learn, mirrored, stratifiedTimesteps } from "../src/learning.js";
import { toPicture, toPixels } from "../src/pixels.js";
import { Generator } from "../src/random.js";

test("Adam's first step has the length of its rate", () => {
  const adam = new Adam(Float32Array.of(1, 1), 0.25);
  adam.step(Float32Array.of(3, -0.001));
  assert.ok(Math.abs(adam.vector[0] - 0.75) < 1e-5);
  assert.ok(Math.abs(adam.vector[1] - 1.25) < 1e-4);
});

test("each stratum gives one timestep", () => {
  const ts = stratifiedTimesteps(4, 1000, new Generator(0));
  assert.deepEqual(
    ts.map((t) => Math.floor(t / 250)),
    [0, 1, 2, 3],
  );
});

test("a mirror image, and pixels that come back", () => {
  const picture = Float32Array.from({ length: 12 }, (_, i) => i);
  assert.deepEqual([...mirrored(picture).slice(0, 4)], [1, 0, 3, 2]);
  const rgba = Uint8ClampedArray.from({ length: 4 * 64 }, (_, i) => (i % 4 === 3 ? 255 : i % 256));
  assert.deepEqual(toPixels(toPicture(rgba)), rgba);
});

/** A painter that computes nothing; `released` are the graphs whose memory it gave back. */
function painter() {
  const z = new Float32Array(16);
  const released = [];
  return {
    released,
    manifest: { batch: 2, latent: [1, 4, 4], start: { text: "painting", vector: [1, 1] }, version: "1" },
    size: z.length,
    schedule: { alphas: [0.9, 0.5, 0.1], final: 1, offset: 0, coarse_level: 0 },
    encode: async () => ({ mean: z, std: z }),
    context: async () => z,
    predictNoise: async (zs) => zs.map(() => z),
    gradient: async () => ({ loss: 1, gradient: Float32Array.of(1, 1) }),
    release: async (name) => void released.push(name),
  };
}

const STYLE = new Float32Array(3 * 4);
const LEARNING = { steps: 4, learningRate: 0.1, evaluateEvery: 2, pairs: 2, seed: 0 };

test("a word says after how many steps it was ended, and by whom", async () => {
  const whole = await learn(painter(), STYLE, LEARNING, async () => false);
  assert.deepEqual([whole.info.steps, whole.info.stopped], [4, "steps"]);
  const early = await learn(painter(), STYLE, LEARNING, async ({ step }) => step === 3);
  assert.deepEqual([early.info.steps, early.info.stopped], [2, "callback"]);
});

test("learning gives its memory back, also when it fails", async () => {
  const fine = painter();
  await learn(fine, STYLE, LEARNING, async () => false);
  assert.deepEqual(fine.released, ["learn"]);
  const broken = { ...painter(), gradient: () => Promise.reject(new Error("out of memory")) };
  await assert.rejects(learn(broken, STYLE, LEARNING, async () => false), /out of memory/);
  assert.deepEqual(broken.released, ["learn"]);
});
