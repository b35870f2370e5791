// What the server put into the page for its scripts: its path, its model, the page's words.
// Knows nothing about who needs which.
export const given = JSON.parse(document.getElementById("given").textContent);

// A text in the page's language, its {places} filled.
export function say(key, values = {}) {
  const text = given.texts[key];
  if (text === undefined) throw new Error(`no text "${key}"`);
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

export const has = (key) => given.texts[key] !== undefined;

// An error whose message is in the page's words.
export class Told extends Error {}

const language = document.documentElement.lang;
const whole = new Intl.NumberFormat(language);

export const count = (number) => whole.format(number);

export function fixed(number, digits) {
  return number.toFixed(digits).replace("-", "\u2212");
}
