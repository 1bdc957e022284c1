// Everything can be done from the keyboard: with Tab and Enter as everywhere, and faster with these.

import { h } from "./dom.js";
import { freeze } from "./orders.js";

const help = [
  ["j / k", "next, previous card or row"],
  ["Enter", "open it"],
  ["a  r  x  u", "approve, reject, abort, undrain it"],
  ["f", "freeze"],
  ["g n  g i  g d  g h  g w  g l  g p", "go to now, incidents, drains, hand-over, why, ledger, policy"],
  ["/", "search the ledger"],
  ["Esc", "close a dialog, leave a field"],
  ["?", "this"],
];
const acts = { a: "approve", r: "reject", x: "abort", u: "undrain" };
const places = { n: "/", i: "/incidents", d: "/drains", h: "/handover", w: "/why", l: "/ledger", p: "/policy" };

function explain() {
  const box = h(
    "dialog",
    { "aria-label": "Keys" },
    h(
      "form",
      { method: "dialog" },
      h("h2", {}, "Keys"),
      h(
        "dl",
        { class: "keys" },
        help.map(([key, what]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, what)]),
      ),
      h("div", { class: "row" }, h("button", {}, "Close")),
    ),
  );
  box.addEventListener("close", () => box.remove());
  document.body.append(box);
  box.showModal();
}

function step(by) {
  const cards = [...document.querySelectorAll("main [data-id]")];
  if (!cards.length) return;
  const current = document.activeElement?.closest("[data-id]");
  const n = current ? Math.max(0, Math.min(cards.length - 1, cards.indexOf(current) + by)) : by > 0 ? 0 : cards.length - 1;
  cards[n].focus();
  cards[n].scrollIntoView({ block: "nearest" });
}

function act(name) {
  const focused = document.activeElement?.closest("[data-id]");
  const holder = focused ?? document.querySelector("main .lead") ?? document.querySelector("main [data-id].needs");
  const buttons = [...(holder?.querySelectorAll("button[data-act]") ?? [])];
  const button = buttons.find((b) => b.dataset.act === name && !b.disabled);
  if (button) button.click();
}

// listen hears keys for the whole document; go turns to a page.
export function listen(go) {
  let led = false; // g was pressed last
  document.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || document.querySelector("dialog[open]")) return;
    if (e.target.matches("input, select, textarea")) {
      if (e.key === "Escape") e.target.blur();
      return;
    }
    if (led && places[e.key]) {
      led = false;
      e.preventDefault();
      go(places[e.key]);
      return;
    }
    led = false;
    if (e.key === "Enter" && e.target.matches("[data-id]")) go(`/incidents/${encodeURIComponent(e.target.dataset.id)}`);
    else if (e.key === "g") led = true;
    else if (e.key === "j") step(1);
    else if (e.key === "k") step(-1);
    else if (e.key === "f") document.querySelector("#top [data-act=freeze]").disabled || freeze();
    else if (e.key === "?") explain();
    else if (e.key === "/") {
      e.preventDefault();
      if (location.pathname !== "/ledger") go("/ledger"); // what was found stays
      document.getElementById("search")?.focus();
    } else if (acts[e.key]) act(acts[e.key]);
    else return;
    e.preventDefault();
  });
}
