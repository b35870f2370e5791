// Keeps the end of a growing conversation in view unless the user has scrolled away; then shows a
// button that leads back.
import { byId } from "./element.js";

const NEAR = 60; // pixels from the end that count as the end
const FAR = 300; // from this distance on the button is shown

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

  // `now`: scroll even if the user had scrolled away, for example after sending a message.
  follow(now = false) {
    if (!this.#own.checkVisibility()) return; // another tab is shown
    const place = this.#place();
    if (now || this.#stays) place.scrollTop = place.scrollHeight;
    else this.#look();
  }

  // In short viewports the page scrolls as a whole.
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
