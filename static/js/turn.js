// One turn: its text, its speed, its branches and its buttons.
// Knows nothing about conversations beyond the turns beside it.
import { AnswerText, showMarkdown } from "./answer_text.js";
import { copy } from "./clipboard.js";
import { edit } from "./editor.js";
import { element, iconButton } from "./element.js";
import { foldLong } from "./fold.js";
import { count, say } from "./given.js";
import { scroller } from "./scroller.js";
import { speedLine } from "./stopwatch.js";

export class TurnView {
  #node;
  #actions;
  #article;
  #text = element("div", { class: "said", dir: "auto" });
  #words = element("span");
  #state = element("p", { class: "state" }, element("span", { class: "pulse" }), this.#words);
  #foot = element("div", { class: "foot" });
  #folding = null; // the button under a long text
  #growing = null; // the text, while it is being written
  #drawn = null; // the text that stands there
  #told = null; // what the foot says
  #busy = false;

  constructor({ id, role }, actions) {
    this.#actions = actions;
    const mine = role === "user";
    const who = element("h2", { class: "who", id: `who-${id}` }, say(mine ? "you" : "assistant"));
    this.#article = element("article", { "aria-labelledby": `who-${id}` }, who, this.#text);
    this.element = element(
      "li",
      { class: `turn ${mine ? "mine" : "theirs"}`, "data-id": id, tabindex: "-1" },
      this.#article,
    );
  }

  // Draws what has changed since the last time, and nothing else: what a person has selected,
  // focused or begun to rewrite stays.
  update(node, about) {
    this.#node = node;
    this.element.classList.toggle("folded", about.folded);
    if (about.live) {
      this.#begin();
      return;
    }
    if (this.#growing) this.#end();
    if (node.content !== this.#drawn) this.#draw();
    const told = JSON.stringify([node.speed, about.branches.map(({ id }) => id), about.last]);
    if (told !== this.#told) this.#fillFoot(about);
    this.#told = told;
    this.#busy = about.busy;
    for (const button of this.#foot.querySelectorAll(".foot-buttons [data-action]")) {
      if (about.busy) button.setAttribute("aria-disabled", "true");
      else button.removeAttribute("aria-disabled");
    }
  }

  // What is happening before the first word; `share` of it is done.
  state(text, share = null) {
    this.#words.textContent = text;
    this.#state.querySelector("progress")?.remove();
    if (share !== null)
      this.#state.append(element("progress", { max: 1, value: share, "aria-label": text }));
  }

  write(text, watch) {
    this.#growing.write(text, () => {
      this.state(`${say("writing")} \u00b7 ${speedLine(watch.read())}`);
      scroller.follow();
    });
  }

  #begin() {
    if (this.#growing) return;
    this.#growing = new AnswerText(this.#text, this.#node.content);
    this.#told = null;
    this.state(say("sending"));
    this.#foot.remove();
    this.#article.append(this.#state);
  }

  #end() {
    this.#growing.end();
    this.#growing = null;
    this.#drawn = this.#node.content || null;
    this.#state.remove();
  }

  #draw() {
    const { content } = this.#node;
    this.#drawn = content;
    if (content) showMarkdown(this.#text, content);
    else this.#text.replaceChildren(element("span", { class: "hint" }, say("empty_answer")));
    if (this.#node.role === "user") this.#fold();
  }

  #fold() {
    this.#folding?.remove();
    this.#folding = foldLong(this.#text, this.#node.content);
    if (this.#folding) this.#text.after(this.#folding);
  }

  #fillFoot(about) {
    const { role, speed } = this.#node;
    const buttons = element("div", {
      class: "foot-buttons",
      role: "toolbar",
      "aria-label": say("turn_actions"),
    });
    const add = (action, name, pressed, key = action) => {
      const press = (event) => this.#busy || pressed(event.currentTarget);
      buttons.append(iconButton(name, say(key), press, { "data-action": action }));
    };
    const actions = this.#actions;
    buttons.append(
      iconButton("copy", say("copy"), (event) => copy(this.#node.content, event.currentTarget)),
    );
    add("edit", "edit", () => edit(this.#text, this.#foot, this.#node, about, actions));
    if (role === "user" && about.last) add("again", "again", () => actions.again(this.#node));
    if (role === "assistant") {
      add("again", "again", () => actions.again(this.#node));
      if (about.last) add("go_on", "onward", () => actions.goOn(this.#node));
      add("code", "code", (button) => actions.code(this.#node, button), "request");
    }
    add("remove", "bin", () => actions.remove(this.#node));
    const speeds = speed
      ? [element("span", { class: "speed" }, speedLine(speed)), ...this.#onward(about)]
      : [];
    const branches = about.branches.length > 1 ? [this.#branches(about.branches)] : [];
    this.#foot.replaceChildren(...speeds, ...branches, buttons);
    this.#article.append(this.#foot);
  }

  // A cut answer says that it can go on.
  #onward({ last }) {
    if (!last || this.#node.speed.finish !== "length") return [];
    const pressed = () => this.#busy || this.#actions.goOn(this.#node);
    return [
      element(
        "button",
        { type: "button", class: "outlined onward", onclick: pressed },
        say("go_on"),
      ),
    ];
  }

  #branches(all) {
    const place = all.findIndex(({ id }) => id === this.#node.id);
    const text = `${count(place + 1)}/${count(all.length)}`;
    const group = element("span", {
      class: "branches",
      role: "group",
      "aria-label": say("branches"),
    });
    const go = (name, by, action) => {
      const other = all[place + by];
      const pressed = () => other && this.#actions.show(other, action);
      const own = { "data-action": action, "aria-disabled": other ? null : "true" };
      return iconButton(name, say(action), pressed, own);
    };
    group.append(
      go("left", -1, "earlier"),
      element("span", { class: "count" }, text),
      go("right", 1, "later"),
    );
    return group;
  }
}
