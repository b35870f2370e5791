// Tells what of a form's parameters is not as the API would have it: how many on the button that opens
// them, and beside each a button that takes it back. Knows nothing about what they do.
import { byId, element, iconButton } from "./element.js";
import { count, say } from "./given.js";

export function markParameters(kind) {
  const panel = byId(`${kind}-parameters`);
  const opener = document.querySelector(`[data-parameters="${panel.id}"]`);
  const own = byId(`${kind}-system`)?.value.trim() ? 1 : 0;
  const number = own + panel.querySelectorAll(".parameter.set").length;
  opener.querySelector(".changes")?.remove();
  if (!number) return;
  const read = element("span", { class: "visually-hidden" }, ` ${say("parameters_set")}`);
  opener.append(" ", element("b", { class: "changes" }, count(number), read));
}

// `reset` takes the row's parameter back.
export function addReset(row, reset) {
  const label = row.querySelector("label");
  label.after(
    iconButton("close", say("reset_one", { name: label.textContent }), reset, {
      class: "quiet reset",
    }),
  );
}
