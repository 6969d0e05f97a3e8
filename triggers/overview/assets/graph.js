"use strict";
// Where the nodes of a graph go, and its drawing. An edge leads from what is required, on the left.

const NODE = { width: 168, height: 30, gapX: 76, gapY: 12, column: 28 };

// Return a place {x, y} for each of `keys`; `sources` maps a key to the keys that it requires.
function placeNodes(keys, sources) {
  const known = new Set(keys);
  const needs = new Map(keys.map((key) => [key, (sources.get(key) || []).filter((it) => known.has(it) && it !== key)]));
  const used = new Set([...needs.values()].flat());
  const linked = keys.filter((key) => needs.get(key).length || used.has(key));
  const layers = orderLayers(linked, needs, findLayers(linked, needs));
  const places = new Map();
  let x = 0;
  let bottom = 0;
  for (const layer of layers) {
    // A long layer becomes several columns, which stay beside one another.
    const columns = Math.ceil(layer.length / NODE.column);
    const rows = Math.ceil(layer.length / Math.max(columns, 1));
    layer.forEach((key, at) => {
      const [column, row] = [Math.floor(at / rows), at % rows];
      places.set(key, { x: x + column * (NODE.width + 18), y: row * (NODE.height + NODE.gapY) });
    });
    bottom = Math.max(bottom, rows * (NODE.height + NODE.gapY));
    x += columns * (NODE.width + 18) + NODE.gapX;
  }
  const alone = keys.filter((key) => !places.has(key));
  const wide = Math.max(4, Math.min(Math.floor(x / (NODE.width + 18)), 10));
  const top = bottom + (linked.length ? 52 : 24);
  alone.forEach((key, at) => places.set(key, {
    x: (at % wide) * (NODE.width + 18), y: top + Math.floor(at / wide) * (NODE.height + NODE.gapY),
  }));
  return { places, needs, lonely: alone.length ? top - 12 : null };
}

// Return the layer of each key: one more than the highest of what it requires. A cycle is cut where
// it is found, so that every graph has layers.
function findLayers(keys, needs) {
  const layer = new Map();
  for (const start of keys) {
    const path = [[start, 0]];
    const open = new Set([start]);
    while (path.length) {
      const top = path[path.length - 1];
      const next = layer.has(top[0]) ? undefined : needs.get(top[0])[top[1]++];
      if (next !== undefined) {
        if (!layer.has(next) && !open.has(next)) { open.add(next); path.push([next, 0]); }
        continue;
      }
      if (!layer.has(top[0])) {
        const below = needs.get(top[0]).filter((it) => layer.has(it)).map((it) => layer.get(it));
        layer.set(top[0], Math.max(-1, ...below) + 1);
      }
      open.delete(top[0]);
      path.pop();
    }
  }
  return layer;
}

// Return the layers, each in an order in which neighbours stand near one another.
function orderLayers(keys, needs, layer) {
  const layers = [];
  for (const key of keys) (layers[layer.get(key)] ||= []).push(key);
  const users = new Map(keys.map((key) => [key, []]));
  for (const key of keys) for (const it of needs.get(key)) users.get(it).push(key);
  const rank = new Map();
  const store = (row) => row.forEach((key, at) => rank.set(key, at / row.length));
  layers.forEach(store);
  for (let round = 0; round < 6; round += 1) {
    const [near, order] = round % 2 ? [users, [...layers].reverse()] : [needs, layers];
    for (const row of order) {
      const mean = new Map(row.map((key) => {
        const ranks = near.get(key).map((it) => rank.get(it));
        return [key, ranks.length ? ranks.reduce((a, b) => a + b) / ranks.length : rank.get(key)];
      }));
      row.sort((a, b) => mean.get(a) - mean.get(b));
      store(row);
    }
  }
  return layers;
}

function svg(name, attributes, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

// Return the drawing of `items`, which have key, label, tone, title and requires.
function drawGraph(items) {
  const sources = new Map(items.map((it) => [it.key, it.requires]));
  const { places, needs, lonely } = placeNodes(items.map((it) => it.key), sources);
  const edges = svg("g", {});
  for (const [key, sourcesOf] of needs) {
    for (const source of sourcesOf) edges.append(drawEdge(places.get(source), places.get(key), source, key));
  }
  const nodes = svg("g", {});
  for (const it of items) nodes.append(drawNode(it, places.get(it.key)));
  const width = Math.max(...[...places.values()].map((it) => it.x)) + NODE.width;
  const height = Math.max(...[...places.values()].map((it) => it.y)) + NODE.height;
  const tip = svg("marker", { id: "tip", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto" },
    svg("path", { d: "M0 0L8 4L0 8z", class: "tip" }));
  const drawing = svg("svg", { viewBox: `-20 -20 ${width + 40} ${height + 40}` }, svg("defs", {}, tip), edges, nodes);
  if (lonely !== null) {
    drawing.append(svg("text", { x: 0, y: lonely, class: "lone" }, "Not linked with anything here"));
  }
  return { drawing, width: width + 40, height: height + 40 };
}

function drawEdge(from, to, source, key) {
  const [x1, y1] = [from.x + NODE.width, from.y + NODE.height / 2];
  const [x2, y2] = [to.x, to.y + NODE.height / 2];
  const bend = Math.max(30, Math.abs(x2 - x1) / 2);
  const edge = svg("path", {
    class: "edge", d: `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}`, "marker-end": "url(#tip)",
  });
  edge.ends = [source, key];
  return edge;
}

function drawNode(item, place) {
  const short = item.label.length > 23 ? `${item.label.slice(0, 22)}…` : item.label;
  const node = svg("a", {
    class: "node", href: item.href, transform: `translate(${place.x} ${place.y})`, "data-tone": item.tone,
  },
  svg("title", {}, item.title),
  svg("rect", { width: NODE.width, height: NODE.height, rx: item.round ? NODE.height / 2 : 6 }),
  svg("circle", { cx: 14, cy: NODE.height / 2, r: 4.5 }),
  svg("text", { x: 26, y: NODE.height / 2 + 4 }, short));
  node.key = item.key;
  return node;
}
