// Random numbers as PyTorch draws them on the CPU: the same seed gives the same numbers, so a
// seed in the page and a seed in Python mean the same picture. Mersenne Twister (Matsumoto and
// Nishimura, 1998), and Box and Muller's normal numbers in PyTorch's blocks of sixteen.

const N = 624;
const M = 397;
const BLOCK = 16;

/** @param {number} seed Throws a RangeError unless torch.Generator().manual_seed takes it alike. */
export function checkSeed(seed) {
  if (Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32) return;
  throw new RangeError(`The seed must be a whole number from 0 to ${2 ** 32 - 1}, got ${seed}.`);
}

export class Generator {
  /** @param {number} seed an integer from 0 to 2^32 - 1, as in torch.Generator().manual_seed */
  constructor(seed) {
    checkSeed(seed);
    this.state = new Uint32Array(N);
    this.at = N;
    this.state[0] = seed;
    for (let i = 1; i < N; i++) {
      const last = this.state[i - 1] ^ (this.state[i - 1] >>> 30);
      this.state[i] = Math.imul(1812433253, last) + i;
    }
  }

  /** @returns {number} 32 random bits */
  bits() {
    if (this.at === N) this.#refill();
    let y = this.state[this.at++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  #refill() {
    const s = this.state;
    for (let k = 0; k < N; k++) {
      const y = (s[k] & 0x80000000) | (s[(k + 1) % N] & 0x7fffffff);
      s[k] = s[(k + M) % N] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    this.at = 0;
  }

  /** @param {number} n @returns {Float32Array} torch.rand(n): uniform in [0, 1) */
  rand(n) {
    return Float32Array.from({ length: n }, () => (this.bits() & 0xffffff) / 2 ** 24);
  }

  /** @param {number} high @param {number} n @returns {number[]} torch.randint(high, (n,)) */
  randint(high, n) {
    return Array.from({ length: n }, () => this.bits() % high);
  }

  /** @param {number} n a multiple of 16 @returns {Float32Array} torch.randn(n) */
  randn(n) {
    if (n % BLOCK) throw new RangeError(`normal numbers come in blocks of ${BLOCK}, got ${n}`);
    const x = this.rand(n);
    for (let start = 0; start < n; start += BLOCK) {
      for (let i = start; i < start + BLOCK / 2; i++) {
        const radius = Math.sqrt(-2 * Math.log(1 - x[i]));
        const angle = 2 * Math.PI * x[i + BLOCK / 2];
        x[i] = radius * Math.cos(angle);
        x[i + BLOCK / 2] = radius * Math.sin(angle);
      }
    }
    return x;
  }
}
