// Levels of noise: how much signal is left at timestep t, and one step from level to level.
// The twin of inst_tutorial/noise_schedule.py; timestep -1 is the level at which sampling ends.

/** @typedef {import("./types").Schedule} Schedule */

/** @param {Schedule} schedule @param {number} t @returns {number} abar at timestep t */
export function alphaBar(schedule, t) {
  return t < 0 ? schedule.final : schedule.alphas[t];
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
