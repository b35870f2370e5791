// Decides whether a key press means "send"; used by every text box that sends.
let composing = false;

addEventListener("compositionstart", () => (composing = true));
addEventListener("compositionend", () => {
  // Safari fires compositionend before the keydown of the Enter that ended it.
  setTimeout(() => (composing = false));
});

// Enter sends unless it belongs to an input method or is combined with Shift or Alt. On touch
// screens Enter is a line break: there is no other key for one.
export function isSendKey(event) {
  if (event.key !== "Enter" || event.shiftKey || event.altKey) return false;
  if (event.isComposing || event.keyCode === 229 || composing) return false;
  return event.ctrlKey || event.metaKey || !matchMedia("(pointer: coarse)").matches;
}
