// Levels of noise: how much signal is left at timestep t, and one step from level to level.
// The twin of inst_tutorial/noise_schedule.py; timestep -1 is the level at which sampling ends.

/** @typedef {import("./types").Schedule} Schedule */

/** @param {Schedule} schedule @param {number} t @returns {number} abar at timestep t */
export function alphaBar(schedule, t) {
  return t < 0 ? schedule.final : schedule.alphas[t];
}

/**
 * The timesteps of a sampling grid, descending, evenly spaced.
 * @param {Schedule} schedule @param {number} steps @returns {number[]}
 */
export function timesteps(schedule, steps) {
  const end = schedule.alphas.length;
  if (!Number.isInteger(steps) || steps < 1 || steps > end - schedule.offset) {
    throw new RangeError(`steps must be from 1 to ${end - schedule.offset}, got ${steps}`);
  }
  const stride = Math.floor(end / steps);
  return Array.from({ length: steps }, (_, i) => schedule.offset + i * stride).reverse();
}

/**
 * The end of that grid which a transfer of this strength walks: at least one step.
 * @param {Schedule} schedule @param {number} steps @param {number} strength in (0, 1]
 * @returns {number[]}
 */
export function remaining(schedule, steps, strength) {
  if (!(strength > 0 && strength <= 1)) {
    throw new RangeError(`strength must be above 0 and at most 1, got ${strength}`);
  }
  return timesteps(schedule, steps).slice(-Math.max(1, roundHalfToEven(strength * steps)));
}

/** @param {number} x @returns {number} as Python's round */
function roundHalfToEven(x) {
  const below = Math.floor(x);
  if (x - below !== 0.5) return Math.round(x);
  return below % 2 ? below + 1 : below;
}

/**
 * The latent z0 noised to level t (Ho et al. 2020, eq. 4).
 * @param {Schedule} schedule @param {Float32Array} z0 @param {number} t
 * @param {Float32Array} noise @returns {Float32Array}
 */
export function qSample(schedule, z0, t, noise) {
  const [signal, sigma] = levels(schedule, t);
  return z0.map((z, i) => signal * z + sigma * noise[i]);
}

/**
 * The z0 that z comes from if `eps` is its noise.
 * @param {Schedule} schedule @param {Float32Array} z @param {number} t @param {Float32Array} eps
 * @returns {Float32Array}
 */
export function predictZ0(schedule, z, t, eps) {
  const [signal, sigma] = levels(schedule, t);
  return z.map((value, i) => (value - sigma * eps[i]) / signal);
}

/**
 * From level t to another level, with the same z0 and the same noise (Song et al. 2021, eq. 12).
 * @param {Schedule} schedule @param {Float32Array} z @param {number} t @param {number} next
 * @param {Float32Array} eps @returns {Float32Array}
 */
export function ddimStep(schedule, z, t, next, eps) {
  return qSample(schedule, predictZ0(schedule, z, t, eps), next, eps);
}

/** @param {Schedule} schedule @param {number} t @returns {[number, number]} signal and noise */
function levels(schedule, t) {
  const abar = alphaBar(schedule, t);
  return [Math.fround(Math.sqrt(abar)), Math.fround(Math.sqrt(1 - abar))];
}
