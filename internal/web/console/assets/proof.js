// Proves the ledger in the browser, from the bytes as they lie on the stream: every commit has the digest that its writer
// stated, and names the digest of the one before. What the replica says of itself is not asked.

async function sha256(text) {
  const sum = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return `sha256:${[...new Uint8Array(sum)].map((b) => b.toString(16).padStart(2, "0")).join("")}`;
}

// lines yields the lines of an export as they come.
async function* lines(reply) {
  const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    const parts = (rest + value).split("\n");
    rest = parts.pop();
    yield* parts;
  }
  if (rest) yield rest;
}

const mark = '"commit":'; // cannot stand before the commit in a line: quotes inside of a string are escaped

// prove reads the ledger from one position on and calls progress now and then. It ends with how many commits hold
// together, the last of them, and what is wrong first, if anything.
export async function prove(from, progress, signal) {
  if (!crypto.subtle)
    throw new Error(
      "this browser computes digests only over HTTPS or on the server's own machine; at a terminal: detour ledger verify",
    );
  const reply = await fetch(`/api/v1/ledger/export?from=${from}`, { signal });
  if (!reply.ok) throw new Error(`the ledger was not sent (${reply.status})`);
  let before = null,
    expected = from,
    checked = 0,
    last = null;
  const wrong = (what) => ({ ok: false, checked, last, wrong: `position ${expected}: ${what}` });
  for await (const line of lines(reply)) {
    let entry;
    try {
      entry = JSON.parse(line);
    } catch {
      return wrong("is not JSON");
    }
    if (entry.position !== expected) return wrong(`is missing; the next is ${entry.position}`);
    const cut = line.indexOf(mark);
    if (cut < 0) return wrong("is not a commit");
    if ((await sha256(line.slice(cut + mark.length, -1))) !== entry.digest)
      return wrong("has been altered: its digest is another");
    if (entry.commit.prev !== before && (before !== null || (from === 1 && entry.commit.prev)))
      return wrong("does not follow from the one before");
    before = entry.digest;
    checked++;
    last = { position: entry.position, digest: entry.digest };
    expected++;
    if (checked % 500 === 0) progress(checked, entry.position);
  }
  return { ok: true, checked, last };
}
