// Web pages: what they are made from at the side, the page in a frame of its own, its source beside it, a wish below.
//
// The frame has a sandbox: an origin of its own, without scripts unless they are switched on for that page. Its document
// comes by its own address, with a policy of its own; nothing of it is ever put into this one.

import { moved, register } from "./address.js";
import { button, h, toast, word } from "./dom.js";
import { forget, keep, kept } from "./storage.js";
import { pageForm } from "./web_page_form.js";

/** @import { Given, WebPageRow, WebPageServer, WebPageView } from "./types" */

/** @typedef {Given<{ value: WebPageView, suffixes: string[], most: number, longest: number }, WebPageServer>} WebPageGiven */

const narrow = () => matchMedia("(max-width: 760px)").matches;

/** @param {WebPageGiven} given */
export function mount({ element, props, trigger, watch, server: bare, upload }) {
  const failure = { error: word("unreachable") };
  /** @type {WebPageServer} */
  const server = {
    list: (asked) => bare.list(asked).catch(() => failure),
    act: /** @type {WebPageServer["act"]} */ ((/** @type {any} */ asked) => bare.act(asked).catch(() => failure)),
  };
  const empty = props.value;
  let view = props.value;
  let source = ""; // all of it, of `view`
  let begun = false; // something was asked for, and its first view has not come
  let making = false; // … and it is a new page
  let asked = ""; // the wish that was sent last
  let withScripts = 0; // the page whose scripts run
  let besides = (kept("web-source-shown") ?? (narrow() ? "no" : "yes")) === "yes";

  const form = pageForm({ upload, server, suffixes: props.suffixes, most: props.most, make });
  const rows = h("nav", { className: "rows", "aria-label": word("web_list") });
  const fresh = button("web_new", "plus", () => show({ ...empty }));
  const side = h("aside", {}, form.node, h("div", { className: "list" }, h("h2", {}, word("web_list")), fresh, rows));

  const title = h("h2", { className: "title" });
  const undo = button("web_undo", "undo-2", () => act("undo"), { plain: true });
  const redo = button("web_redo", "redo-2", () => act("redo"), { plain: true });
  const scripts = h("input", {
    type: "checkbox",
    onchange: () => {
      withScripts = scripts.checked ? view.id : 0;
      draw();
    },
  });
  const run = h("label", { className: "switch", title: word("web_scripts_hint") }, scripts, h("span", {}, word("web_scripts")));
  const beside = button("web_source", "file-text", () => {
    besides = !besides;
    keep("web-source-shown", besides ? "yes" : "no");
    draw();
  });
  const again = button("web_again", "refresh-cw", () => start("again", { id: view.id }));
  const download = button("web_download", "download", save);
  const stop = button("stop", "square", () => server.act({ kind: "stop", id: view.id }));
  const tools = h("div", { className: "tools" }, title, undo, redo, run, beside, again, download, stop);
  const said = h("p", { className: "said", role: "status" });

  const frame = h("div", { className: "frame" });
  const area = h("textarea", {
    "aria-label": word("web_source_of"),
    oninput: () => {
      keep(draftOf(view), area.value === source ? null : area.value);
      drawEdits();
    },
    onkeydown: (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) apply();
    },
  });
  area.spellcheck = false;
  area.maxLength = props.longest;
  const takeOver = button("web_apply", "check", apply, { kind: "primary" });
  const reset = button("web_reset", "x", () => {
    area.value = source;
    forget(draftOf(view));
    drawEdits();
  });
  const text = h("div", { className: "source" }, area, h("div", { className: "row" }, takeOver, reset));
  const sheets = h("div", { className: "sheets" }, frame, text);
  /** @type {HTMLTextAreaElement} */
  const wish = h("textarea", {
    rows: 2,
    placeholder: word("web_wish"),
    "aria-label": word("web_wish"),
    oninput: () => keep(`web-wish-${view.id}`, wish.value),
    onkeydown: (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      ask();
    },
  });
  const change = button("web_change", "send-horizontal", ask, { kind: "primary" });
  const box = h("div", { className: "box" }, wish, change);
  const nothing = h("p", { className: "welcome" }, word("web_empty"));
  const desk = h("section", { className: "desk", "aria-label": word("web_shown") }, nothing, tools, said, sheets, box);
  element.replaceChildren(h("div", { className: "web" }, side, desk));

  /** @param {import("./web_page_form.js").Request} request */
  function make(request) {
    making = true;
    start("make", request);
  }
  function apply() {
    if (area.value !== source && !view.running) start("apply", { id: view.id, source: area.value });
  }
  function ask() {
    if (wish.value.trim() && !view.running) start("change", { id: view.id, wish: wish.value });
  }
  /** @type {(event: string, data: object) => void} */
  function start(event, data) {
    begun = true;
    asked = event === "change" ? wish.value.trim() : "";
    draw();
    trigger(event, data);
  }
  /** @param {"undo" | "redo"} kind */
  async function act(kind) {
    const answer = await server.act({ kind, id: view.id });
    if (answer.error !== undefined) return void toast(answer.error);
    show(answer);
  }
  /** @param {number} id */
  async function open(id) {
    const answer = await server.act({ kind: "open", id });
    if (answer.error !== undefined) {
      window.studioTabs.missing();
      return void toast(answer.error);
    }
    show(answer);
    trigger("follow", { id });
  }
  async function save() {
    const answer = await server.act({ kind: "download", id: view.id, scripts: withScripts === view.id });
    if (answer.error !== undefined) return void toast(answer.error);
    h("a", { href: answer.url, download: answer.name }).click();
  }
  async function list() {
    const answer = await server.list(null);
    if (answer.error !== undefined) return void toast(answer.error);
    form.forbid(answer.cannot);
    rows.replaceChildren(...answer.rows.map(rowOf));
    mark();
  }
  /** @param {WebPageRow} row */
  function rowOf(row) {
    return h(
      "div",
      { className: "page-row", "data-id": String(row.id) },
      h(
        "button",
        { type: "button", className: "open", title: row.title, onclick: () => open(row.id) },
        row.title || `${word("web")} ${row.id}`,
      ),
      button("delete", "trash", () => remove(row.id), { plain: true, kind: "close" }),
    );
  }
  function mark() {
    for (const row of rows.querySelectorAll(".page-row")) row.classList.toggle("current", row.getAttribute("data-id") === String(view.id));
  }
  /** @param {number} id */
  async function remove(id) {
    const answer = await server.act({ kind: "delete", id });
    if (answer.error !== undefined) return void toast(answer.error);
    if (view.id === id) show({ ...empty });
    list();
    toast(word("deleted"), { name: word("undo"), run: () => server.act({ kind: "undelete", id }).then(list) });
  }

  /** @param {WebPageView} next */
  function take(next) {
    if (making === (next.id === view.id)) return; // of a page that is not open any more
    if (begun && !next.wrong) accepted();
    const first = making;
    const undone = view.running && !next.running && next.wish !== asked; // nothing of it was written
    show(next);
    if (first && narrow()) desk.scrollIntoView();
    if (asked && undone && !wish.value) wish.value = asked;
  }
  /** What was typed has been taken over: nothing of it is a draft any more. */
  function accepted() {
    if (making) form.sent();
    else if (asked) {
      wish.value = "";
      forget(`web-wish-${view.id}`);
    } else forget(draftOf(view));
  }
  /** @param {WebPageView} next */
  function show(next) {
    const moves = next.id !== view.id;
    const ended = view.running && !next.running;
    begun = making = false;
    source = source.slice(0, next.at) + next.source;
    view = next;
    if (moves) {
      wish.value = String(kept(`web-wish-${view.id}`) ?? "");
      moved();
    }
    const draft = view.running ? null : kept(draftOf(view));
    area.value = draft === null ? source : String(draft);
    if (view.running) area.scrollTop = area.scrollHeight;
    if (moves || ended) list();
    draw();
  }
  /** @param {WebPageView} of */
  const draftOf = (of) => `web-source-${of.id}-${of.version}`;

  function draw() {
    const idle = !view.running && !begun;
    desk.classList.toggle("bare", !view.id);
    title.textContent = view.title;
    undo.disabled = !view.undo || !idle;
    redo.disabled = !view.redo || !idle;
    again.disabled = download.disabled = !idle;
    run.hidden = beside.hidden = again.hidden = download.hidden = view.running;
    download.disabled ||= !view.frame;
    stop.hidden = !view.running;
    said.textContent = view.said;
    said.classList.toggle("wrong", view.wrong);
    scripts.checked = withScripts === view.id;
    sheets.classList.toggle("writing", view.running);
    text.hidden = !view.running && !besides;
    beside.setAttribute("aria-pressed", String(besides));
    area.readOnly = view.running;
    wish.disabled = view.running || !view.frame;
    change.disabled = !idle || !view.frame;
    form.busy(begun);
    drawFrame();
    drawEdits();
    mark();
  }
  function drawEdits() {
    const edited = !view.running && area.value !== source;
    takeOver.disabled = !edited || begun;
    reset.disabled = !edited;
  }
  function drawFrame() {
    frame.hidden = view.running;
    const runs = withScripts === view.id;
    const address = view.frame && !view.running ? `${view.frame}${runs ? "?scripts=true" : ""}` : "";
    if (frame.dataset.shows === address) return;
    frame.dataset.shows = address;
    if (!address) return frame.replaceChildren(view.running ? "" : h("p", { className: "hint" }, word("web_unshown")));
    const inner = document.createElement("iframe");
    inner.setAttribute("sandbox", runs ? "allow-scripts" : "");
    inner.title = word("web_shown");
    inner.referrerPolicy = "no-referrer";
    inner.src = address;
    frame.replaceChildren(inner);
  }

  register("web", { id: () => view.id, close: () => show({ ...empty }), open });
  watch("value", () => props.value && take(props.value));
  const tab = element.closest("#web-page");
  tab?.addEventListener("opened", () => list());
  tab?.addEventListener("failed", () => {
    begun = making = false;
    draw();
  });
  draw();
  list();
}
