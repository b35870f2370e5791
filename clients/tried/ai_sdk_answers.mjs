// What the AI SDK does with any provider: text, tools whole and streamed, and objects.
import assert from "node:assert/strict";
import { generateObject, generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";

export const prompt = "Is it warm in Paris?";

export const fieldsOf = (model) => ({ model, temperature: 0, maxOutputTokens: 100, maxRetries: 0 });

export async function tryText(fields) {
  const text = await generateText({ ...fields, prompt });
  assert.ok(text.text);
  const streamed = streamText({ ...fields, prompt });
  assert.equal(await streamed.text, text.text);
  assert.ok((await streamed.usage).outputTokens > 0);
  return "text, streamed the same";
}

// The first step must call; the second one must not, and sees the result.
export async function tryTools(fields) {
  const weather = tool({
    description: "The weather of a city",
    inputSchema: z.object({ city: z.string().max(20), unit: z.enum(["celsius", "fahrenheit"]) }),
    execute: async ({ city }) => `21 degrees in ${city}`,
  });
  const steps = {
    ...fields, prompt, tools: { weather }, toolChoice: { type: "tool", toolName: "weather" },
    stopWhen: stepCountIs(2),
    prepareStep: ({ stepNumber }) => (stepNumber > 0 ? { toolChoice: "none" } : {}),
  };
  const whole = await generateText(steps);
  assert.equal(whole.steps[0].finishReason, "tool-calls");
  const [call] = whole.steps[0].toolCalls;
  assert.equal(call.toolName, "weather");
  assert.ok(["celsius", "fahrenheit"].includes(call.input.unit));
  assert.ok(whole.text);
  const inPieces = streamText(steps);
  assert.equal(await inPieces.text, whole.text);
  assert.deepEqual((await inPieces.steps)[0].toolCalls[0].input, call.input);
  return "tools in two steps, streamed the same";
}

export async function tryObject(fields) {
  const schema = z.object({ name: z.string().max(20), isCapital: z.boolean() });
  const { object } = await generateObject({ ...fields, schema, prompt: "Which city is the capital of France?" });
  assert.ok(object.name);
  return `generateObject: ${object.name}`;
}
