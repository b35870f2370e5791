// Parses server-sent events from a byte stream.

// Yields {data} per event and {comment} per comment line.
export async function* readEvents(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let pending = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const blocks = (pending + value.replaceAll("\r\n", "\n")).split("\n\n");
      pending = blocks.pop();
      for (const block of blocks) yield* parseEvent(block);
    }
  } finally {
    reader.cancel().catch(() => {}); // the connection may be closed already
  }
}

function* parseEvent(block) {
  const lines = block.split("\n");
  for (const line of lines) if (line.startsWith(":")) yield { comment: line.slice(1).trim() };
  const data = lines.filter((line) => line.startsWith("data:"));
  if (data.length) yield { data: data.map((line) => line.slice(5).trimStart()).join("\n") };
}
