// One call that is refused with 503 at first; the package tries again by itself.
// node retry.mjs BASE_URL
import OpenAI from "openai";

const client = new OpenAI({ baseURL: process.argv[2], apiKey: "none", maxRetries: 4 });
const answer = await client.completions.create({
  model: "chinese-llama-alpaca", prompt: "告诉我中国的首都在哪里", temperature: 0,
});
console.log(answer.choices[0].text);
