// One turn: its text, its speed, its branches and its buttons.
// Knows nothing about conversations beyond the turns beside it.
import { AnswerText, showAnswer } from "./answer_text.js";
import { copy } from "./clipboard.js";
import { edit } from "./editor.js";
import { element, iconButton } from "./element.js";
import { count, say } from "./given.js";
import { announce } from "./notices.js";
import { scroller } from "./scroller.js";
import { speedLine } from "./stopwatch.js";

export class TurnView {
  #node;
  #text = element("div", { class: "said", dir: "auto" });
  #state = element("p", { class: "state" });
  #growing = null;

  constructor(node, about, actions) {
    this.#node = node;
    const mine = node.role === "user";
    const who = element("p", { class: "who", id: `who-${node.id}` }, say(mine ? "you" : "assistant"));
    const kind = `turn ${mine ? "mine" : "theirs"}${about.folded ? " folded" : ""}`;
    const article = element("article", { "aria-labelledby": `who-${node.id}` }, who, this.#text);
    this.element = element("li", { class: kind, "data-id": node.id }, article);
    if (about.live) {
      this.#growing = new AnswerText(this.#text);
      this.#growing.write(node.content);
      this.state(say("sending"));
      article.append(this.#state);
      return;
    }
    if (mine) this.#text.textContent = node.content;
    else if (node.content) showAnswer(this.#text, node.content);
    else this.#text.append(element("span", { class: "hint" }, say("empty_answer")));
    article.append(this.#foot(about, actions));
  }

  // What is happening before the first word; `share` of it is done.
  state(text, share = null) {
    const bar = share === null ? null : element("progress", { max: 1, value: share, "aria-label": text });
    this.#state.replaceChildren(element("span", { class: "pulse" }), text, ...(bar ? [bar] : []));
  }

  write(text, watch) {
    this.#growing.write(text, () => {
      const speed = speedLine(watch.read());
      this.#state.replaceChildren(element("span", { class: "pulse" }), `${say("writing")} \u00b7 ${speed}`);
      scroller.follow();
    });
  }

  finish() {
    this.#growing?.stop();
    this.key = null; // drawn anew with its buttons
    this.#growing = null;
  }

  #foot(about, actions) {
    const node = this.#node;
    const foot = element("div", { class: "foot" });
    if (node.speed) foot.append(element("span", { class: "speed" }, speedLine(node.speed)));
    if (about.branches.length > 1) foot.append(this.#branches(about.branches, actions));
    const buttons = element("div", { class: "foot-buttons", role: "group", "aria-label": say("turn_actions") });
    const add = (action, name, pressed, key = action) => {
      const own = { "data-action": action, "aria-disabled": about.busy ? "true" : null };
      buttons.append(iconButton(name, say(key), (event) => about.busy || pressed(event.currentTarget), own));
    };
    const copied = iconButton("copy", say("copy"), (event) => copy(node.content, event.currentTarget));
    buttons.append(copied);
    add("edit", "edit", () => edit(this.#text, foot, node, about, actions));
    if (node.role === "assistant") {
      add("again", "again", () => actions.again(node));
      if (about.last) add("go_on", "onward", () => actions.goOn(node));
      add("code", "code", (button) => actions.code(node, button), "request");
    }
    add("remove", "bin", () => announce(actions.remove(node)));
    foot.append(buttons);
    return foot;
  }

  #branches(all, actions) {
    const place = all.indexOf(this.#node);
    const text = `${count(place + 1)}/${count(all.length)}`;
    const group = element("span", { class: "branches", role: "group", "aria-label": say("branches") });
    const go = (name, by, action) => {
      const other = all[place + by];
      const pressed = () => other && actions.show(other, action);
      const own = { "data-action": action, "aria-disabled": other ? null : "true" };
      return iconButton(name, say(action), pressed, own);
    };
    group.append(go("left", -1, "earlier"), element("span", { class: "count" }, text), go("right", 1, "later"));
    return group;
  }
}
