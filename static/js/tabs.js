// Which tab is shown (chat, completion, embeddings), and which conversation in the chat: those that
// the address names, as "#completion" or "#chat/ID".
// Knows nothing about what is in them; the style sheet shows and hides.
import { rememberChat } from "./bar_links.js";

const TABS = ["chat", "completion", "embeddings"];

// `arrived` is called when the address has changed, whoever changed it.
export function startTabs(arrived) {
  addEventListener("hashchange", () => {
    mark();
    arrived();
  });
  mark();
}

export function currentTab() {
  const [named] = parts();
  return TABS.includes(named) ? named : "chat";
}

// The conversation's id; null for a new one.
export function currentChat() {
  const [tab, id] = parts();
  return tab === "chat" && id ? id : null;
}

// Goes to a conversation; null: to a new one. Back leads to where the person was.
export function goToChat(id) {
  location.hash = address(id);
}

// Says in the address which conversation is shown already.
export function replaceChatAddress(id) {
  history.replaceState(null, "", `#${address(id)}`);
  mark();
}

const parts = () => location.hash.slice(1).split("/");
const address = (id) => (id === null ? "chat" : `chat/${id}`);

function mark() {
  for (const link of document.querySelectorAll("[data-tab]")) {
    if (link.dataset.tab === currentTab()) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (currentTab() === "chat") rememberChat(address(currentChat()));
  // The browser scrolls to what the address names; tabs fill the window already.
  scrollTo(0, 0);
}
