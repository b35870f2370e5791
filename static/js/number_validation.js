// Validates number inputs against the range in their data attributes.
import { t } from "./bootstrap.js";

// The key of the violated range's text; null if the value is empty or valid.
export function rangeViolation(input) {
  const { min, max, integer, exclusiveMin } = input.dataset;
  if (min === undefined || input.value.trim() === "") return null;
  const value = Number(input.value);
  const isAboveMin = exclusiveMin === undefined ? value >= min : value > Number(min);
  const isValid =
    isAboveMin && !(value > Number(max)) && (integer === undefined || Number.isInteger(value));
  if (isValid) return null;
  if (integer !== undefined) return max === undefined ? "field_integer_min" : "field_integer_range";
  return exclusiveMin === undefined ? "field_range" : "field_exclusive_min";
}

// The text itself; "" if the value is valid.
export function rangeMessage(input) {
  const name = rangeViolation(input);
  const { min, max } = input.dataset;
  return name ? t(`error_${name}`, { field: input.labels[0].textContent.trim(), min, max }) : "";
}
