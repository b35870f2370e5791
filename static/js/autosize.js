// Lets boxes grow with what is written in them, where the style sheet alone cannot.
// Knows nothing about which boxes there are.
export function startAutosize() {
  if (CSS.supports("field-sizing", "content")) return;
  addEventListener("input", ({ target }) => {
    if (!target.matches(":is(.composer,.prompt-box) textarea,.editor")) return;
    target.style.height = "auto";
    target.style.height = `${target.scrollHeight}px`;
  });
}
