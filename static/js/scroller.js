// Keeps the end of the conversation in view while it grows, unless the person has scrolled away.
// Knows nothing about turns.
import { byId } from "./element.js";

const NEAR = 60;

class Scroller {
  #place = byId("chat-scroller");
  #stays = true;

  constructor() {
    this.#place.addEventListener("scroll", () => {
      const { scrollHeight, scrollTop, clientHeight } = this.#place;
      this.#stays = scrollHeight - scrollTop - clientHeight < NEAR;
    }, { passive: true });
  }

  // `now`: even if the person was elsewhere, as when they have just sent something.
  follow(now = false) {
    if (now || this.#stays) this.#place.scrollTop = this.#place.scrollHeight;
  }
}

export const scroller = new Scroller();
