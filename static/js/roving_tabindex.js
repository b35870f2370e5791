// Roving tabindex for a list whose rows have buttons: one tab stop; left and right arrows move
// within a row, up and down to the same button of the next row.
const BUTTONS = "button:not(.editing *)";
const SCROLLED = "pre[tabindex], .scroll[tabindex]";

export class RovingTabindex {
  #list;
  #stop = null; // the button with tabindex 0

  constructor(list) {
    this.#list = list;
    list.addEventListener("keydown", (event) => this.#move(event));
    list.addEventListener("focusin", ({ target }) => {
      if (target.matches(BUTTONS)) this.#choose(target);
    });
    list.addEventListener("westlake:drawn", () => this.#stop && this.#reach(this.#stop, 0));
  }

  // Call after rows were added or removed. The tab stop moves to `row` (default: the last),
  // unless focus is in the list. Scrollable code and tables are tab stops in that row only.
  settle(row = null) {
    const buttons = [...this.#list.querySelectorAll(BUTTONS)];
    for (const each of buttons) each.tabIndex = -1;
    for (const each of this.#list.querySelectorAll(SCROLLED)) each.tabIndex = -1;
    const own = buttons.filter(
      (each) => this.#rowOf(each) === (row ?? this.#rowOf(buttons.at(-1))),
    );
    const inside = this.#list.contains(document.activeElement) && buttons.includes(this.#stop);
    const chosen = inside ? this.#stop : own[0];
    this.#stop = null;
    if (chosen) this.#choose(chosen);
  }

  #choose(button) {
    if (this.#stop) this.#reach(this.#stop, -1);
    this.#stop = button;
    this.#reach(button, 0);
  }

  #reach(button, tabIndex) {
    button.tabIndex = tabIndex;
    for (const each of this.#rowOf(button)?.querySelectorAll(SCROLLED) ?? [])
      each.tabIndex = tabIndex;
  }

  #move(event) {
    if (!event.target.matches(BUTTONS) || event.ctrlKey || event.metaKey || event.altKey) return;
    const to = this.#beside(event.target, event.key);
    if (!to) return;
    event.preventDefault();
    to.focus();
  }

  #beside(button, key) {
    const row = this.#rowOf(button);
    const own = [...row.querySelectorAll(BUTTONS)];
    const place = own.indexOf(button);
    const inRow = {
      ArrowRight: own[place + 1],
      ArrowLeft: own[place - 1],
      Home: own[0],
      End: own.at(-1),
    }[key];
    if (inRow || !["ArrowUp", "ArrowDown"].includes(key)) return inRow;
    const next = key === "ArrowUp" ? "previousElementSibling" : "nextElementSibling";
    for (let other = row[next]; other; other = other[next]) {
      const same = other.querySelector(`[data-action="${button.dataset.action}"]`);
      const found = same ?? other.querySelector(BUTTONS);
      if (found) return found;
    }
    return undefined;
  }

  #rowOf(button) {
    let row = button ?? null;
    while (row && row.parentElement !== this.#list) row = row.parentElement;
    return row;
  }
}
