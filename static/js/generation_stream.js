// Streams one generation as a sequence of events.
import { ApiError, apiFetch } from "./api_client.js";
import { readEvents } from "./sse.js";

// Yields {waiting}, {read, of}, {reasoning, index}, {text, index, logprobs}, {calls, index} (a
// chunk's tool_calls), {finish, index} and {usage}.
// Throws ApiError for an error event and for a connection that breaks.
export async function* streamGeneration(path, body, signal) {
  const response = await apiFetch(path, { body, signal });
  try {
    for await (const { comment, data } of readEvents(response.body)) {
      if (comment !== undefined) yield* parseProgress(comment);
      else if (data === "[DONE]") return;
      else yield* parseChunk(JSON.parse(data));
    }
  } catch (error) {
    if (!(error instanceof TypeError)) throw error; // fetch reports a broken connection as TypeError
  }
  throw new ApiError(0, { code: "cut" });
}

function* parseProgress(comment) {
  const [kind, value = ""] = comment.split(" ");
  if (kind === "queued") yield { waiting: Number(value) };
  if (kind === "prefill") {
    const [read, of] = value.split("/").map(Number);
    yield { read, of };
  }
}

function* parseChunk(chunk) {
  if (chunk.error) throw new ApiError(500, chunk.error);
  for (const choice of chunk.choices) {
    const { index, logprobs = null } = choice;
    const reasoning = choice.delta?.reasoning_content;
    if (reasoning) yield { reasoning, index };
    const text = choice.delta ? choice.delta.content : choice.text;
    if (text || logprobs) yield { text: text ?? "", index, logprobs };
    if (choice.delta?.tool_calls) yield { calls: choice.delta.tool_calls, index };
    if (choice.finish_reason) yield { finish: choice.finish_reason, index };
  }
  if (chunk.usage) yield { usage: chunk.usage };
}
