// Replaces an element's children by a fragment's, and leaves equal nodes in place.
export function patchChildren(parent, fragment) {
  const next = [...fragment.childNodes];
  next.forEach((node, index) => {
    const current = parent.childNodes[index];
    if (current === undefined) parent.append(node);
    else if (!current.isEqualNode(node)) updateNode(current, node);
  });
  while (parent.childNodes.length > next.length) parent.lastChild.remove();
}

function updateNode(current, node) {
  if (!current.cloneNode(false).isEqualNode(node.cloneNode(false)) && !areTexts(current, node))
    current.replaceWith(node);
  else if (!areTexts(current, node)) patchChildren(current, node);
  else if (node.data.startsWith(current.data)) current.appendData(node.data.slice(current.length));
  else current.data = node.data;
}

const areTexts = (a, b) => a.nodeType === Node.TEXT_NODE && b.nodeType === Node.TEXT_NODE;
