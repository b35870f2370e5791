// One request: where it goes, what it says, and the very text that is sent.
// Knows nothing about forms.
const STREAMED = {
  stream: true,
  stream_options: { include_usage: true },
  return_progress: true,
};

// `fields` without what makes it a stream is what code views show: they want one answer.
export function buildRequest(path, fields, streamed) {
  const body = JSON.stringify(streamed ? { ...fields, ...STREAMED } : fields, null, 2);
  return { path, fields, body };
}
