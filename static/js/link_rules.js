// Markdown-it rules: bare URLs become links, and so do images, because external images are not
// loaded.

// A URL ends at white space, quotes, brackets and Chinese punctuation; balanced parentheses belong
// to it.
const INSIDE = String.raw`[^\s<>\x22\x27\x60{}|\\^()[\]“”‘’…—·\u3000-\u303f\uff00-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65]`;
const ADDRESS = new RegExp(String.raw`\/\/[\p{L}\p{N}](?:${INSIDE}|\(${INSIDE}*\))*`, "uy");
const NOT_AT_END = ".,;:!?*_~";

export function linkRules(reader) {
  reader.set({ linkify: true });
  reader.linkify.set({ fuzzyLink: false, fuzzyEmail: false });
  for (const scheme of ["//", "ftp:", "mailto:"]) reader.linkify.add(scheme, null);
  for (const scheme of ["http:", "https:"]) reader.linkify.add(scheme, { validate: addressLength });
  reader.renderer.rules.image = imageLink(reader.utils.escapeHtml);
}

function addressLength(text, begin) {
  ADDRESS.lastIndex = begin;
  const found = ADDRESS.exec(text)?.[0] ?? "";
  let length = found.length;
  while (length && NOT_AT_END.includes(found[length - 1])) length -= 1;
  return length;
}

// Links cannot be nested: inside a link an image becomes its description.
const imageLink = (escapeHtml) => (tokens, place, options, env, self) => {
  const address = tokens[place].attrGet("src");
  const words =
    self.renderInlineAsText(tokens[place].children, options, env) ||
    address.replace(/^(data:[^;,]*).*/, "$1");
  const around = tokens.slice(0, place).findLast(({ type }) => type.startsWith("link_"));
  return around?.type === "link_open"
    ? escapeHtml(words)
    : `<a class="image" href="${escapeHtml(address)}">${escapeHtml(words)}</a>`;
};
