// Which noise levels are used: the sampling grid, and where on it a strength starts.
// The twin of inst_tutorial/noise_level.py.

/** @typedef {import("./types").Schedule} Schedule */

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
