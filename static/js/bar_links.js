// Two links in the header lead back to where the user was: the language link to the same tab, the
// chat link to the last conversation. /docs has the same header.
const STORAGE_KEY = "westlake:chat";

export function startBarLinks() {
  const languageLink = document.querySelector("a.language-link");
  for (const kind of ["click", "auxclick", "contextmenu"]) {
    languageLink.addEventListener(kind, () => (languageLink.hash = location.hash));
  }
  setChatLink(lastChat());
}

export function rememberChat(address) {
  try {
    sessionStorage.setItem(STORAGE_KEY, address);
  } catch {
    // Then the link on /docs leads to a new chat.
  }
  setChatLink(address);
}

function setChatLink(address) {
  if (address) document.querySelector("[data-tab=chat]").hash = address;
}

function lastChat() {
  try {
    return sessionStorage.getItem(STORAGE_KEY);
  } catch {
    return null;
  }
}
