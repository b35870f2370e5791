// The button that turns the page light or dark: for good, until it is as the system has it again.
// Knows nothing about colours: style sheets have both for each.
import { byId } from "./element.js";

export function startThemeButton() {
  byId("theme").addEventListener("click", () => {
    const root = document.documentElement;
    const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
    const theme = (root.dataset.theme ?? system) === "dark" ? "light" : "dark";
    if (theme === system) delete root.dataset.theme;
    else root.dataset.theme = theme;
    try {
      if (theme === system) localStorage.removeItem("westlake:theme");
      else localStorage.setItem("westlake:theme", theme);
    } catch {
      // It holds until the page is left.
    }
  });
}
