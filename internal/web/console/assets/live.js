// Follows the event stream and knows how old what is shown is.

import { get, within } from "./api.js";

// state is everything that is known of the service now.
export const state = {
  incidents: new Map(), // those that are open, by id
  freezes: [],
  windows: [],
  status: null,
  position: 0,
  session: null,
  login: null, // how people sign in
  skew: 0, // the server's clock less this machine's, in milliseconds
  heard: -Infinity, // when the server was last heard, by performance.now
  linked: false,
};

// A stream beats every few seconds. After silentAfter without anything, or lostAfter on a connection that is known to be
// gone, what is shown is stale.
const silentAfter = 10_000,
  lostAfter = 1_500,
  again = 2_000;

export const now = () => Date.now() + state.skew;
export const age = () => performance.now() - state.heard;
export const stale = () => age() > (state.linked ? silentAfter : lostAfter);

const readers = new Set();

// subscribe calls fn with every change, until the returned function is called.
export function subscribe(fn) {
  readers.add(fn);
  return () => readers.delete(fn);
}

function tell(change) {
  for (const fn of [...readers]) fn(change);
}

function hear(at) {
  state.heard = performance.now();
  state.linked = true;
  if (at) state.skew = Date.parse(at) - Date.now();
}

function take(change) {
  hear(change.at);
  if (change.position < state.position) state.incidents.clear(); // another ledger
  for (const i of change.incidents) {
    if (i.phase === "closed") state.incidents.delete(i.id);
    else state.incidents.set(i.id, i);
  }
  Object.assign(state, { position: change.position, freezes: change.freezes, windows: change.windows, status: change.status });
  tell(change);
}

let source = null;

// follow opens the stream anew.
export function follow() {
  source?.close();
  const mine = new EventSource("/api/v1/stream");
  source = mine;
  let first = true;
  mine.addEventListener("change", (e) => {
    if (first) state.incidents.clear();
    first = false;
    take(JSON.parse(e.data));
  });
  mine.addEventListener("beat", (e) => hear(JSON.parse(e.data).at));
  mine.addEventListener("error", () => {
    state.linked = false;
    tell(null);
    // A browser tries again by itself, but not after an answer that was no stream: signed out, or a replica that ends.
    if (mine.readyState === EventSource.CLOSED) setTimeout(() => mine === source && revisit(), again);
  });
}

async function revisit() {
  try {
    await identify();
  } catch {
    // said by identify's callers when a person asks; here the age in the header says it
  }
  if (state.session) follow();
  else if (state.barred) tell(null);
  else setTimeout(revisit, again);
}

// identify finds out who looks. barred says that nobody may without a token.
export async function identify() {
  try {
    state.login = await get("login");
    state.session = await get("session");
    state.barred = false;
    state.skew = Date.parse(state.session.at) - Date.now();
  } catch (problem) {
    state.session = null;
    state.barred = problem.status === 401;
    if (!state.barred) throw problem;
  } finally {
    within(state.session);
  }
}

// may reports whether who looks has a role.
export const may = (role) => Boolean(state.session?.roles.includes(role));
