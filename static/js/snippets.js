// A request as runnable code in several languages. API keys are never included, only the
// environment variable's name.
const VARIABLE = "WESTLAKE_API_KEY";

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
const WHERE = {
  "/v1/chat/completions": ["choices", 0, "message", "content"],
  "/v1/completions": ["choices", 0, "text"],
  "/v1/embeddings": ["data", 0, "embedding"],
};

function curl({ path, fields }, base, keyed) {
  const quoted = `'${pretty(fields).replaceAll("'", "'\\''")}'`;
  const key = keyed ? ` \\\n  -H "Authorization: Bearer $${VARIABLE}"` : "";
  return `curl ${base}${path} \\\n  -H "Content-Type: application/json"${key} \\\n  -d ${quoted}\n`;
}

// Windows PowerShell 5.1 does not send or read UTF-8 by default, so both are bytes.
function powershell({ path, fields }, base, keyed) {
  const key = keyed ? ` \`\n  -Headers @{ Authorization = "Bearer $env:${VARIABLE}" }` : "";
  const text = WHERE[path]
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
    new Set(["model", "messages", "max_tokens", "temperature", "top_p", "n", "stop", "seed"]),
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

function openai({ path, fields }, base, keyed) {
  const [method, known] = OPENAI[path];
  const own = Object.entries(fields).filter(([name]) => known.has(name));
  const extra = Object.fromEntries(Object.entries(fields).filter(([name]) => !known.has(name)));
  const lines = own.map(([name, value]) => `    ${name}=${python(value, "    ")},\n`);
  if (Object.keys(extra).length) lines.push(`    extra_body=${python(extra, "    ")},\n`);
  const key = keyed ? `os.environ["${VARIABLE}"]` : `"none"`;
  const text = WHERE[path]
    .map((step) => (typeof step === "number" ? `[${step}]` : `.${step}`))
    .join("");
  return `${keyed ? "import os\n\n" : ""}from openai import OpenAI

client = OpenAI(base_url="${base}/v1", api_key=${key})
answer = client.${method}.create(
${lines.join("")})
print(answer${text})
`;
}

function requests({ path, fields }, base, keyed) {
  const key = keyed
    ? `\n    headers={"Authorization": "Bearer " + os.environ["${VARIABLE}"]},`
    : "";
  const text = WHERE[path].map((step) => `[${JSON.stringify(step)}]`).join("");
  return `${keyed ? "import os\n\n" : ""}import requests

answer = requests.post(
    "${base}${path}",${key}
    json=${python(fields, "    ")},
)
answer.raise_for_status()
print(answer.json()${text})
`;
}

function javascript({ path, fields }, base, keyed) {
  const key = keyed ? `, Authorization: \`Bearer \${process.env.${VARIABLE}}\`` : "";
  const text = WHERE[path]
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
