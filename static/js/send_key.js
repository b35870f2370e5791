// Tells whether a key press means "send".
// Knows nothing about what is sent; every text box that sends asks here.
let composing = false;

addEventListener("compositionstart", () => (composing = true));
addEventListener("compositionend", () => {
  // Safari ends the composition before the Enter that ended it arrives.
  setTimeout(() => (composing = false));
});

// Enter sends, unless it belongs to an input method or asks for a new line. On a touch screen
// Enter is a new line: there is no other key for one.
export function isSendKey(event) {
  if (event.key !== "Enter" || event.shiftKey || event.altKey) return false;
  if (event.isComposing || event.keyCode === 229 || composing) return false;
  return event.ctrlKey || event.metaKey || !matchMedia("(pointer: coarse)").matches;
}
