// Writes one answer into its turn while it streams.
// Knows nothing about which turn comes next, or where conversations are kept.
import { chatRequest } from "./chat_request.js";
import { fit } from "./context.js";
import { count, say } from "./given.js";
import { generation } from "./generation.js";
import { meter } from "./meter.js";
import { chosenModel } from "./models.js";
import { announce, showFailure } from "./notices.js";
import { options } from "./parameters.js";
import { Stopwatch } from "./stopwatch.js";
import { liveTurn } from "./thread.js";
import { path, remove } from "./tree.js";

// Ends with the turn finished, stopped, or (without a word said) taken away again.
export async function answerTurn(conversation, { node, continued, controller, again, sent }) {
  const watch = new Stopwatch();
  const view = liveTurn(node.id);
  const before = node.content;
  announce(say("generating"));
  try {
    const request = await prepare(conversation, node, continued, controller.signal);
    sent(request);
    await listen(request, node, view, watch, controller.signal);
    announce(say("done", { count: count(node.speed.tokens) }));
  } catch (error) {
    const stopped = error.name === "AbortError";
    if (!stopped) showFailure("chat", error, again);
    announce(stopped ? say("stopped") : "");
    if (node.content !== before) node.speed = watch.read(null, stopped ? "stopped" : null);
    else if (!continued) remove(conversation, node);
  }
}

async function prepare(conversation, node, continued, signal) {
  const turns = path(conversation).map(({ role, content }) => ({ role, content }));
  if (!continued) turns.pop();
  const maxTokens = options("chat").max_tokens;
  const fitted = await fit(conversation.system, turns, { model: chosenModel(), maxTokens, continued, signal });
  conversation.folded = fitted.folded;
  meter(fitted.count, fitted.length);
  return chatRequest(fitted.messages, continued);
}

async function listen(request, node, view, watch, signal) {
  let finish = null;
  let usage = null;
  for await (const news of generation(request.path, request.body, signal)) {
    if (news.waiting) view.state(say("queued", { count: count(news.waiting) }));
    if (news.of) view.state(say("reading", { done: count(news.read), of: count(news.of) }), news.read / news.of);
    if (news.text) {
      watch.tick();
      node.content += news.text;
      view.write(node.content, watch);
    }
    finish = news.finish ?? finish;
    usage = news.usage ?? usage;
  }
  node.speed = watch.read(usage?.completion_tokens ?? null, finish);
  if (usage) meter(usage.total_tokens);
}
