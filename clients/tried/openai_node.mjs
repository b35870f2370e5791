// openai for Node: a loop of three turns with tools, whole and streamed, with chats and responses.
// node openai_node.mjs ADDRESS MODEL_DIRECTORY
import assert from "node:assert/strict";
import OpenAI from "openai";

const client = new OpenAI({ baseURL: `${process.argv[2]}/v1`, apiKey: "none", maxRetries: 0 });
const parameters = {
  type: "object",
  properties: { city: { type: "string", maxLength: 20 }, unit: { enum: ["celsius", "fahrenheit"] } },
  required: ["city", "unit"],
  additionalProperties: false,
};
const weather = { name: "weather", description: "The weather of a city", parameters, strict: true };
const fields = {
  model: "model", tools: [{ type: "function", function: weather }], temperature: 0, max_tokens: 100,
  parallel_tool_calls: false,
};

const ways = {
  created: async (turn) => (await client.chat.completions.create({ ...fields, ...turn })).choices[0],
  streamed: async (turn) => {
    const stream = client.chat.completions.stream({ ...fields, ...turn });
    return (await stream.finalChatCompletion()).choices[0];
  },
};

// Two turns that must call, and a last one that must not.
async function loop(ask) {
  const messages = [{ role: "user", content: "Is it warm in Paris, and in Rome?" }];
  const texts = [];
  for (const tool_choice of ["required", { type: "function", function: { name: "weather" } }, "none"]) {
    const answer = await ask({ messages, tool_choice });
    messages.push(answer.message);
    if (tool_choice === "none") {
      assert.ok(!answer.message.tool_calls?.length);
      return [...texts, answer.message.content];
    }
    assert.equal(answer.finish_reason, "tool_calls");
    assert.equal(answer.message.content, null);
    const [call] = answer.message.tool_calls;
    assert.equal(call.function.name, "weather");
    assert.ok(parameters.properties.unit.enum.includes(JSON.parse(call.function.arguments).unit));
    texts.push(call.function.arguments);
    messages.push({ role: "tool", tool_call_id: call.id, content: "21 degrees, sunny" });
  }
}

const whole = await loop(ways.created);
assert.ok(whole.every(Boolean));
assert.deepEqual(await loop(ways.streamed), whole);

// The package's own loop: it calls our function and sends the result back.
const cities = [];
const runnable = {
  type: "function",
  function: { ...weather, parse: JSON.parse, function: ({ city }) => (cities.push(city), "21 degrees") },
};
const named = { type: "function", function: { name: "weather" } };
await client.chat.completions
  .runTools({ ...fields, messages: [{ role: "user", content: "Is it warm in Paris?" }],
    tools: [runnable], tool_choice: named })
  .done();
assert.equal(cities.length, 1);

const options = {
  model: "model", tools: [{ type: "function", ...weather }], temperature: 0, max_output_tokens: 100,
  parallel_tool_calls: false,
};
const responses = {
  created: (turn) => client.responses.create({ ...options, ...turn }),
  streamed: (turn) => client.responses.stream({ ...options, ...turn }).finalResponse(),
};

// The same with items.
async function responseLoop(ask) {
  const input = [{ role: "user", content: "Is it warm in Paris, and in Rome?" }];
  const texts = [];
  for (const tool_choice of ["required", { type: "function", name: "weather" }, "none"]) {
    const answer = await ask({ input, tool_choice });
    input.push(...answer.output);
    if (tool_choice === "none") return [...texts, answer.output_text];
    const [call] = answer.output;
    assert.equal(call.name, "weather");
    assert.ok(parameters.properties.unit.enum.includes(JSON.parse(call.arguments).unit));
    texts.push(call.arguments);
    input.push({ type: "function_call_output", call_id: call.call_id, output: "21 degrees, sunny" });
  }
}

const answered = await responseLoop(responses.created);
assert.ok(answered.every(Boolean));
assert.deepEqual(await responseLoop(responses.streamed), answered);
const found = [
  "tools in a loop of three turns, whole and streamed: the same; runTools", "the same with responses",
];
console.log(JSON.stringify({ found }));
