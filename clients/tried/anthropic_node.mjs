// @anthropic-ai/sdk for Node: a loop of three turns with tools, whole and streamed.
// node anthropic_node.mjs ADDRESS MODEL_DIRECTORY
import assert from "node:assert/strict";
import Anthropic from "@anthropic-ai/sdk";

const client = new Anthropic({ baseURL: process.argv[2], apiKey: "none", maxRetries: 0 });
const input_schema = {
  type: "object",
  properties: { city: { type: "string", maxLength: 20 }, unit: { enum: ["celsius", "fahrenheit"] } },
  required: ["city", "unit"],
  additionalProperties: false,
};
const weather = { name: "weather", description: "The weather of a city", input_schema };
const search = { type: "web_search_20260318", name: "web_search" };
const question = { role: "user", content: "Is it warm in Paris, and in Rome?" };
const fields = { model: "model", max_tokens: 200, temperature: 0 };

const ways = {
  created: (turn) => client.messages.create({ ...fields, tools: [weather, search], ...turn }),
  streamed: (turn) =>
    client.messages.stream({ ...fields, tools: [weather, search], ...turn }).finalMessage(),
};

// Two turns that must call, and a last one that must not.
async function loop(ask) {
  const messages = [question];
  const texts = [];
  const choices = [
    { type: "any", disable_parallel_tool_use: true }, { type: "tool", name: "weather" }, { type: "none" },
  ];
  for (const tool_choice of choices) {
    const answer = await ask({ messages, tool_choice });
    messages.push({ role: "assistant", content: answer.content });
    if (tool_choice.type === "none") {
      assert.ok(["end_turn", "max_tokens"].includes(answer.stop_reason));
      return [...texts, answer.content[0].text];
    }
    assert.equal(answer.stop_reason, "tool_use");
    const [call] = answer.content.filter((block) => block.type === "tool_use");
    assert.ok(input_schema.properties.unit.enum.includes(call.input.unit));
    texts.push(JSON.stringify(call.input));
    const result = { type: "tool_result", tool_use_id: call.id, content: "21 degrees, sunny" };
    messages.push({ role: "user", content: [result] });
  }
}

const whole = await loop(ways.created);
assert.ok(whole.every(Boolean));
assert.deepEqual(await loop(ways.streamed), whole);

const counted = await client.messages.countTokens({ model: "model", messages: [question] });
assert.ok(counted.input_tokens > 5);
const served = [];
for await (const model of client.models.list()) served.push(model.id);
assert.deepEqual(served, ["model"]);
const found = [
  "tools in a loop of three turns, whole and streamed: the same", "countTokens; its list of models",
];
console.log(JSON.stringify({ found }));
