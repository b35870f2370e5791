// One streamed answer of the server, as the few kinds of news it is made of.
// Knows nothing about chats or pages.
import { ApiError, apiFetch } from "./api_client.js";
import { readEvents } from "./sse.js";

// Yields {waiting}, {read, of}, {text, index, logprobs}, {finish, index} and {usage}.
// Throws Refusal for an error in the stream and for a stream that was cut.
export async function* streamGeneration(path, body, signal) {
  const response = await apiFetch(path, { body, signal });
  try {
    for await (const { comment, data } of readEvents(response.body)) {
      if (comment !== undefined) yield* progress(comment);
      else if (data === "[DONE]") return;
      else yield* news(JSON.parse(data));
    }
  } catch (error) {
    if (!(error instanceof TypeError)) throw error; // a TypeError is a connection that broke
  }
  throw new ApiError(0, { code: "cut" });
}

function* progress(comment) {
  const [kind, value = ""] = comment.split(" ");
  if (kind === "queued") yield { waiting: Number(value) };
  if (kind === "prefill") {
    const [read, of] = value.split("/").map(Number);
    yield { read, of };
  }
}

function* news(chunk) {
  if (chunk.error) throw new ApiError(500, chunk.error);
  for (const choice of chunk.choices) {
    const { index, logprobs = null } = choice;
    const text = choice.delta ? choice.delta.content : choice.text;
    if (text || logprobs) yield { text: text ?? "", index, logprobs };
    if (choice.finish_reason) yield { finish: choice.finish_reason, index };
  }
  if (chunk.usage) yield { usage: chunk.usage };
}
