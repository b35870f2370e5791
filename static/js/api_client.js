// Sends requests to this server and turns every failure into a Refusal.
// Knows nothing about what is asked or answered.

import { apiKey, ensureKey } from "./api_key.js";
import { bootstrap } from "./bootstrap.js";

export const baseUrl = () => location.origin + bootstrap.root;

// What the server, or the network, said instead of an answer; `status` 0 is the network.
export class ApiError extends Error {
  constructor(status, { message = "", param = null, code = null } = {}, retryAfter = null) {
    super(message);
    Object.assign(this, { status, param, code, retryAfter });
  }
}

// A response whose status is good. `body` is JSON text, sent as it is; without one it is a GET.
// Where a key is needed the person is asked for it first, but not by what they did not ask for.
export async function apiFetch(path, { body, signal, unasked = body === undefined } = {}) {
  if (!unasked && !(await ensureKey())) throw new ApiError(401, { code: "invalid_api_key" });
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
  if (!response.ok) throw await refusal(response);
  return response;
}

export async function apiFetchJson(path, options) {
  const response = await apiFetch(path, options);
  return response.json();
}

async function refusal(response) {
  const text = await response.text();
  let error = {};
  try {
    error = JSON.parse(text).error ?? {};
  } catch {
    // A proxy's page, say: the status tells enough.
  }
  return new ApiError(response.status, error, response.headers.get("Retry-After"));
}
