// What stands above every page: the mode, how old the data is, who looks, and everything that stops Detour from acting.

import { part, remove } from "./api.js";
import { control, h, show, sync } from "./dom.js";
import { clock, remaining, short, span } from "./format.js";
import { age, follow, identify, now, stale, state } from "./live.js";
import { entry, freeze, gate, say, signIn, thaw } from "./orders.js";

const places = [
  ["/", "Now"],
  ["/incidents", "Incidents"],
  ["/drains", "Drains"],
  ["/handover", "Hand-over"],
  ["/why", "Why"],
  ["/ledger", "Ledger"],
  ["/policy", "Policy"],
];

const mode = h("span", { class: "chip mode", id: "mode" }, "…");
const fresh = h("span", { class: "chip age", id: "age", role: "status" }, "connecting");
const person = h("span", { class: "person" });
const nav = h(
  "nav",
  { "aria-label": "Pages" },
  places.map(([path, name]) => h("a", { href: path }, name)),
);

// head builds the header, once.
export function head() {
  show(
    document.getElementById("top"),
    h(
      "a",
      { class: "brand", href: "/", "aria-label": "Detour" },
      h("img", { src: "/assets/icon.svg", alt: "", width: "20", height: "20" }),
      "Detour",
    ),
    mode,
    fresh,
    control("Freeze", "freeze", "operator", freeze, "freeze"),
    nav,
    person,
    dye,
  );
  paint(localStorage.getItem("theme") === "light");
}

// turn marks where we are.
export function turn(path) {
  for (const a of nav.children) {
    const here = a.getAttribute("href") === "/" ? path === "/" : path.startsWith(a.getAttribute("href"));
    if (here) a.setAttribute("aria-current", "page");
    else a.removeAttribute("aria-current");
  }
}

async function renew() {
  await identify();
  whoever();
  follow();
}

export const enter = (how = {}) => signIn(renew, how);
entry.open = enter;

// leave signs out. The browser has forgotten its session in any case; whether others have, too, is said.
async function leave(path) {
  let said = "";
  try {
    const { leave } = await remove(path);
    if (leave && confirm("Sign out of the provider as well? Otherwise whoever uses this browser next may come in as you.")) {
      location.assign(leave);
      return;
    }
  } catch (problem) {
    said = `Signed out in this browser alone: ${problem.message}. ${problem.remedy ?? ""}`;
  }
  await renew();
  say(said);
}

// The screen is dark unless this browser was told otherwise.
const dye = h(
  "button",
  {
    type: "button",
    class: "quiet",
    "data-act": "theme",
    "aria-label": "Dark or light",
    title: "dark or light",
    click: () => paint(document.documentElement.dataset.theme !== "light"),
  },
  "◐",
);

function paint(light) {
  document.documentElement.dataset.theme = light ? "light" : "dark";
  localStorage.setItem("theme", document.documentElement.dataset.theme);
}

// whoever shows who looks.
export function whoever() {
  const s = state.session;
  if (s?.signed_in) {
    show(
      person,
      h("a", { class: "name", href: "/link", title: "your accounts in the chat" }, s.name),
      s.again && h("button", { type: "button", "data-act": "sign-in-again", title: "what you may do has to be asked of the provider anew", click: () => enter() }, "Sign in again"),
      h(
        "button",
        {
          type: "button",
          class: "quiet",
          "data-act": "sign-out",
          click: () => leave("session"),
        },
        "Sign out",
      ),
      h(
        "button",
        {
          type: "button",
          class: "quiet",
          "data-act": "sign-out-everywhere",
          title: "end every session of yours, in every browser",
          click: () => leave("session?everywhere=true"),
        },
        "everywhere",
      ),
    );
  } else {
    const idle = s && !s.can_sign_in;
    show(
      person,
      h("span", { class: "name" }, s ? "looking only" : ""),
      !idle && h("button", { type: "button", "data-act": "sign-in", click: () => enter() }, "Sign in"),
    );
  }
  gate();
}

const soon = 5 * 60_000; // milliseconds before an end from which on it is marked

// tick shows how old the data is; it is called twice a second and with every change.
export function tick() {
  const late = stale();
  document.body.dataset.stale = String(late);
  fresh.className = `chip age ${late ? "bad" : "ok"}`;
  const old = age();
  if (state.barred) show(fresh, "not signed in");
  else if (old === Infinity) show(fresh, "no data yet");
  else show(fresh, late ? `STALE: ${span(old)} old` : `live, ${span(old)} old`);
  for (const e of document.querySelectorAll("[data-until]")) {
    const text = remaining(e.dataset.until);
    if (e.textContent !== text) e.textContent = text;
    e.classList.toggle("soon", Date.parse(e.dataset.until) - now() < soon);
  }
  for (const e of document.querySelectorAll("[data-since]")) e.textContent = span(now() - Date.parse(e.dataset.since));
  gate();
}

const banner = (kind, title, text) => ({ kind, title, text: text ?? "" });

// names are the first of some incidents, and how many more there are.
function names(label, list) {
  const more = list.count - list.first.length;
  return h(
    "span",
    { class: "held" },
    `${label}: `,
    list.count === 0 ? "nothing" : list.first.map((id) => [h("a", { href: `/incidents/${part(id)}` }, id), " "]),
    more > 0 && `and ${more} more`,
  );
}

// banners lists everything that is loud.
function loud() {
  const list = [],
    st = state.status;
  if (state.barred) list.push(banner("bad", "Sign in to look", "This replica shows nothing to callers without a token."));
  if (stale() && !state.barred && Number.isFinite(age())) {
    list.push(
      banner(
        "bad",
        state.linked ? "Nothing has come for a while" : "Connection lost",
        "What is shown is old and no order can be given from here. At a terminal, another replica answers: detour --server URL.",
      ),
    );
  }
  for (const f of state.freezes)
    list.push({
      ...banner(
        "frozen",
        `FROZEN: ${f.scope}`,
        `${f.reason} · by ${f.by.name}${f.by.via ? ` (${f.by.via})` : ""} since ${clock(f.since)}`,
      ),
      freeze: f,
    });
  for (const w of state.windows.filter((w) => Date.parse(w.until) > now())) {
    list.push({
      ...banner("warn", `Maintenance: ${w.scope}`, `plans are dry-run there until ${clock(w.until)}: ${w.reason} · by ${w.by.name}`),
      window: w.id,
    });
  }
  if (!st) return list;
  if (!st.bus_connected)
    list.push(
      banner(
        "bad",
        "Bus lost",
        "This replica is not connected to NATS and is trying again; no order can be recorded through it.",
      ),
    );
  if (!st.caught_up) list.push(banner("bad", "Catching up", "This replica is still reading the ledger."));
  if (st.unwritten) list.push(banner("bad", "The ledger takes no record", st.unwritten));
  if (st.halted) list.push(banner("bad", "Not acting", st.halted));
  if (!st.policy) list.push(banner("bad", "No policy", "None is loaded."));
  if (st.policy_refused)
    list.push(
      banner(
        "warn",
        "Policy refused",
        `${st.policy_from} is not taken, ${short(st.policy)} stays in force: ${st.policy_refused}`,
      ),
    );
  if (st.chat && st.chat !== "connected") list.push(banner("warn", "Chat away", `No button works there: ${st.chat}`));
  return list;
}

const banners = document.getElementById("banners");

// refresh shows the state above the page.
export function refresh() {
  const st = state.status;
  const live = st?.mode === "live";
  mode.className = `chip mode ${live ? "live" : "dry"}`;
  show(mode, st ? (live ? "LIVE" : "DRY RUN") : "…");
  mode.title = st ? `replica ${st.replica}, ledger position ${state.position}, ${clock(new Date(now()).toISOString())}` : "";
  sync(
    banners,
    loud(),
    (b) => b.window ?? b.title,
    (b) =>
      h(
        "div",
        { class: `banner ${b.kind}` },
        h("strong", {}, b.title),
        h("span", {}, b.text),
        b.freeze && [names("waiting", b.freeze.waiting), names("expired meanwhile", b.freeze.expired)],
        b.freeze && control("Thaw", `thaw ${b.freeze.scope}`, "operator", () => thaw(b.freeze)),
      ),
  );
  tick();
}
