// The table, its filters, and the panel of one package. Every text is set as text, never as markup.

const data = JSON.parse(document.getElementById("data").textContent);
const items = data.components;
const byPath = new Map(items.map((it) => [it.path, it]));
const state = { search: "", chosen: new Set(), sort: "path", descending: false, open: null, scale: 1 };
const find = (id) => document.getElementById(id);
const READABLE = 0.75;
const collator = new Intl.Collator("en", { numeric: true });

const TONES = {
  new: "info", "never-published": "first", "not-bumped": "bad", changed: "bad", partial: "warn",
  unreleased: "warn", published: "good", identical: "good", rebuilt: "good", unversioned: "good",
  unknown: "plain", function: "plain", package: "plain",
};
const LIVE = { unchanged: "in step", update: "differs", create: "not created", taken: "name is taken", unknown: "not compared" };
const FIT = { current: "good", older: "warn", ahead: "info", unknown: "plain" };
const stateOf = (it) => it.state || it.kind;
const toneOf = (it) => TONES[stateOf(it)] || "warn";
const older = (it) => it.consumers.filter((each) => each.fit === "older");
const differing = (it) => it.triggers.filter((each) => !["unchanged", "unknown"].includes(each.live));
const released = (it) => (it.versions.find((each) => each.version === it.highest) || {}).uploaded || "";
const plural = (number, one, many = `${one}s`) => `${number.toLocaleString("en")} ${number === 1 ? one : many}`;

function h(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value !== null && value !== false) node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.filter((it) => it !== null && it !== ""));
  return node;
}
const badge = (text, tone) => h("span", { class: "badge", "data-tone": tone }, text);
const hrefOf = (path) => `#/${encodeURIComponent(path)}`;

function day(text) {
  const date = new Date(text);
  return Number.isNaN(date.getTime()) ? text : date.toLocaleDateString("en", { year: "numeric", month: "short", day: "numeric" });
}
function size(bytes) {
  if (bytes === null || bytes === undefined) return "";
  if (bytes < 1000) return plural(bytes, "byte");
  const place = Math.min(Math.floor((String(bytes).length - 1) / 3), 4);
  const number = bytes / 1000 ** place;
  return `${number.toFixed(number >= 10 ? 0 : 1)} ${" kMGT"[place]}B`;
}

// What the table shows: a title, a value to sort by, and a cell.
const COLUMNS = [
  { id: "path", title: "Name", style: "name", value: (it) => it.name, cell: nameCell },
  { id: "version", title: "Here", style: "version", value: (it) => it.version, cell: (it) => [it.version] },
  { id: "highest", title: "Published", style: "version", value: (it) => it.highest, cell: publishedCell },
  { id: "uploaded", title: "Published on", hidden: true, value: released },
  { id: "state", title: "State", style: "state", value: (it) => it.state, cell: (it) => [badge(stateOf(it), toneOf(it))] },
  { id: "consumers", title: "Required by", style: "number", value: (it) => it.consumers.length, cell: (it) => [it.consumers.length ? String(it.consumers.length) : null] },
  { id: "older", title: "Older in", style: "number", value: (it) => older(it).length, cell: (it) => [older(it).length ? badge(plural(older(it).length, "place"), "warn") : null] },
  { id: "triggers", title: "Triggers", style: "number", value: (it) => differing(it).length * 1000 + it.triggers.length, cell: triggersCell },
];
const isNumber = (column) => column.style === "number";
const columns = COLUMNS.filter((it) => it.id === "path" || items.some((each) => it.value(each)));

function nameCell(it) {
  return [h("a", { href: hrefOf(it.path) }, it.name), it.path === it.name ? null : h("small", {}, it.path)];
}
function publishedCell(it) {
  return [it.highest, released(it) ? h("small", {}, day(released(it))) : null];
}
function triggersCell(it) {
  const differ = differing(it);
  if (differ.length) return [badge(plural(differ.length, "differs", "differ"), "warn")];
  if (!it.triggers.length) return [null];
  return [it.triggers.every((each) => each.live === "unchanged") ? badge("in step", "good") : String(it.triggers.length)];
}

const FILTERS = [
  ...data.states.map((name) => ({ id: name, title: name, tone: TONES[name] || "warn", test: (it) => stateOf(it) === name })),
  { id: "function", title: "functions", tone: "plain", test: (it) => it.kind === "function" },
  { id: "older", title: "older version in use", tone: "warn", also: true, test: (it) => older(it).length > 0 },
  { id: "differs", title: "trigger differs", tone: "warn", also: true, test: (it) => differing(it).length > 0 },
].map((it) => ({ ...it, count: items.filter(it.test).length })).filter((it) => it.count);

function matching() {
  const chosen = FILTERS.filter((it) => state.chosen.has(it.id));
  const states = chosen.filter((it) => !it.also);
  const others = chosen.filter((it) => it.also);
  const words = state.search.toLowerCase().split(/\s+/).filter(Boolean);
  return items.filter((it) => (!states.length || states.some((each) => each.test(it)))
    && others.every((each) => each.test(it)) && words.every((word) => textOf(it).includes(word)));
}
const texts = new Map();
function textOf(it) {
  if (!texts.has(it)) {
    const parts = [it.name, it.path, stateOf(it), it.version, it.highest, ...it.consumers.map((each) => each.name)];
    texts.set(it, parts.join(" ").toLowerCase());
  }
  return texts.get(it);
}
function sorted(list) {
  const column = COLUMNS.find((it) => it.id === state.sort);
  const way = state.descending ? -1 : 1;
  const order = (a, b) => (isNumber(column) ? a - b : collator.compare(a || "", b || ""));
  const empty = (value) => Number(!value);
  return [...list].sort((a, b) => {
    const [one, two] = [column.value(a), column.value(b)];
    return (isNumber(column) ? 0 : empty(one) - empty(two)) || way * order(one, two) || collator.compare(a.path, b.path);
  });
}

const rowOf = new Map(items.map((it) => [it, h("tr", { role: "row", "data-path": it.path },
  ...columns.filter((each) => !each.hidden).map((each) => {
    const cells = each.cell(it).filter((part) => part !== null && part !== undefined);
    return h("td", { role: "cell", class: `c-${each.id} ${each.style}${cells.length ? "" : " empty"}`, "data-label": each.title }, ...cells);
  }))]));

function show() {
  const list = sorted(matching());
  find("rows").replaceChildren(...list.map((it) => rowOf.get(it)));
  find("none").hidden = list.length > 0;
  find("table").hidden = !list.length;
  find("count").textContent = list.length === items.length ? plural(items.length, "entry", "entries") : `${list.length} of ${plural(items.length, "entry", "entries")}`;
  for (const head of find("head").children) {
    if (head.dataset.id === state.sort) head.setAttribute("aria-sort", state.descending ? "descending" : "ascending");
    else head.removeAttribute("aria-sort");
  }
  for (const chip of find("chips").querySelectorAll("button")) chip.setAttribute("aria-pressed", state.chosen.has(chip.dataset.id));
  find("sort").value = `${state.sort} ${state.descending ? "down" : "up"}`;
  if (!find("graph-view").hidden) showGraph();
}

function sortBy(id) {
  const column = COLUMNS.find((it) => it.id === id);
  state.descending = state.sort === id ? !state.descending : isNumber(column);
  state.sort = id;
  show();
}

function related(path) {
  const users = new Map(items.map((it) => [it.path, []]));
  for (const it of items) for (const each of it.requires) if (users.has(each)) users.get(each).push(it.path);
  const walk = (next) => {
    const seen = new Set([path]);
    for (const each of seen) for (const other of next(each)) seen.add(other);
    return seen;
  };
  return new Set([...walk((it) => byPath.get(it).requires.filter((each) => byPath.has(each))), ...walk((it) => users.get(it))]);
}

function showGraph() {
  let list = matching();
  const near = state.open ? related(state.open.path) : null;
  if (find("focus").checked && near) list = items.filter((it) => near.has(it.path));
  const canvas = find("canvas");
  if (!list.length) { canvas.replaceChildren(h("p", { class: "none" }, "Nothing matches.")); return; }
  const drawn = drawGraph(list.map((it) => ({
    key: it.path, label: it.name, href: hrefOf(it.path), tone: toneOf(it), requires: it.requires, round: it.kind === "function",
    title: `${it.name}${it.highest ? ` ${it.highest}` : ""}: ${stateOf(it)}`,
  })));
  canvas.replaceChildren(drawn.drawing);
  canvas.drawn = drawn;
  zoom({ true: fitting(), false: state.scale }[state.fitted] || Math.max(READABLE, fitting()));
  mark();
}
function fitting() {
  const { width, height } = find("canvas").drawn;
  const box = find("canvas").getBoundingClientRect();
  return Math.min(1, Math.min((box.width - 4) / width, (box.height - 4) / height));
}
function zoom(scale) {
  state.scale = Math.min(2, Math.max(0.1, scale));
  const { drawing, width, height } = find("canvas").drawn;
  drawing.setAttribute("width", width * state.scale);
  drawing.setAttribute("height", height * state.scale);
}
// Light the chosen node, and what it is linked with.
function mark() {
  const drawn = find("canvas").drawn;
  if (!drawn) return;
  const near = state.open && byPath.has(state.open.path) ? related(state.open.path) : null;
  drawn.drawing.classList.toggle("lit", Boolean(near));
  for (const node of drawn.drawing.querySelectorAll(".node")) {
    node.classList.toggle("near", Boolean(near && near.has(node.key)));
    const chosen = Boolean(state.open && node.key === state.open.path);
    node.classList.toggle("chosen", chosen);
    if (chosen) node.scrollIntoView({ block: "nearest", inline: "center" });
  }
  for (const edge of drawn.drawing.querySelectorAll(".edge")) {
    edge.classList.toggle("near", Boolean(near && edge.ends.every((it) => near.has(it))));
  }
}

function link(path, name) {
  return byPath.has(path) ? h("a", { href: hrefOf(path) }, name) : name;
}
function section(title, nodes) {
  return nodes.length ? [h("h3", {}, title), h("ul", {}, ...nodes)] : [];
}
function consumerRow(it) {
  const takes = it.takes && it.fit !== "current" ? `takes ${it.takes}` : { ahead: "not published yet", older: "older" }[it.fit] || "";
  return h("li", { class: "pair" },
    h("span", {}, link(it.path, it.name), " ", h("span", { class: "soft mono" }, it.requirement), h("br"), h("small", { class: "soft" }, it.kind)),
    takes ? badge(takes, FIT[it.fit]) : h("span", { class: "soft" }, it.takes || ""));
}
function triggerRow(it) {
  const tone = { unchanged: "good", unknown: "plain" }[it.live] || "warn";
  return h("li", {}, h("div", { class: "pair" }, h("span", { class: "mono" }, it.name), badge(LIVE[it.live], tone)), h("small", { class: "soft" }, `on ${it.starts_on}`));
}
function versionBox(it, first) {
  const facts = [it.uploaded ? day(it.uploaded) : "", it.files.length ? plural(it.files.length, "file") : "no file shown"];
  const from = [it.commit ? `from commit ${it.commit.slice(0, 12)}` : "commit not recorded", it.build ? `build ${it.build}` : ""];
  return h("details", { open: first }, h("summary", {}, it.version, h("span", { class: "soft" }, facts.filter(Boolean).join(", "))),
    h("p", { class: "file soft" }, from.filter(Boolean).join(", ")),
    ...it.files.map((file) => h("div", { class: "file" },
      h("div", { class: "pair" }, h("span", {}, file.filename), h("span", { class: "soft number" }, size(file.size) || "size not known")),
      h("code", {}, file.sha256 ? `sha256:${file.sha256}` : "no hash"))));
}
function panelOf(it) {
  const facts = [["Here", it.version], ["Published", it.highest && `${it.highest}${released(it) ? `, ${day(released(it))}` : ""}`]];
  const more = it.omitted ? [h("p", { class: "soft" }, `and ${plural(it.omitted, "older version")}: shipwheel versions ${it.name}`)] : [];
  return [
    h("div", { class: "panel-head" }, h("h2", { id: "panel-title", tabindex: "-1" }, it.name), h("p", {}, it.path === it.name ? it.kind : `${it.kind} in ${it.path}`),
      h("button", { type: "button", class: "quiet close", "aria-label": "Close", onclick: close }, "✕")),
    h("div", { class: "panel-body" },
      h("dl", { class: "facts" }, ...(it.state ? [h("dt", {}, "State"), h("dd", {}, badge(it.state, toneOf(it)))] : []),
        ...facts.filter((each) => each[1]).flatMap(([name, value]) => [h("dt", {}, name), h("dd", { class: "number" }, value)])),
      it.reason ? h("p", { class: "hint" }, it.reason, it.hint ? h("br") : null, it.hint ? h("span", { class: "soft" }, it.hint) : null) : null,
      ...section("Requires", it.requires.map((each) => h("li", {}, link(each, (byPath.get(each) || { name: each }).name)))),
      ...section("Required by", it.consumers.map(consumerRow)),
      ...section("Triggers", it.triggers.map(triggerRow)),
      ...(it.versions.length ? [h("h3", {}, "Versions"), ...it.versions.map((each, at) => versionBox(each, at === 0)), ...more] : [])),
  ];
}

function open(it) {
  if (state.open) rowOf.get(state.open).removeAttribute("aria-current");
  const before = state.open;
  state.open = it;
  find("panel").hidden = !it;
  find("panel").replaceChildren(...(it ? panelOf(it) : []));
  if (it) {
    rowOf.get(it).setAttribute("aria-current", "true");
    find("panel").scrollTop = 0;
    find("panel-title").focus({ preventScroll: true });
  } else if (before && rowOf.get(before).isConnected) {
    rowOf.get(before).querySelector("a").focus({ preventScroll: true });
  }
  document.title = `${it ? `${it.name}, ` : ""}${data.title}: status`;
  if (!find("graph-view").hidden) (find("focus").checked ? showGraph : mark)();
}
function follow() {
  let path = "";
  try { path = decodeURIComponent(location.hash.replace(/^#\/?/, "")); } catch { /* no path of ours */ }
  const found = location.hash.startsWith("#/") ? byPath.get(path) : null;
  if (found || state.open) open(found || null);
}
function close() {
  history.pushState(null, "", location.href.split("#")[0]);
  follow();
}
function choose(view) {
  find("table-view").hidden = view === "graph";
  find("graph-view").hidden = view !== "graph";
  find("as-table").setAttribute("aria-pressed", view !== "graph");
  find("as-graph").setAttribute("aria-pressed", view === "graph");
  show();
}
function toggle(id) {
  if (!state.chosen.delete(id)) state.chosen.add(id);
  show();
}
function nextTheme() {
  const root = document.documentElement;
  const themes = ["", "dark", "light"];
  const next = themes[(themes.indexOf(root.dataset.theme || "") + 1) % 3];
  if (next) root.dataset.theme = next; else delete root.dataset.theme;
  find("theme").textContent = { "": "Auto", dark: "Dark", light: "Light" }[next];
  find("theme").setAttribute("aria-label", `Color scheme: ${next || "automatic"}`);
}
function moveInTable(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const row = step && event.target.closest("#rows > tr");
  const next = row && (step > 0 ? row.nextElementSibling : row.previousElementSibling);
  if (next) { event.preventDefault(); next.querySelector("a").focus(); }
}

function start() {
  find("head").append(...columns.filter((it) => !it.hidden).map((it) => h("th", { scope: "col", class: `c-${it.id}`, "data-id": it.id }, h("button", { type: "button", onclick: () => sortBy(it.id) }, it.title))));
  find("sort").append(...columns.flatMap((it) => [["up", "↑"], ["down", "↓"]].map(([way, arrow]) => h("option", { value: `${it.id} ${way}` }, `${it.title} ${arrow}`))));
  const chips = FILTERS.map((it) => h("button", { type: "button", class: "chip", "data-id": it.id, "data-tone": it.tone, "aria-pressed": "false", onclick: () => toggle(it.id) }, h("b", {}, it.count.toLocaleString("en")), it.title));
  const divided = FILTERS.findIndex((it) => it.also);
  if (divided > 0) chips.splice(divided, 0, h("span", { class: "gap", "aria-hidden": "true" }));
  find("chips").append(...chips);
  for (const it of FILTERS.filter((each) => !each.also)) {
    const part = h("i", { "data-tone": it.tone, title: `${it.count} ${it.title}` });
    part.style.flexGrow = it.count;
    find("bar").append(part);
  }
  const time = new Date(data.time);
  find("time").textContent = time.toLocaleString("en", { dateStyle: "medium", timeStyle: "short" });
  find("notes").hidden = !(data.notes.length + data.triggers.length);
  find("notes").append(...data.notes.map((it) => h("p", {}, it)), ...section("Triggers of the repository", data.triggers.map(triggerRow)));
  find("rows").addEventListener("click", (event) => {
    const row = event.target.closest("#rows > tr");
    if (row && !event.target.closest("a") && !String(getSelection())) location.hash = hrefOf(row.dataset.path);
  });
  find("rows").addEventListener("keydown", moveInTable);
  find("search").addEventListener("input", (event) => { state.search = event.target.value; show(); });
  find("sort").addEventListener("change", (event) => {
    [state.sort, state.descending] = [event.target.value.split(" ")[0], event.target.value.endsWith("down")];
    show();
  });
  find("clear").addEventListener("click", () => { state.search = find("search").value = ""; state.chosen.clear(); show(); find("search").focus(); });
  find("as-table").addEventListener("click", () => choose("table"));
  find("as-graph").addEventListener("click", () => choose("graph"));
  find("focus").addEventListener("change", showGraph);
  find("theme").addEventListener("click", nextTheme);
  for (const [id, scale] of [["zoom-in", () => state.scale * 1.25], ["zoom-out", () => state.scale / 1.25], ["zoom-fit", fitting]]) {
    find(id).addEventListener("click", () => { if (find("canvas").drawn) { state.fitted = id === "zoom-fit"; zoom(scale()); } });
  }
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !event.target.closest("input, select") && !event.ctrlKey && !event.metaKey) { event.preventDefault(); find("search").focus(); }
    if (event.key === "Escape" && state.open) close();
  });
  addEventListener("hashchange", follow);
  addEventListener("popstate", follow);
  show();
  follow();
}
start();
