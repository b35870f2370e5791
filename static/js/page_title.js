// Keeps document.title up to date with the current conversation or tab.
import { byId } from "./element.js";
import { currentTab } from "./tabs.js";

const defaultTitle = document.title;
let chatTitle = "";

export function setChatTitle(title) {
  chatTitle = title;
  draw();
}

addEventListener("hashchange", draw);

function draw() {
  const tab = currentTab();
  const title = tab === "chat" ? chatTitle : byId(tab).querySelector("h1").textContent;
  document.title = title ? `${title} \u00b7 Westlake` : defaultTitle;
}
