// Streams one answer into its turn, whether it is shown or not.

import { formatNumber, t } from "./bootstrap.js";
import { buildChatRequest } from "./chat_request.js";
import { countedUsage } from "./context_usage.js";
import { fitToContext } from "./context_window.js";
import { activePath } from "./conversation_tree.js";
import { streamGeneration } from "./generation_stream.js";
import { contextLength, selectedModel } from "./models.js";
import { requestOptions } from "./parameters.js";
import { StreamStats } from "./stream_stats.js";

export class StreamingAnswer {
  tokens = null; // prompt and answer tokens, as far as known
  length = null; // the model's context length
  request = null; // the request that was sent
  state = [t("sending")]; // text and progress before the first token
  watch;
  error = null;
  outcome = null; // "done", "stopped" or "failed"
  end = new Promise((resolve) => (this.ended = resolve)); // resolves when everything is saved
  #controller = new AbortController();

  constructor(conversation, node, continued) {
    Object.assign(this, { conversation, node, continued, before: node.content });
    this.watch = new StreamStats(continued ? node.speed : null);
    // Settings at this moment: the user may switch conversations before it is sent.
    this.settings = {
      model: selectedModel(),
      length: contextLength(),
      own: requestOptions("chat", conversation.options),
    };
  }

  stop() {
    this.#controller.abort();
  }

  get saidNothing() {
    return this.node.content === this.before;
  }

  // Resolves to the outcome; `onUpdate` is called on each change.
  async write(told) {
    try {
      await this.#prepare(told);
      await this.#listen(told);
      return "done";
    } catch (error) {
      const stopped = error.name === "AbortError";
      this.error = stopped ? null : error;
      if (!this.saidNothing) this.node.speed = this.watch.read(null, stopped ? "stopped" : null);
      return stopped ? "stopped" : "failed";
    }
  }

  async #prepare(told) {
    const { conversation, continued, settings } = this;
    const turns = activePath(conversation, this.node.id).map(({ role, content }) => ({
      role,
      content,
    }));
    if (!continued) turns.pop();
    const { model, length, own } = settings;
    const asked = {
      model,
      length,
      maxTokens: own.max_tokens,
      continued,
      signal: this.#controller.signal,
    };
    const fitted = await fitToContext(conversation.system, turns, asked);
    conversation.truncated = fitted.truncated;
    this.tokens = fitted.count;
    this.length = fitted.length;
    this.request = buildChatRequest(fitted.messages, continued, own, model);
    told(this, "sent");
  }

  async #listen(told) {
    const { node, request, watch } = this;
    let finish = null;
    let usage = null;
    for await (const news of streamGeneration(
      request.path,
      request.body,
      this.#controller.signal,
    )) {
      if (news.waiting) this.#wait(told, t("queued", { count: formatNumber(news.waiting) }));
      if (news.of)
        this.#wait(
          told,
          t("reading", { done: formatNumber(news.read), of: formatNumber(news.of) }),
          news.read / news.of,
        );
      if (news.text) {
        watch.tick();
        node.content += news.text;
        told(this, "text");
      }
      finish = news.finish ?? finish;
      usage = news.usage ?? usage;
    }
    this.tokens = usage?.total_tokens ?? this.tokens;
    if (usage) node.usage = countedUsage(this.conversation, node, usage.total_tokens);
    const full = finish === "length" && this.length && this.tokens >= this.length;
    node.speed = watch.read(usage?.completion_tokens ?? null, full ? "context" : finish);
  }

  #wait(told, ...state) {
    this.state = state;
    told(this, "state");
  }
}
