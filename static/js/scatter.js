// Texts as points on a plane: near ones are alike.
// Knows nothing about how the plane is found (pca.js).
import { drawing, element } from "./element.js";
import { count, fixed, say } from "./given.js";
import { principal } from "./pca.js";

const WIDTH = 640;
const HEIGHT = 360;
const EDGE = 36;

export function scatter(texts, vectors) {
  const { points, explained } = principal(vectors);
  const [x, y] = [0, 1].map((axis) => scale(points.map((p) => p[axis]), axis ? HEIGHT : WIDTH, axis === 1));
  const svg = drawing("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "scatter", role: "img", "aria-labelledby": "scatter-title" },
    drawing("path", { class: "axes", d: `M${EDGE} ${HEIGHT / 2}H${WIDTH - EDGE}M${WIDTH / 2} ${EDGE}V${HEIGHT - EDGE}` }),
    ...points.map((point, i) => mark(i, x(point[0]), y(point[1]), texts[i])));
  const share = fixed((explained[0] + explained[1]) * 100, 0);
  const legend = element("ol", { class: "legend" }, ...texts.map((text) => element("li", { dir: "auto" }, text)));
  return element("section", { class: "view", "aria-labelledby": "scatter-title" },
    element("h2", { id: "scatter-title" }, say("plane")),
    element("p", { class: "hint" }, say("plane_hint", { share })),
    element("div", { class: "scatter-place" }, svg, legend));
}

function mark(place, x, y, text) {
  const number = drawing("text", { x, y: y + 4.5 });
  number.textContent = count(place + 1);
  const title = drawing("title");
  title.textContent = text;
  return drawing("g", { class: "point" }, title, drawing("circle", { cx: x, cy: y, r: 13 }), number);
}

function scale(values, size, flipped) {
  const most = Math.max(...values.map(Math.abs)) || 1;
  return (value) => size / 2 + ((flipped ? -value : value) / most) * (size / 2 - EDGE);
}
