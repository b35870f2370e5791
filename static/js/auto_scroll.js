// Keeps the end of the conversation in view while it grows, unless the person has scrolled away; then
// a button leads back to it. Knows nothing about turns.
import { byId } from "./element.js";

const NEAR = 60; // pixels from the end that still count as there
const FAR = 300; // from here on the way back is worth a button

class Scroller {
  #own = byId("chat-scroller");
  #back = byId("chat-scroll-end");
  #stays = true;

  constructor() {
    for (const place of [this.#own, window])
      place.addEventListener("scroll", () => this.#look(), { passive: true });
    this.#back.addEventListener("click", () => {
      this.follow(true);
      this.#look();
    });
  }

  // `now`: even if the person was elsewhere, as when they have just sent something.
  follow(now = false) {
    if (!this.#own.checkVisibility()) return; // another tab has the window
    const place = this.#place();
    if (now || this.#stays) place.scrollTop = place.scrollHeight;
    else this.#look();
  }

  // In low windows the page scrolls as a whole.
  #place() {
    return getComputedStyle(this.#own).overflowY === "visible"
      ? document.scrollingElement
      : this.#own;
  }

  #look() {
    if (!this.#own.checkVisibility()) return;
    const { scrollHeight, scrollTop, clientHeight } = this.#place();
    const left = scrollHeight - scrollTop - clientHeight;
    this.#stays = left < NEAR;
    this.#back.hidden = left < FAR || byId("thread").childElementCount === 0;
  }
}

export const autoScroll = new Scroller();
