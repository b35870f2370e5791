// The current tab and conversation, from the address: "#completion" or "#chat/ID". The style sheet
// shows and hides tabs.
import { rememberChat } from "./bar_links.js";

const TABS = ["chat", "completion", "embeddings"];

// `onNavigate` is called after each change of the address.
export function startTabs(onNavigate) {
  addEventListener("hashchange", () => {
    update();
    onNavigate();
  });
  update();
}

export function currentTab() {
  const [name] = addressParts();
  return TABS.includes(name) ? name : "chat";
}

// The current conversation's id; null for a new one.
export function currentChat() {
  const [tab, id] = addressParts();
  return tab === "chat" && id ? id : null;
}

// Navigates to a conversation, or to a new one for null; adds a history entry.
export function goToChat(id) {
  location.hash = address(id);
}

// Puts the shown conversation into the address, without a history entry.
export function replaceChatAddress(id) {
  history.replaceState(null, "", `#${address(id)}`);
  update();
}

const addressParts = () => location.hash.slice(1).split("/");
const address = (id) => (id === null ? "chat" : `chat/${id}`);

function update() {
  for (const link of document.querySelectorAll("[data-tab]")) {
    if (link.dataset.tab === currentTab()) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (currentTab() === "chat") rememberChat(address(currentChat()));
  // Undo the browser's scrolling to the fragment: tabs fill the window.
  scrollTo(0, 0);
}
