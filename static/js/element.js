// Builds DOM elements; text is never parsed as markup.
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined)
      made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

const SVG = "http://www.w3.org/2000/svg";

export function svgElement(tag, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

export function icon(name) {
  return svgElement(
    "svg",
    { class: "icon", "aria-hidden": "true" },
    svgElement("use", { href: `#i-${name}` }),
  );
}

// An icon button with an accessible name.
export function iconButton(name, label, pressed, attributes = {}) {
  const own = { type: "button", class: "quiet", title: label, "aria-label": label, ...attributes };
  return element("button", { ...own, onclick: pressed }, icon(name));
}

// Does not move elements that are in place already: a moved element loses its focus.
export function syncChildren(list, elements) {
  elements.forEach((each, place) => {
    if (list.children[place] !== each) list.insertBefore(each, list.children[place] ?? null);
  });
  while (list.children.length > elements.length) list.lastChild.remove();
}

export const byId = (id) => document.getElementById(id);
