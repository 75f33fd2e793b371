// A link that carries the settings: ?style=lagoon&content=cat&strength=0.6 behind the page's name.

const NUMBERS = ["strength", "guidance", "steps", "seed"];
const TEXTS = ["style", "content", "inversion", "prompt"];

/** @typedef {Record<string, string | number>} Settings */

/** @param {string} address @returns {Settings} what a link says; nothing that is not a number */
export function readLink(address) {
  const given = new URL(address).searchParams;
  /** @type {Settings} */
  const settings = {};
  for (const name of TEXTS) if (given.has(name)) settings[name] = given.get(name) ?? "";
  for (const name of NUMBERS) {
    const text = given.get(name)?.trim();
    if (text && Number.isFinite(Number(text))) settings[name] = Number(text);
  }
  return settings;
}

/** @param {string} address @param {Settings} settings @returns {string} */
export function writeLink(address, settings) {
  const link = new URL(address);
  for (const name of [...TEXTS, ...NUMBERS]) {
    if (name in settings) link.searchParams.set(name, String(settings[name]));
    else link.searchParams.delete(name);
  }
  return link.href;
}
