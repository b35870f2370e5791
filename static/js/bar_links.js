// Two links in the header lead back to where the user was: the language link to the same tab, the
// chat link to the last conversation. /docs has the same header.
const NAME = "westlake:chat";

export function startBarLinks() {
  const language = document.querySelector("a.language-link");
  for (const kind of ["click", "auxclick", "contextmenu"]) {
    language.addEventListener(kind, () => (language.hash = location.hash));
  }
  point(remembered());
}

export function rememberChat(address) {
  try {
    sessionStorage.setItem(NAME, address);
  } catch {
    // Then the link on /docs leads to a new chat.
  }
  point(address);
}

function point(address) {
  if (address) document.querySelector("[data-tab=chat]").hash = address;
}

function remembered() {
  try {
    return sessionStorage.getItem(NAME);
  } catch {
    return null;
  }
}
