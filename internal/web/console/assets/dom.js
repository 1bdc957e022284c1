// The only way in which text reaches the document: as text. Whatever came over the wire may have been written by a
// stranger, so characters that show nothing, or that turn the direction of writing, are shown by their numbers.

const invisible = new RegExp(
  "[" +
    "\\u0000-\\u001f\\u007f-\\u009f" + // controls
    "\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069" + // direction
    "\\u00ad\\u034f\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u200b-\\u200d\\u2028\\u2029\\u2060-\\u2065\\u206a-\\u206f" + // nothing to see
    "\\u2800\\u3164\\ufe00-\\ufe0f\\ufeff\\uffa0\\ufff0-\\ufffb\\u{e0000}-\\u{e0fff}" +
    "\\ud800-\\udfff" + // halves of a pair
    "]",
  "gu",
);

// plain is text that can do nothing but be read.
export function plain(value) {
  return String(value ?? "").replace(invisible, (c) => {
    if (c === "\n" || c === "\t") return " ";
    return `⟨${c.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`;
  });
}

const svgNamespace = "http://www.w3.org/2000/svg";

// h makes an HTML element: h("p", {class: "note"}, "text", child). What is null or false is left out.
export function h(tag, attributes, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

// s makes an SVG element.
export function s(tag, attributes, ...children) {
  return fill(document.createElementNS(svgNamespace, tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name, value);
    else if (name === "href" && !/^(\/(?!\/)|#)/.test(value)) throw new Error(`a link to ${value} would leave the console`);
    else element.setAttribute(name, value === true ? "" : plain(value));
  }
  add(element, children);
  return element;
}

function add(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : plain(child));
  }
}

// show replaces what an element holds.
export function show(element, ...children) {
  element.replaceChildren();
  add(element, children);
}

// sync makes the children of parent one for each item, in their order. A child whose item has not changed stays the same
// element, with its focus and what is open in it; one that is made anew takes the focus over. Keys should differ: of several
// items that have one, all but the first are made anew each time.
export function sync(parent, items, keyOf, make) {
  const had = new Map();
  for (const child of [...parent.children]) {
    if (had.has(child.key)) child.remove();
    else had.set(child.key, child);
  }
  let at = parent.firstElementChild;
  for (const item of items) {
    const key = keyOf(item),
      signature = JSON.stringify(item);
    let child = had.get(key);
    had.delete(key);
    if (!child || child.signature !== signature) {
      const fresh = make(item);
      fresh.key = key;
      fresh.signature = signature;
      if (child) {
        const focused = child.contains(document.activeElement) ? document.activeElement : null;
        child.replaceWith(fresh);
        if (at === child) at = fresh;
        if (focused) refocus(fresh, focused);
      }
      child = fresh;
    }
    if (child === at) at = at.nextElementSibling;
    else parent.insertBefore(child, at);
  }
  for (const child of had.values()) child.remove();
}

function refocus(fresh, focused) {
  const act = focused.dataset?.act,
    id = focused.closest("[data-id]")?.dataset.id;
  const like = (name, value) => value && [...fresh.querySelectorAll(`[data-${name}]`)].find((e) => e.dataset[name] === value);
  (like("act", act) || like("id", id) || fresh).focus();
}

// control is a button that gives an order. It can be pressed only while the data is fresh, and by whoever may.
export function control(label, act, role, press, more) {
  return h(
    "button",
    { type: "button", class: `order ${more ?? ""}`, "data-act": act, "data-role": role, disabled: true, click: press },
    label,
  );
}
