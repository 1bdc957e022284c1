// Asks the API. What it answers instead of what was asked for is thrown as a Problem, an RFC 9457 document.

export class Problem extends Error {
  constructor(document) {
    super(document.detail ?? document.title);
    Object.assign(this, { status: document.status, title: document.title, remedy: document.remedy, type: document.type });
  }
}

let csrf = "";

// within sets what the session gave this page to prove that it is the console.
export function within(session) {
  csrf = session?.csrf ?? "";
}

const patience = 20_000; // milliseconds

async function ask(method, path, body) {
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (method !== "GET" && csrf) headers["Detour-CSRF"] = csrf;
  let reply;
  try {
    reply = await fetch(`/api/v1/${path}`, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: "same-origin",
      signal: AbortSignal.timeout(patience),
    });
  } catch (cause) {
    throw new Problem({
      status: 0,
      title: "No answer",
      detail: `this replica does not answer (${cause.name})`,
      remedy:
        method === "GET"
          ? "the console goes on trying"
          : "nobody can tell from here whether it was recorded: look again before you repeat it",
    });
  }
  const isJSON = /json/.test(reply.headers.get("Content-Type") ?? "");
  const answer = isJSON ? await reply.json() : {};
  if (!reply.ok) throw new Problem({ status: reply.status, title: reply.statusText, ...answer });
  return answer;
}

export const get = (path) => ask("GET", path);
export const post = (path, body) => ask("POST", path, body);
export const remove = (path) => ask("DELETE", path);
export const part = encodeURIComponent;
