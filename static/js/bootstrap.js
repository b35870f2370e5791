// What the server put into the page for its scripts: its path, its model, the page's words.
// Knows nothing about who needs which.
export const bootstrap = JSON.parse(document.getElementById("bootstrap").textContent);

// A text in the page's language, its {places} filled.
export function t(key, values = {}) {
  const text = bootstrap.texts[key];
  if (text === undefined) throw new Error(`no text "${key}"`);
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

export const hasText = (key) => bootstrap.texts[key] !== undefined;

// An error whose message is in the page's words.
export class UserError extends Error {}

const language = document.documentElement.lang;
const whole = new Intl.NumberFormat(language);

export const formatNumber = (number) => whole.format(number);

export function formatFixed(number, digits) {
  return number.toFixed(digits).replace("-", "\u2212");
}
