// The AI SDK with its provider for OpenAI-compatible servers.
// node ai_sdk.mjs ADDRESS MODEL_DIRECTORY
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { fieldsOf, tryObject, tryText, tryTools } from "./ai_sdk_answers.mjs";

const provider = createOpenAICompatible({
  name: "westlake", baseURL: `${process.argv[2]}/v1`, apiKey: "none", includeUsage: true,
  supportsStructuredOutputs: true,
});
const fields = fieldsOf(provider("model"));
const found = [await tryText(fields), await tryTools(fields), await tryObject(fields)];
console.log(JSON.stringify({ found }));
