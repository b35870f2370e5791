// The link at the page's very beginning: past the bar and the list, to the tab's own box.
// Knows nothing about what is written there; without scripts it goes to the tab.
import { byId } from "./element.js";
import { currentTab } from "./tabs.js";

export function startSkipLink() {
  byId("skip").addEventListener("click", (event) => {
    event.preventDefault();
    byId(currentTab()).querySelector("textarea[required]").focus();
  });
}
