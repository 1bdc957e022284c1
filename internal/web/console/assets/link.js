// Links an account of a chat to whoever has signed in, and shows which are linked.

import { get, part, post, remove } from "./api.js";
import { h, show } from "./dom.js";
import { clock } from "./format.js";
import { may, state } from "./live.js";
import { entry, say } from "./orders.js";

// keep takes what the chat has put behind the # out of the address, and keeps it in this tab for as long as it takes to sign in.
export function keep() {
  const given = location.hash.slice(1);
  if (location.pathname !== "/link" || !given) return;
  sessionStorage.setItem("ticket", given);
  history.replaceState(null, "", location.pathname);
}

const forget = () => sessionStorage.removeItem("ticket");

export function page(stage) {
  const ticket = sessionStorage.getItem("ticket");
  const question = h("section", { id: "question" });
  const list = h("section", { id: "links" });
  show(stage, h("h1", {}, "Chat accounts"), question, list);

  const wrong = (problem) => {
    const again = problem.type?.endsWith(":sign-in-again");
    show(
      question,
      h(
        "p",
        { class: "wrong", role: "alert" },
        h("b", {}, problem.title ?? "Not done"),
        ` ${problem.message}. ${problem.remedy ?? ""} `,
        again && h("button", { type: "button", "data-act": "sign-in-again", click: () => entry.open({ anew: true }) }, "Sign in again"),
      ),
    );
    if (!again) forget();
  };

  async function ask() {
    if (!ticket) return;
    if (!state.session?.signed_in) {
      show(
        question,
        h("p", {}, "Sign in to link your account."),
        h("button", { type: "button", class: "primary", "data-act": "sign-in-first", click: () => entry.open() }, "Sign in"),
      );
      return;
    }
    try {
      const { link } = await post("links", { ticket });
      const go = h("button", { type: "button", class: "primary", "data-act": "link", click: confirm }, `This account is mine, ${link.person}`);
      show(
        question,
        h("h3", {}, `Is this ${link.chat} account yours?`),
        h("p", { class: "sentence" }, `${link.name || link.account} (${link.account}), in the workspace ${link.team}`),
        h("p", {}, `Whoever presses a button through it will decide as ${link.person}. Go on only if you pressed one there yourself just now.`),
        h(
          "div",
          { class: "row" },
          go,
          h("button", { type: "button", class: "quiet", "data-act": "not-mine", click: () => (forget(), show(question)) }, "It is not"),
        ),
      );
    } catch (problem) {
      wrong(problem);
    }
  }

  async function confirm() {
    try {
      const { link, position } = await post("links", { ticket, confirm: true });
      forget();
      show(question);
      say(`${link.account} is linked to ${link.person}, recorded at position ${position}`);
      await refresh();
    } catch (problem) {
      wrong(problem);
    }
  }

  async function takeBack(l) {
    try {
      const done = await remove(`links/${part(l.chat)}/${part(l.team)}/${part(l.account)}`);
      say(`${l.account} is linked no more, recorded at position ${done.position}`);
      await refresh();
    } catch (problem) {
      wrong(problem);
    }
  }

  async function refresh() {
    let links;
    try {
      ({ links } = await get("links"));
    } catch {
      return; // the age in the header says why
    }
    const mine = (l) => state.session?.signed_in && (l.person === state.session.name || may("admin"));
    show(
      list,
      h("h2", {}, "Linked"),
      links.length === 0 && h("p", { class: "note" }, "No account is linked. Press a button in the chat: whoever is not known there is given an address to link theirs."),
      h(
        "ul",
        { class: "links" },
        links.map((l) =>
          h(
            "li",
            { "data-id": `${l.chat} ${l.account}` },
            `${l.account} in ${l.chat} (${l.team}) is ${l.person}, since ${clock(l.at)} `,
            mine(l) && h("button", { type: "button", class: "quiet", "data-act": "unlink", click: () => takeBack(l) }, "Take back"),
          ),
        ),
      ),
    );
  }

  let who;
  return {
    title: "Chat accounts",
    refresh: () => {
      if (who === (state.session?.name ?? "")) return; // it changes by what is done here, and by who looks
      who = state.session?.name ?? "";
      ask();
      refresh();
    },
  };
}
