// Grows text boxes with their content in browsers without `field-sizing`.
export function startAutosize() {
  if (CSS.supports("field-sizing", "content")) return;
  addEventListener("input", ({ target }) => {
    if (!target.matches(":is(.composer,.prompt-box) textarea,.editor")) return;
    target.style.height = "auto";
    target.style.height = `${target.scrollHeight}px`;
  });
}
