// Keeps the end of a growing conversation in view unless the user has scrolled away; then shows a
// button that leads back.
import { byId } from "./element.js";

const NEAR_PX = 60; // pixels from the end that count as the end
const FAR_PX = 300; // from this distance on the button is shown

class Scroller {
  #scroller = byId("chat-scroller");
  #button = byId("chat-scroll-end");
  #atEnd = true;

  constructor() {
    for (const container of [this.#scroller, window])
      container.addEventListener("scroll", () => this.#update(), { passive: true });
    this.#button.addEventListener("click", () => {
      this.follow(true);
      this.#update();
    });
  }

  // `now`: scroll even if the user had scrolled away, for example after sending a message.
  follow(now = false) {
    if (!this.#scroller.checkVisibility()) return; // another tab is shown
    const container = this.#container();
    if (now || this.#atEnd) container.scrollTop = container.scrollHeight;
    else this.#update();
  }

  // In short viewports the page scrolls as a whole.
  #container() {
    return getComputedStyle(this.#scroller).overflowY === "visible"
      ? document.scrollingElement
      : this.#scroller;
  }

  #update() {
    if (!this.#scroller.checkVisibility()) return;
    const { scrollHeight, scrollTop, clientHeight } = this.#container();
    const distance = scrollHeight - scrollTop - clientHeight;
    this.#atEnd = distance < NEAR_PX;
    this.#button.hidden = distance < FAR_PX || byId("thread").childElementCount === 0;
  }
}

export const autoScroll = new Scroller();
