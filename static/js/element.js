// Builds DOM elements; text is never parsed as markup.
export function element(tag, attributes = {}, ...children) {
  const created = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) created.addEventListener(name.slice(2), value);
    else if (value === true) created.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined)
      created.setAttribute(name, value);
  }
  created.append(...children.filter((child) => child !== null && child !== undefined));
  return created;
}

const SVG = "http://www.w3.org/2000/svg";

export function svgElement(tag, attributes = {}, ...children) {
  const created = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) created.setAttribute(name, value);
  created.append(...children);
  return created;
}

export function icon(name) {
  return svgElement(
    "svg",
    { class: "icon", "aria-hidden": "true" },
    svgElement("use", { href: `#i-${name}` }),
  );
}

// An icon button with an accessible name.
export function iconButton(name, label, onClick, attributes = {}) {
  const allAttributes = {
    type: "button",
    class: "quiet",
    title: label,
    "aria-label": label,
    ...attributes,
  };
  return element("button", { ...allAttributes, onclick: onClick }, icon(name));
}

// Does not move elements that are in place already: a moved element loses its focus.
export function syncChildren(list, elements) {
  elements.forEach((each, index) => {
    if (list.children[index] !== each) list.insertBefore(each, list.children[index] ?? null);
  });
  while (list.children.length > elements.length) list.lastChild.remove();
}

export const byId = (id) => document.getElementById(id);
