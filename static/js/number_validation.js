// Whether a number box holds what the API takes, and how the range is told where it does not.
// Knows nothing about parameters: the box carries its range.
import { t } from "./bootstrap.js";

// The name of the sentence for the range; null where there is none, the box is empty or right.
export function rangeViolation(input) {
  const { least, most, whole, above } = input.dataset;
  if (least === undefined || input.value.trim() === "") return null;
  const number = Number(input.value);
  const low = above === undefined ? number >= least : number > Number(least);
  const right =
    low && !(number > Number(most)) && (whole === undefined || Number.isInteger(number));
  if (right) return null;
  if (whole !== undefined) return most === undefined ? "field_whole_least" : "field_whole_range";
  return above === undefined ? "field_range" : "field_above";
}

// The sentence itself; "" where there is none to tell.
export function rangeMessage(input) {
  const name = rangeViolation(input);
  const { least, most } = input.dataset;
  return name ? t(`error_${name}`, { field: input.labels[0].textContent.trim(), least, most }) : "";
}
