// Follows the event stream and fetches the page anew when something has changed: at most one fetch is under way, and
// another follows if something changed meanwhile.
"use strict";
(() => {
  const live = document.getElementById("live");
  let fetching = false, again = false;

  async function refresh() {
    if (fetching) { again = true; return; }
    fetching = true;
    try {
      do {
        again = false;
        const reply = await fetch("/", { headers: { Accept: "text/html" } });
        if (!reply.ok) throw new Error(reply.statusText);
        const page = new DOMParser().parseFromString(await reply.text(), "text/html");
        for (const part of ["header", "main", "footer"]) {
          const old = document.querySelector(part), now = page.querySelector(part);
          if (part !== "header") old.replaceWith(now);
          else for (const [i, chip] of [...now.children].entries()) {
            if (old.children[i] && old.children[i].id !== "live") old.children[i].replaceWith(chip);
          }
        }
        document.title = page.title;
      } while (again);
    } catch {
      again = false;
    } finally {
      fetching = false;
    }
  }

  const stream = new EventSource("/api/v1/stream");
  stream.addEventListener("open", () => { live.textContent = "· following"; });
  stream.addEventListener("error", () => { live.textContent = "· connection lost, trying again"; });
  stream.addEventListener("change", refresh);
})();
