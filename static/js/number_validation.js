// Whether a number box holds what the API takes, and how the range is told where it does not.
// Knows nothing about parameters: the box carries its range.
import { t } from "./bootstrap.js";

// The name of the sentence for the range; null where there is none, the box is empty or right.
export function rangeViolation(input) {
  const { min, max, integer, exclusiveMin } = input.dataset;
  if (min === undefined || input.value.trim() === "") return null;
  const number = Number(input.value);
  const low = exclusiveMin === undefined ? number >= min : number > Number(min);
  const right =
    low && !(number > Number(max)) && (integer === undefined || Number.isInteger(number));
  if (right) return null;
  if (integer !== undefined) return max === undefined ? "field_integer_min" : "field_integer_range";
  return exclusiveMin === undefined ? "field_range" : "field_exclusive_min";
}

// The sentence itself; "" where there is none to tell.
export function rangeMessage(input) {
  const name = rangeViolation(input);
  const { min, max } = input.dataset;
  return name ? t(`error_${name}`, { field: input.labels[0].textContent.trim(), min, max }) : "";
}
