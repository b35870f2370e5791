// The skip link: moves focus to the current tab's text box. Without scripts it leads to the tab.
import { byId } from "./element.js";
import { currentTab } from "./tabs.js";

export function startSkipLink() {
  byId("skip").addEventListener("click", (event) => {
    event.preventDefault();
    byId(currentTab()).querySelector("textarea[required]").focus();
  });
}
