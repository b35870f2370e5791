// Marks changed parameters: a count on the panel's button, and a reset button beside each.

import { formatNumber, t } from "./bootstrap.js";
import { byId, element, iconButton } from "./element.js";

export function updateParameterBadge(tab) {
  const panel = byId(`${tab}-parameters`);
  const opener = document.querySelector(`[data-parameters="${panel.id}"]`);
  const systemCount = byId(`${tab}-system`)?.value.trim() ? 1 : 0;
  const count = systemCount + panel.querySelectorAll(".parameter.set").length;
  opener.querySelector(".count-badge")?.remove();
  if (!count) return;
  const label = element("span", { class: "visually-hidden" }, ` ${t("parameters_set")}`);
  opener.append(" ", element("b", { class: "count-badge" }, formatNumber(count), label));
}

// `reset` restores the row's default.
export function addResetButton(row, reset) {
  const label = row.querySelector("label");
  label.after(
    iconButton("close", t("reset_one", { name: label.textContent }), reset, {
      class: "quiet reset",
    }),
  );
}
