// Markdown-it rules: bare URLs become links, and so do images, because external images are not
// loaded.

// A URL ends at white space, quotes, brackets and Chinese punctuation; balanced parentheses belong
// to it.
const INSIDE = String.raw`[^\s<>\x22\x27\x60{}|\\^()[\]“”‘’…—·\u3000-\u303f\uff00-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65]`;
const ADDRESS = new RegExp(String.raw`\/\/[\p{L}\p{N}](?:${INSIDE}|\(${INSIDE}*\))*`, "uy");
const NOT_AT_END = ".,;:!?*_~";

export function linkRules(md) {
  md.set({ linkify: true });
  md.linkify.set({ fuzzyLink: false, fuzzyEmail: false });
  for (const scheme of ["//", "ftp:", "mailto:"]) md.linkify.add(scheme, null);
  for (const scheme of ["http:", "https:"]) md.linkify.add(scheme, { validate: addressLength });
  md.renderer.rules.image = imageLink(md.utils.escapeHtml);
}

function addressLength(text, begin) {
  ADDRESS.lastIndex = begin;
  const match = ADDRESS.exec(text)?.[0] ?? "";
  let length = match.length;
  while (length && NOT_AT_END.includes(match[length - 1])) length -= 1;
  return length;
}

// Links cannot be nested: inside a link an image becomes its description.
const imageLink = (escapeHtml) => (tokens, index, options, env, self) => {
  const address = tokens[index].attrGet("src");
  const label =
    self.renderInlineAsText(tokens[index].children, options, env) ||
    address.replace(/^(data:[^;,]*).*/, "$1");
  const lastLink = tokens.slice(0, index).findLast(({ type }) => type.startsWith("link_"));
  return lastLink?.type === "link_open"
    ? escapeHtml(label)
    : `<a class="image" href="${escapeHtml(address)}">${escapeHtml(label)}</a>`;
};
