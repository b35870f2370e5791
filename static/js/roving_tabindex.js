// Roving tabindex for a list whose rows have buttons: one tab stop; left and right arrows move
// within a row, up and down to the same button of the next row.
const BUTTONS = "button:not(.editing *), summary";
const SCROLLABLE = "pre[tabindex], .scroll[tabindex]";

export class RovingTabindex {
  #list;
  #current = null; // the button with tabindex 0

  constructor(list) {
    this.#list = list;
    list.addEventListener("keydown", (event) => this.#onKeyDown(event));
    list.addEventListener("focusin", ({ target }) => {
      if (target.matches(BUTTONS)) this.#setCurrent(target);
    });
    list.addEventListener(
      "westlake:drawn",
      () => this.#current && this.#setTabIndex(this.#current, 0),
    );
  }

  // Call after rows were added or removed. The tab stop moves to `row` (default: the last),
  // unless focus is in the list. Scrollable code and tables are tab stops in that row only.
  settle(row = null) {
    const buttons = [...this.#list.querySelectorAll(BUTTONS)];
    for (const each of buttons) each.tabIndex = -1;
    for (const each of this.#list.querySelectorAll(SCROLLABLE)) each.tabIndex = -1;
    const rowButtons = buttons.filter(
      (each) => this.#rowOf(each) === (row ?? this.#rowOf(buttons.at(-1))),
    );
    const hasFocus = this.#list.contains(document.activeElement) && buttons.includes(this.#current);
    const next = hasFocus ? this.#current : rowButtons[0];
    this.#current = null;
    if (next) this.#setCurrent(next);
  }

  #setCurrent(button) {
    if (this.#current) this.#setTabIndex(this.#current, -1);
    this.#current = button;
    this.#setTabIndex(button, 0);
  }

  #setTabIndex(button, tabIndex) {
    button.tabIndex = tabIndex;
    for (const each of this.#rowOf(button)?.querySelectorAll(SCROLLABLE) ?? [])
      each.tabIndex = tabIndex;
  }

  #onKeyDown(event) {
    if (!event.target.matches(BUTTONS) || event.ctrlKey || event.metaKey || event.altKey) return;
    const target = this.#target(event.target, event.key);
    if (!target) return;
    event.preventDefault();
    target.focus();
  }

  #target(button, key) {
    const row = this.#rowOf(button);
    const rowButtons = [...row.querySelectorAll(BUTTONS)];
    const index = rowButtons.indexOf(button);
    const inRow = {
      ArrowRight: rowButtons[index + 1],
      ArrowLeft: rowButtons[index - 1],
      Home: rowButtons[0],
      End: rowButtons.at(-1),
    }[key];
    if (inRow || !["ArrowUp", "ArrowDown"].includes(key)) return inRow;
    const next = key === "ArrowUp" ? "previousElementSibling" : "nextElementSibling";
    for (let otherRow = row[next]; otherRow; otherRow = otherRow[next]) {
      const sameAction = otherRow.querySelector(`[data-action="${button.dataset.action}"]`);
      const match = sameAction ?? otherRow.querySelector(BUTTONS);
      if (match) return match;
    }
    return undefined;
  }

  #rowOf(button) {
    let row = button ?? null;
    while (row && row.parentElement !== this.#list) row = row.parentElement;
    return row;
  }
}
