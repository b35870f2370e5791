// Sends requests to this server and turns every failure into an ApiError.

import { apiKey, ensureKey } from "./api_key.js";
import { bootstrap } from "./bootstrap.js";

export const baseUrl = () => location.origin + bootstrap.root;

// An error response, or a network failure (`status` 0).
export class ApiError extends Error {
  constructor(status, { message = "", param = null, code = null } = {}, retryAfter = null) {
    super(message);
    Object.assign(this, { status, param, code, retryAfter });
  }
}

// Returns a successful response. `body` is JSON text, sent as it is; without one the method is GET.
// Asks for the API key first where one is needed, except for background requests.
export async function apiFetch(path, { body, signal, background = body === undefined } = {}) {
  if (!background && !(await ensureKey())) throw new ApiError(401, { code: "invalid_api_key" });
  const headers = body === undefined ? {} : { "Content-Type": "application/json" };
  if (apiKey()) headers.Authorization = `Bearer ${apiKey()}`;
  const method = body === undefined ? "GET" : "POST";
  let response;
  try {
    response = await fetch(bootstrap.root + path, { method, headers, body, signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, { code: "network" });
  }
  if (!response.ok) throw await toApiError(response);
  return response;
}

export async function apiFetchJson(path, options) {
  const response = await apiFetch(path, options);
  return response.json();
}

async function toApiError(response) {
  const text = await response.text();
  let error = {};
  try {
    error = JSON.parse(text).error ?? {};
  } catch {
    // For example a proxy's HTML page: the status is enough.
  }
  return new ApiError(response.status, error, response.headers.get("Retry-After"));
}
