// Data that the server embeds in the page for its scripts: the base path, the model, translations;
// and helpers to format texts and numbers.
export const bootstrap = JSON.parse(document.getElementById("bootstrap").textContent);

// A translated text with its {placeholders} filled.
export function t(key, values = {}) {
  const text = bootstrap.texts[key];
  if (text === undefined) throw new Error(`no text "${key}"`);
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

export const hasText = (key) => bootstrap.texts[key] !== undefined;

// An error whose message is already translated.
export class UserError extends Error {}

const language = document.documentElement.lang;
const integerFormat = new Intl.NumberFormat(language);

export const formatNumber = (number) => integerFormat.format(number);

export function formatFixed(number, digits) {
  return number.toFixed(digits).replace("-", "\u2212");
}
