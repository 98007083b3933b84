// Asking the server, and telling "it is away" from "it said no".

const ROOT = document.documentElement.dataset.root;
const PATIENCE_MS = 15_000;
const AWAY = new Set([429, 502, 503, 504]);

/** An answer that is no answer. `away` says that trying again later may help. */
export class Problem extends Error {
  constructor({ title, detail = "", code = "", status = 0, away = false, retryAfter = 0 }) {
    super(detail || title);
    Object.assign(this, { title, detail, code, status, away, retryAfter });
  }
}

/** POST a form, or anything else as JSON, and return the JSON answer; throws Problem. */
export async function post(path, body) {
  const isForm = body instanceof FormData;
  let response;
  let answer;
  try {
    response = await fetch(ROOT + path, {
      method: "POST",
      headers: { Accept: "application/json", ...(isForm ? {} : { "Content-Type": "application/json" }) },
      body: isForm ? body : JSON.stringify(body),
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    answer = await response.json();
  } catch {
    // No connection, a connection cut off, or a page from a proxy instead of JSON.
    throw new Problem({ title: "The server does not answer", away: true });
  }
  if (response.ok) return answer;
  throw new Problem({
    ...answer,
    away: AWAY.has(response.status),
    retryAfter: Number(response.headers.get("Retry-After")) || 0,
  });
}
