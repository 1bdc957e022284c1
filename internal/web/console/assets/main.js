// Starts the console and turns its pages.

import { h, show } from "./dom.js";
import * as drains from "./drains.js";
import * as handover from "./handover.js";
import * as incident from "./incident.js";
import * as incidents from "./incidents.js";
import { listen } from "./keys.js";
import * as link from "./link.js";
import * as ledger from "./ledger.js";
import { follow, identify, state, subscribe } from "./live.js";
import * as first from "./now.js";
import { say } from "./orders.js";
import * as policy from "./policy.js";
import { head, refresh, tick, turn, whoever } from "./top.js";
import * as why from "./why.js";

const stage = document.getElementById("page");
let page = null;

function open() {
  const { pathname, search } = location;
  page?.leave?.();
  say("");
  turn(pathname);
  const [, name, id] = pathname.split("/");
  if (state.barred) {
    page = null;
    show(
      stage,
      h(
        "section",
        { class: "welcome" },
        h("h1", {}, "Detour"),
        h("p", {}, state.login?.provider ? "Sign in to look and to decide." : "Sign in with your token to look and to decide."),
        h("p", { class: "note" }, "From a terminal: ", h("code", {}, "detour incidents --token-file FILE")),
      ),
    );
    return;
  }
  switch (name) {
    case "":
      page = first.page(stage);
      break;
    case "incidents":
      page = id ? incident.page(stage, decodeURIComponent(id)) : incidents.page(stage);
      break;
    case "drains":
      page = drains.page(stage);
      break;
    case "handover":
      page = handover.page(stage, new URLSearchParams(search));
      break;
    case "why":
      page = why.page(stage, id ? decodeURIComponent(id) : "", go);
      break;
    case "ledger":
      page = ledger.page(stage, new URLSearchParams(search));
      break;
    case "link":
      page = link.page(stage);
      break;
    case "policy":
      page = policy.page(stage);
      break;
  }
  if (name !== "") document.title = `${page.title} · Detour`;
  page.refresh();
  tick();
}

function go(path) {
  history.pushState(null, "", path);
  open();
  stage.focus();
  page?.focus?.();
  scrollTo(0, 0);
}

document.addEventListener("click", (e) => {
  const link = e.target.closest?.("a[href^='/']");
  if (
    !link ||
    link.hasAttribute("download") ||
    link.pathname.startsWith("/api/") ||
    e.button ||
    e.ctrlKey ||
    e.metaKey ||
    e.shiftKey
  )
    return;
  e.preventDefault();
  go(link.pathname + link.search);
});
addEventListener("popstate", () => {
  link.keep();
  open();
});

link.keep();
head();
listen(go);
setInterval(tick, 500);
setInterval(refresh, 2000);
let was = true; // barred
subscribe(() => {
  refresh();
  whoever();
  if (was !== Boolean(state.barred)) {
    was = Boolean(state.barred);
    open();
  } else page?.refresh();
  tick();
});

async function begin() {
  try {
    await identify();
  } catch {
    setTimeout(begin, 2000);
    return;
  }
  was = Boolean(state.barred);
  whoever();
  refresh();
  open();
  if (state.session) follow();
}
begin();
