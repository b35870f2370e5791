// Replaces an element's children by a fragment's, and leaves equal nodes in place.
export function patchChildren(place, wanted) {
  const next = [...wanted.childNodes];
  next.forEach((node, at) => {
    const old = place.childNodes[at];
    if (old === undefined) place.append(node);
    else if (!old.isEqualNode(node)) renew(old, node);
  });
  while (place.childNodes.length > next.length) place.lastChild.remove();
}

function renew(old, node) {
  if (!old.cloneNode(false).isEqualNode(node.cloneNode(false)) && !bothTexts(old, node))
    old.replaceWith(node);
  else if (!bothTexts(old, node)) patchChildren(old, node);
  else if (node.data.startsWith(old.data)) old.appendData(node.data.slice(old.length));
  else old.data = node.data;
}

const bothTexts = (a, b) => a.nodeType === Node.TEXT_NODE && b.nodeType === Node.TEXT_NODE;
