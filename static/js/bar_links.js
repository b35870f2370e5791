// Lets two links of the bar lead to where a person was: the language to the same place, the chat to
// the conversation that was shown last. Knows nothing about tabs; /docs has the same bar.
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
    // From /docs the way leads to a new chat then.
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
