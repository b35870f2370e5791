// Texts ranked by their similarity to a selected one.

import { formatFixed, formatNumber, t } from "./bootstrap.js";
import { element } from "./element.js";

export function ranking(texts, similarities) {
  const list = element("ol", { class: "ranking" });
  const choice = element("select", { id: "ranked-by" });
  choice.append(
    ...texts.map((text, index) =>
      element("option", { value: index }, `${formatNumber(index + 1)}. ${text}`),
    ),
  );
  const draw = () =>
    drawList(list, texts, similarities[Number(choice.value)], Number(choice.value));
  choice.addEventListener("change", draw);
  draw();
  const label = element("label", { for: "ranked-by" }, t("ranked_by"));
  return element(
    "section",
    { class: "view", "aria-labelledby": "ranking-title" },
    element("h2", { id: "ranking-title" }, t("ranking")),
    element("p", { class: "choice" }, label, choice),
    list,
  );
}

function drawList(list, texts, scores, selected) {
  const others = texts.map((text, index) => ({ text, index, value: scores[index] }));
  const sorted = others.filter(({ index }) => index !== selected).sort((a, b) => b.value - a.value);
  list.replaceChildren(
    ...sorted.map(({ text, value }) =>
      element(
        "li",
        {},
        element("span", { class: "ranked", dir: "auto" }, text),
        element("meter", {
          min: 0,
          max: 1,
          value: Math.max(0, value),
          "aria-label": formatFixed(value, 3),
        }),
        element("span", { class: "numeric" }, formatFixed(value, 3)),
      ),
    ),
  );
}
