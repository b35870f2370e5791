// The AI SDK's own OpenAI provider with its defaults, which asks /v1/responses and sends what an
// earlier answer said as references to its items.
// node ai_sdk_openai.mjs ADDRESS MODEL_DIRECTORY
import assert from "node:assert/strict";
import { createOpenAI } from "@ai-sdk/openai";
import { generateText, streamText } from "ai";
import { fieldsOf, prompt, tryObject, tryText, tryTools } from "./ai_sdk_answers.mjs";

const sent = [];  // the input items of each request
const provider = createOpenAI({
  baseURL: `${process.argv[2]}/v1`, apiKey: "none",
  fetch: (url, request) => {
    sent.push(JSON.parse(request.body).input);
    return fetch(url, request);
  },
});
const fields = fieldsOf(provider("model"));
const found = [await tryText(fields), await tryTools(fields), await tryObject(fields)];

// A second turn is the same by references and, with store: false, by the items themselves.
async function twoTurns(providerOptions) {
  const first = await generateText({ ...fields, prompt, providerOptions });
  const messages = [
    { role: "user", content: prompt }, ...first.responseMessages, { role: "user", content: "And in Rome?" },
  ];
  const second = await generateText({ ...fields, messages, providerOptions });
  const [, answer] = sent.at(-1);
  const streamed = streamText({ ...fields, messages, providerOptions });
  assert.equal(await streamed.text, second.text);
  return { answer, text: second.text };
}

const byReference = await twoTurns({});
assert.equal(byReference.answer.type, "item_reference");
const byItems = await twoTurns({ openai: { store: false } });
assert.equal(byItems.answer.role, "assistant");
assert.equal(byReference.text, byItems.text);
found.push("a second turn by item_reference, streamed the same, and the same with store: false");
console.log(JSON.stringify({ found }));
