// The line under a turn: its statistics, the switch between its branches, and its buttons.
import { formatNumber, t } from "./bootstrap.js";
import { copy } from "./clipboard.js";
import { element, iconButton } from "./element.js";
import { formatStats } from "./stream_stats.js";

export class TurnFooter {
  element = element("div", { class: "footer" });
  #actions;
  #edit;
  #node; // the turn as of the last update: a reload of the conversation replaces the object
  #context;
  #drawn = null; // what the footer shows, as JSON

  // `edit(node, context)` opens the turn's text for editing.
  constructor(actions, edit) {
    this.#actions = actions;
    this.#edit = edit;
  }

  // Redraws the footer only if it shows something else than before: its buttons keep the focus.
  // `context` is {branches, last, busy}.
  update(node, context) {
    this.#node = node;
    this.#context = context;
    const { branches, last, busy } = context;
    const shown = JSON.stringify([node.speed, branches.map(({ id }) => id), last]);
    if (shown !== this.#drawn) this.#draw();
    this.#drawn = shown;
    for (const button of this.element.querySelectorAll(".footer-buttons [data-action]")) {
      if (busy) button.setAttribute("aria-disabled", "true");
      else button.removeAttribute("aria-disabled");
    }
  }

  // Takes the footer off the page; the next update draws it again.
  remove() {
    this.#drawn = null;
    this.element.remove();
  }

  #draw() {
    const { speed } = this.#node;
    const { branches, last } = this.#context;
    const stats = speed ? [element("span", { class: "stats" }, formatStats(speed))] : [];
    // A cut answer offers in words to continue.
    if (speed?.finish === "length" && last) stats.push(this.#continueButton());
    const branchSwitch = branches.length > 1 ? [this.#branchSwitch()] : [];
    this.element.replaceChildren(...stats, ...branchSwitch, this.#buttons());
  }

  #buttons() {
    const { role } = this.#node;
    const { last } = this.#context;
    const actions = this.#actions;
    const label = t("turn_actions");
    const group = element("div", { class: "footer-buttons", role: "toolbar", "aria-label": label });
    const add = (action, iconName, onClick, textKey = action) => {
      const onPress = (event) => this.#context.busy || onClick(event.currentTarget);
      group.append(iconButton(iconName, t(textKey), onPress, { "data-action": action }));
    };
    const copyContent = (event) => copy(this.#node.content, event.currentTarget);
    group.append(iconButton("copy", t("copy"), copyContent));
    add("edit", "edit", () => this.#edit(this.#node, this.#context));
    if (role === "assistant" || last)
      add("regenerate", "refresh", () => actions.regenerate(this.#node));
    if (role === "assistant") {
      if (last)
        add("continue", "continue", () => actions.continueAnswer(this.#node), "continue_answer");
      add("code", "code", (button) => actions.code(this.#node, button), "request");
    }
    add("remove", "delete", () => actions.remove(this.#node));
    return group;
  }

  #continueButton() {
    const onclick = () => this.#context.busy || this.#actions.continueAnswer(this.#node);
    return element(
      "button",
      { type: "button", class: "outlined continue", onclick },
      t("continue_answer"),
    );
  }

  #branchSwitch() {
    const { branches } = this.#context;
    const index = branches.findIndex(({ id }) => id === this.#node.id);
    const position = `${formatNumber(index + 1)}/${formatNumber(branches.length)}`;
    const button = (iconName, offset, action) => {
      const other = branches[index + offset];
      const onClick = () => other && this.#actions.show(other, action);
      const attributes = { "data-action": action, "aria-disabled": other ? null : "true" };
      return iconButton(iconName, t(action), onClick, attributes);
    };
    return element(
      "span",
      { class: "branches", role: "group", "aria-label": t("branches") },
      button("left", -1, "earlier"),
      element("span", { class: "count" }, position),
      button("right", 1, "later"),
    );
  }
}
