// One API request: its path, its fields, and the exact JSON text that is sent.
const STREAMED = {
  stream: true,
  stream_options: { include_usage: true },
  return_progress: true,
};

// The code dialog shows `fields`, which are without streaming.
export function buildRequest(path, fields, streamed) {
  const body = JSON.stringify(streamed ? { ...fields, ...STREAMED } : fields, null, 2);
  return { path, fields, body };
}
