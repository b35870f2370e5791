// Folds a long text, so that what was pasted does not push its answer out of sight.
// Knows nothing about what is written in it.
import { element } from "./element.js";
import { count, say } from "./given.js";

const MOST_CHARACTERS = 2500;
const MOST_LINES = 40;

// A button that shows all of the text in `place` and folds it again; null where it is short.
export function foldLong(place, text) {
  const long =
    text.length > MOST_CHARACTERS || text.split("\n", MOST_LINES + 1).length > MOST_LINES;
  place.classList.toggle("cut", long);
  if (!long) return null;
  const name = () =>
    place.classList.contains("cut")
      ? say("show_all", { count: count(text.length) })
      : say("show_less");
  const button = element(
    "button",
    { type: "button", class: "quiet fold", "aria-expanded": "false" },
    name(),
  );
  button.addEventListener("click", () => {
    const cut = place.classList.toggle("cut");
    button.setAttribute("aria-expanded", !cut);
    button.textContent = name();
  });
  return button;
}
