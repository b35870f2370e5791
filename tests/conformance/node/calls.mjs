// The openai package for Node, unmodified: every call a person makes, checked here.
// node calls.mjs BASE_URL
import assert from "node:assert/strict";
import OpenAI, { BadRequestError, NotFoundError } from "openai";

const model = "chinese-llama-alpaca";
const messages = [{ role: "user", content: "介绍一下西湖" }];
const prompt = "告诉我中国的首都在哪里";
const client = new OpenAI({ baseURL: process.argv[2], apiKey: "none", maxRetries: 0 });
const nulls = {
  frequency_penalty: null, logit_bias: null, max_tokens: null, n: null, presence_penalty: null,
  seed: null, stop: null, stream: null, stream_options: null, temperature: 0, top_p: null,
};

const checks = {
  async completion() {
    const answer = await client.completions.create({ model, prompt, ...nulls, best_of: null, echo: null });
    assert.equal(answer.object, "text_completion");
    assert.ok(answer.choices[0].text.length > 0);
    assert.equal(answer.choices[0].finish_reason, "stop");
  },
  async completionStream() {
    const whole = await client.completions.create({ model, prompt, temperature: 0 });
    const stream = await client.completions.create({
      model, prompt, temperature: 0, stream: true, stream_options: { include_usage: true },
    });
    let text = "", usage = null;
    for await (const chunk of stream) {
      for (const choice of chunk.choices) text += choice.text;
      usage = chunk.usage ?? usage;
    }
    assert.equal(text, whole.choices[0].text);
    assert.equal(usage.total_tokens, whole.usage.total_tokens);
  },
  async chat() {
    const answer = await client.chat.completions.create({ model, messages, ...nulls, max_completion_tokens: null });
    assert.equal(answer.choices[0].message.role, "assistant");
    assert.ok(answer.choices[0].message.content.length > 0);
    assert.equal(answer.choices[0].message.refusal, null);
  },
  async chatStreamHelper() {
    const fields = { model, messages, temperature: 0, logprobs: true, top_logprobs: 3 };
    const whole = await client.chat.completions.create(fields);
    const runner = client.chat.completions.stream(fields);
    let text = "";
    runner.on("content", (delta) => (text += delta));
    const final = await runner.finalChatCompletion();
    assert.equal(text, whole.choices[0].message.content);
    assert.equal(final.choices[0].message.content, text);
    assert.deepEqual(final.choices[0].logprobs.content, whole.choices[0].logprobs.content);
    const bytes = final.choices[0].logprobs.content.flatMap((entry) => entry.bytes);
    assert.equal(Buffer.from(bytes).toString("utf8").trimStart(), text);
  },
  async batches() {
    const input = Array.from({ length: 1000 }, (_, number) => `第${number}句`);
    const vectors = await client.embeddings.create({ model, input });
    assert.equal(vectors.data.length, 1000);
    assert.equal(typeof vectors.data[999].embedding[0], "number");
    const prompts = Array.from({ length: 20 }, (_, number) => `${number}加${number}等于几`);
    const answers = await client.completions.create({ model, prompt: prompts, max_tokens: 4 });
    assert.deepEqual(answers.choices.map((choice) => choice.index), [...prompts.keys()]);
  },
  async tokenIds() {
    const answer = await client.completions.create({
      model, prompt: [1, 300, 301], echo: true, logprobs: 1, max_tokens: 0,
    });
    assert.equal(answer.choices[0].logprobs.token_logprobs[0], null);
    assert.equal(answer.choices[0].logprobs.tokens.length, 3);
    assert.equal(answer.usage.completion_tokens, 0);
  },
  async models() {
    const names = [];
    for await (const each of client.models.list()) names.push(each.id);
    assert.deepEqual(names, [model]);
    assert.equal((await client.models.retrieve(model)).owned_by, "westlake");
  },
  async errors() {
    await assert.rejects(client.completions.create({ model, prompt, temperature: 3 }), (error) =>
      error instanceof BadRequestError && error.param === "temperature" && Boolean(error.requestID));
    await assert.rejects(client.chat.completions.create({ model: "gpt-4", messages }), (error) =>
      error instanceof NotFoundError && error.code === "model_not_found");
  },
  async leaving() {
    const stream = await client.chat.completions.create({ model, messages, stream: true, ignore_eos: true });
    for await (const chunk of stream) {
      if (chunk.choices[0].delta.content) break;
    }
  },
};

for (const [name, check] of Object.entries(checks)) {
  await check();
  console.log(name);
}
