// The theme button. The choice is saved, unless it equals the system's.
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
      // The choice lasts until the page is left.
    }
  });
}
