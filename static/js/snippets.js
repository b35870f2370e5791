// A request as runnable code in several languages. API keys are never included, only the
// environment variable's name.
const KEY_VARIABLE = "WESTLAKE_API_KEY";

export const SNIPPETS = {
  json: ({ body }) => body,
  curl,
  powershell,
  openai,
  requests,
  javascript,
};

const pretty = (value) => JSON.stringify(value, null, 2);

// The path to the text in a response.
const ANSWER_PATHS = {
  "/v1/chat/completions": ["choices", 0, "message", "content"],
  "/v1/completions": ["choices", 0, "text"],
  "/v1/embeddings": ["data", 0, "embedding"],
};

function curl({ path, fields }, base, needsKey) {
  const quoted = `'${pretty(fields).replaceAll("'", "'\\''")}'`;
  const key = needsKey ? ` \\\n  -H "Authorization: Bearer $${KEY_VARIABLE}"` : "";
  return `curl ${base}${path} \\\n  -H "Content-Type: application/json"${key} \\\n  -d ${quoted}\n`;
}

// Windows PowerShell 5.1 does not send or read UTF-8 by default, so both are bytes.
function powershell({ path, fields }, base, needsKey) {
  const key = needsKey ? ` \`\n  -Headers @{ Authorization = "Bearer $env:${KEY_VARIABLE}" }` : "";
  const text = ANSWER_PATHS[path]
    .map((step) => (typeof step === "number" ? `[${step}]` : `.${step}`))
    .join("");
  return `$body = @'
${pretty(fields)}
'@
$reply = Invoke-WebRequest ${base}${path} -Method Post -UseBasicParsing \`
  -ContentType "application/json"${key} \`
  -Body ([Text.Encoding]::UTF8.GetBytes($body))
$answer = [Text.Encoding]::UTF8.GetString($reply.RawContentStream.ToArray()) | ConvertFrom-Json
$answer${text}
`;
}

const OPENAI = {
  "/v1/chat/completions": [
    "chat.completions",
    new Set([
      "model",
      "messages",
      "max_tokens",
      "temperature",
      "top_p",
      "n",
      "stop",
      "seed",
      "response_format",
      "tools",
    ]),
  ],
  "/v1/completions": [
    "completions",
    new Set([
      "model",
      "prompt",
      "max_tokens",
      "temperature",
      "top_p",
      "n",
      "stop",
      "seed",
      "logprobs",
    ]),
  ],
  "/v1/embeddings": ["embeddings", new Set(["model", "input"])],
};

function openai({ path, fields }, base, needsKey) {
  const [method, knownFields] = OPENAI[path];
  const known = Object.entries(fields).filter(([name]) => knownFields.has(name));
  const extraFields = Object.fromEntries(
    Object.entries(fields).filter(([name]) => !knownFields.has(name)),
  );
  const lines = known.map(([name, value]) => `    ${name}=${python(value, "    ")},\n`);
  if (Object.keys(extraFields).length)
    lines.push(`    extra_body=${python(extraFields, "    ")},\n`);
  const key = needsKey ? `os.environ["${KEY_VARIABLE}"]` : `"none"`;
  const text = ANSWER_PATHS[path]
    .map((step) => (typeof step === "number" ? `[${step}]` : `.${step}`))
    .join("");
  return `${needsKey ? "import os\n\n" : ""}from openai import OpenAI

client = OpenAI(base_url="${base}/v1", api_key=${key})
answer = client.${method}.create(
${lines.join("")})
print(answer${text})
`;
}

function requests({ path, fields }, base, needsKey) {
  const key = needsKey
    ? `\n    headers={"Authorization": "Bearer " + os.environ["${KEY_VARIABLE}"]},`
    : "";
  const text = ANSWER_PATHS[path].map((step) => `[${JSON.stringify(step)}]`).join("");
  return `${needsKey ? "import os\n\n" : ""}import requests

answer = requests.post(
    "${base}${path}",${key}
    json=${python(fields, "    ")},
)
answer.raise_for_status()
print(answer.json()${text})
`;
}

function javascript({ path, fields }, base, needsKey) {
  const key = needsKey ? `, Authorization: \`Bearer \${process.env.${KEY_VARIABLE}}\`` : "";
  const text = ANSWER_PATHS[path]
    .map((step) => (typeof step === "number" ? `[${step}]` : `.${step}`))
    .join("");
  return `const response = await fetch("${base}${path}", {
  method: "POST",
  headers: { "Content-Type": "application/json"${key} },
  body: JSON.stringify(${pretty(fields).replaceAll("\n", "\n  ")}),
});
const answer = await response.json();
console.log(answer${text});
`;
}

// JSON strings and numbers are valid Python; true, false and null are not.
function python(value, indent) {
  const inner = `${indent}    `;
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value !== "object") return JSON.stringify(value);
  if (Array.isArray(value)) {
    return `[\n${value.map((each) => `${inner}${python(each, inner)},\n`).join("")}${indent}]`;
  }
  const pairs = Object.entries(value).map(
    ([name, each]) => `${inner}${JSON.stringify(name)}: ${python(each, inner)},\n`,
  );
  return `{\n${pairs.join("")}${indent}}`;
}
