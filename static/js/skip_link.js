// The link at the page's very beginning: past the bar and the list, to the room's own box.
// Knows nothing about what is written there; without scripts it goes to the room.
import { byId } from "./element.js";
import { currentTab } from "./tabs.js";

export function startSkipLink() {
  byId("skip").addEventListener("click", (event) => {
    event.preventDefault();
    byId(currentTab()).querySelector("textarea[required]").focus();
  });
}
