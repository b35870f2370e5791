// Streams one answer into its turn, whether it is shown or not.

import { formatNumber, t } from "./bootstrap.js";
import { addCallDeltas, toMessage } from "./chat_messages.js";
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
  stats;
  error = null;
  outcome = null; // "done", "stopped" or "failed"
  end = new Promise((resolve) => (this.markEnded = resolve)); // resolves when everything is saved
  #controller = new AbortController();
  #thinkingSince = null; // when the thinking began

  constructor(conversation, node, isContinuation) {
    const { content: initialText, reasoning: initialReasoning } = node;
    Object.assign(this, { conversation, node, isContinuation, initialText, initialReasoning });
    this.stats = new StreamStats(isContinuation ? node.speed : null);
    // Settings at this moment: the user may switch conversations before it is sent.
    this.settings = {
      model: selectedModel(),
      length: contextLength(),
      options: requestOptions("chat", conversation.options),
    };
  }

  stop() {
    this.#controller.abort();
  }

  get isEmpty() {
    const { content, reasoning, calls } = this.node;
    const isSame = content === this.initialText && reasoning === this.initialReasoning;
    return isSame && !calls?.length;
  }

  // Resolves to the outcome; `onUpdate` is called on each change.
  async write(onUpdate) {
    try {
      await this.#prepare(onUpdate);
      await this.#stream(onUpdate);
      return "done";
    } catch (error) {
      const stopped = error.name === "AbortError";
      this.#endThinking();
      this.error = stopped ? null : error;
      if (!this.isEmpty) this.node.speed = this.stats.snapshot(null, stopped ? "stopped" : null);
      return stopped ? "stopped" : "failed";
    }
  }

  async #prepare(onUpdate) {
    const { conversation, isContinuation, settings } = this;
    const turns = activePath(conversation, this.node.id).map(toMessage);
    const last = turns.pop();
    if (isContinuation) turns.push({ ...last, content: last.content || this.#openThinking() });
    const { model, length, options } = settings;
    const limits = {
      model,
      length,
      maxTokens: options.max_tokens,
      tools: options.tools,
      isContinuation,
      signal: this.#controller.signal,
    };
    const truncatedChat = await fitToContext(conversation.system, turns, limits);
    conversation.truncated = truncatedChat.truncated;
    this.tokens = truncatedChat.count;
    this.length = truncatedChat.length;
    this.request = buildChatRequest(truncatedChat.messages, isContinuation, options, model);
    onUpdate(this, "sent");
  }

  async #stream(onUpdate) {
    const { node, request, stats } = this;
    let finish = null;
    let usage = null;
    for await (const event of streamGeneration(
      request.path,
      request.body,
      this.#controller.signal,
    )) {
      if (event.waiting)
        this.#setState(onUpdate, t("queued", { count: formatNumber(event.waiting) }));
      if (event.of)
        this.#setState(
          onUpdate,
          t("reading", { done: formatNumber(event.read), of: formatNumber(event.of) }),
          event.read / event.of,
        );
      if (event.reasoning) {
        stats.addChunk();
        this.#think(event.reasoning);
        onUpdate(this, "text");
      }
      if (event.text) {
        stats.addChunk();
        this.#endThinking();
        node.content += event.text;
        onUpdate(this, "text");
      }
      if (event.calls) {
        stats.addChunk();
        this.#endThinking();
        addCallDeltas((node.calls ??= []), event.calls);
        onUpdate(this, "calls");
      }
      finish = event.finish ?? finish;
      usage = event.usage ?? usage;
    }
    this.#endThinking();
    this.tokens = usage?.total_tokens ?? this.tokens;
    if (usage) node.usage = countedUsage(this.conversation, node, usage.total_tokens);
    const isContextFull = finish === "length" && this.length && this.tokens >= this.length;
    node.speed = stats.snapshot(
      usage?.completion_tokens ?? null,
      isContextFull ? "context" : finish,
    );
  }

  // Thinking that was cut off, as the beginning of an answer.
  #openThinking() {
    const { reasoning } = this.node;
    return reasoning ? `<think>\n${reasoning}` : "";
  }

  #think(text) {
    this.#thinkingSince ??= performance.now() - 1000 * (this.node.reasoningSeconds ?? 0);
    this.node.reasoning = (this.node.reasoning ?? "") + text;
    this.node.reasoningSeconds = null;
  }

  #endThinking() {
    if (this.#thinkingSince === null) return;
    this.node.reasoningSeconds = (performance.now() - this.#thinkingSince) / 1000;
    this.#thinkingSince = null;
  }

  #setState(onUpdate, ...state) {
    this.state = state;
    onUpdate(this, "state");
  }
}
