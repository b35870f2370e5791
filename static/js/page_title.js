// The page's title says what is shown, so that a window is found among others.
// Knows nothing about what that is.
import { byId } from "./element.js";
import { currentRoom } from "./rooms.js";

const own = document.title;
let chat = "";

export function titleChat(title) {
  chat = title;
  draw();
}

addEventListener("hashchange", draw);

function draw() {
  const room = currentRoom();
  const shown = room === "chat" ? chat : byId(room).querySelector("h1").textContent;
  document.title = shown ? `${shown} \u00b7 Westlake` : own;
}
