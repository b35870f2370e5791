// Which of the rooms (chat, completion, embeddings) is shown: the one the address names.
// Knows nothing about what is in them; the style sheet shows and hides.
const ROOMS = ["chat", "completion", "embeddings"];

export function startRooms() {
  addEventListener("hashchange", mark);
  mark();
}

export function currentRoom() {
  const named = location.hash.slice(1);
  return ROOMS.includes(named) ? named : "chat";
}

function mark() {
  for (const link of document.querySelectorAll("[data-room]")) {
    if (link.dataset.room === currentRoom()) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  // The browser scrolls to what the address names; rooms fill the window already.
  scrollTo(0, 0);
}
