// Probability levels of tokens and the legend of their colours.

import { t } from "./bootstrap.js";
import { element } from "./element.js";

// Lower bounds of the levels, highest first.
export const LEVELS = [0.9, 0.6, 0.3, 0.1];

export const probabilityLevel = (probability) => {
  const level = LEVELS.findIndex((min) => probability >= min);
  return level < 0 ? LEVELS.length : level;
};

export function tokenLegend() {
  const percents = LEVELS.map((level) => Math.round(100 * level));
  const names = [`\u2265 ${percents[0]}%`];
  for (let index = 1; index < percents.length; index += 1)
    names.push(`${percents[index]}\u2013${percents[index - 1]}%`);
  names.push(`< ${percents.at(-1)}%`);
  const items = names.map((name, level) =>
    element("li", {}, element("span", { class: `swatch p${level}` }), name),
  );
  return element("ul", { class: "token-legend", "aria-label": t("legend") }, ...items);
}
