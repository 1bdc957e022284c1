// Where routers stand on the map, and which of them are worth showing.

// neighbours lists the links of each router.
export function neighbours(topology) {
  const of = new Map(topology.routers.map((r) => [r.name, []]));
  for (const l of topology.links) {
    of.get(l.a)?.push(l);
    of.get(l.b)?.push(l);
  }
  return of;
}

// around are the routers within so many hops of the ends of links, and no more than most of them.
export function around(topology, near, links, hops, most) {
  const chosen = new Set();
  let edge = [];
  const take = (name) => {
    if (chosen.has(name) || chosen.size >= most || !near.has(name)) return;
    chosen.add(name);
    edge.push(name);
  };
  for (const l of topology.links)
    if (links.has(l.name)) {
      take(l.a);
      take(l.b);
    }
  for (let hop = 0; hop < hops; hop++) {
    const from = edge;
    edge = [];
    for (const name of from) for (const l of near.get(name)) take(l.a === name ? l.b : l.a);
  }
  return chosen;
}

const mercator = (degrees) => Math.log(Math.tan(Math.PI / 4 + (Math.max(-80, Math.min(80, degrees)) * Math.PI) / 360));

// places gives every router a point in a plane: by its coordinates, or, where it has none, between its neighbours.
export function places(topology, near) {
  const at = new Map(),
    lost = [];
  for (const r of topology.routers) {
    if (r.latitude || r.longitude) at.set(r.name, [(r.longitude * Math.PI) / 180, -mercator(r.latitude)]);
    else lost.push(r.name);
  }
  if (at.size < topology.routers.length / 2) return ring(topology, near);
  settle(at, lost, near, 8);
  return at;
}

// settle moves the routers in lost to the middle of their neighbours, again and again.
function settle(at, lost, near, rounds) {
  for (let round = 0; round < rounds; round++) {
    lost.forEach((name, n) => {
      const known = near
        .get(name)
        .map((l) => at.get(l.a === name ? l.b : l.a))
        .filter(Boolean);
      const turn = n * 2.39996; // the golden angle, so that no two land on one point
      const [x, y] = known.length
        ? known.reduce(([a, b], [c, d]) => [a + c / known.length, b + d / known.length], [0, 0])
        : (at.get(name) ?? [0, 0]);
      at.set(name, [x + Math.cos(turn) * 0.02, y + Math.sin(turn) * 0.02]);
    });
  }
}

// ring places routers that have no coordinates: on a circle, neighbours next to each other, then pulled together a little.
function ring(topology, near) {
  const order = [],
    seen = new Set();
  for (const r of topology.routers) {
    const walk = [r.name];
    while (walk.length) {
      const name = walk.pop();
      if (seen.has(name)) continue;
      seen.add(name);
      order.push(name);
      for (const l of near.get(name)) walk.push(l.a === name ? l.b : l.a);
    }
  }
  const rim = new Map(
    order.map((name, n) => [name, [Math.cos((n / order.length) * 2 * Math.PI), Math.sin((n / order.length) * 2 * Math.PI)]]),
  );
  const at = new Map(rim);
  for (let round = 0; round < 12; round++) {
    for (const name of order) {
      const about = near.get(name);
      if (about.length < 2) continue;
      const [rx, ry] = rim.get(name);
      let x = rx * 2,
        y = ry * 2;
      for (const l of about) {
        const [px, py] = at.get(l.a === name ? l.b : l.a);
        x += px;
        y += py;
      }
      at.set(name, [x / (about.length + 2), y / (about.length + 2)]);
    }
  }
  return at;
}

// fit scales the points of some routers into a box, keeping their proportions as far as the box allows.
export function fit(at, names, width, height, margin) {
  let left = Infinity,
    right = -Infinity,
    top = Infinity,
    bottom = -Infinity;
  for (const name of names) {
    const [x, y] = at.get(name);
    left = Math.min(left, x);
    right = Math.max(right, x);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y);
  }
  const sx = (width - 2 * margin) / Math.max(right - left, 1e-9),
    sy = (height - 2 * margin) / Math.max(bottom - top, 1e-9);
  const scale = Math.min(sx, sy),
    fx = Math.min(sx, scale * 1.5),
    fy = Math.min(sy, scale * 1.5);
  const fitted = new Map();
  for (const name of names) {
    const [x, y] = at.get(name);
    fitted.set(name, [
      +(width / 2 + (x - (left + right) / 2) * fx).toFixed(1),
      +(height / 2 + (y - (top + bottom) / 2) * fy).toFixed(1),
    ]);
  }
  return fitted;
}
