import assert from "node:assert/strict";
import test from "node:test";
import { Adam, mirrored, stratifiedTimesteps } from "../src/learning.js";
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
