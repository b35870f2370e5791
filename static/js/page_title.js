// Keeps document.title up to date with the current conversation or tab.
import { byId } from "./element.js";
import { currentTab } from "./tabs.js";

const own = document.title;
let chat = "";

export function setChatTitle(title) {
  chat = title;
  draw();
}

addEventListener("hashchange", draw);

function draw() {
  const tab = currentTab();
  const shown = tab === "chat" ? chat : byId(tab).querySelector("h1").textContent;
  document.title = shown ? `${shown} \u00b7 Westlake` : own;
}
