// Talk: conversations at the side, personas as cards where there is none yet, questions and answers with their versions.

import { moved, register } from "./address.js";
import { arrange, button, h, icon, toast, word } from "./dom.js";
import { sheet } from "./shelf.js";
import { keep, kept } from "./storage.js";
import { personaCards } from "./talk_personas.js";
import { toolSwitches } from "./talk_tools.js";
import { turnView } from "./talk_turn.js";
import { send } from "./upload.js";

/** @import { Given, PersonaCard, TalkRow, TalkServer, TalkTurn, TalkView } from "./types" */

const TITLE_AFTER = 5000; // ms in which the studio has most likely given a new conversation its title

/** @typedef {Given<{ value: TalkView, formats: string[], most: number }, TalkServer>} TalkGiven */

/**
 * A server function that answers also where the studio does not.
 *
 * @template {(asked: any) => Promise<any>} F
 * @param {F} ask
 * @returns {F}
 */
function guarded(ask) {
  const failure = { error: word("unreachable") };
  return /** @type {F} */ (
    (asked) =>
      ask(asked).then(
        (answer) => answer ?? failure,
        () => failure,
      )
  );
}

/** @param {TalkGiven} given */
export function mount({ element, props, trigger, watch, server: bare, upload }) {
  const server = { list: guarded(bare.list), act: guarded(bare.act) };
  /** @type {TalkView} */
  let view = props.value;
  /** @type {Map<number, ReturnType<typeof turnView>>} */
  const turns = new Map();
  /** @type {PersonaCard[]} */
  let personas = [];
  let chosen = "";
  /** @type {{ path: string, url: string, name: string }[]} */
  let pictures = []; // and files for tools, which have no url
  /** @type {import("./types").TalkTool[]} */
  let known = [];
  let listed = 0;
  let follow = true; // the end of what is said stays in view, also when a picture there comes
  /** @type {{ id: number, question: string, pictures: typeof pictures } | null} what was sent, until the studio says that it has it */
  let sent = null;

  // At the side: the conversations.
  const search = h("input", { type: "search", placeholder: word("talk_search"), "aria-label": word("talk_search"), oninput: () => list() });
  const rows = h("nav", { className: "rows", "aria-label": word("talk_list") });
  const side = h(
    "aside",
    {},
    button("talk_new", "plus", () => fresh()),
    search,
    rows,
  );

  // In the middle: who it is, what was said, and the question.
  const head = h("header", { className: "talk-head" });
  const cards = h("div", { className: "personas" });
  const said = h("div", { className: "said", role: "log" });
  said.addEventListener("load", () => follow && said.scrollTo({ top: said.scrollHeight }), true);
  const note = h("p", { className: "hint note", hidden: true });
  const field = h("textarea", {
    rows: 2,
    placeholder: word("talk_hint"),
    "aria-label": word("talk_hint"),
    oninput: () => {
      keep(draft(), field.value);
      grow();
    },
    onkeydown: (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        ask();
      }
    },
  });
  const files = h("input", { type: "file", multiple: true, hidden: true, onchange: () => take() });
  const tools = toolSwitches();
  const strip = h("div", { className: "strip" });
  const picture = button("talk_picture", "image-plus", () => files.click(), { plain: true });
  const go = button("talk_send", "send-horizontal", () => ask(), { kind: "primary" });
  const stop = button("talk_stop", "square", () => trigger("stop", {}));
  const more = button("talk_continue", "play", () => start("go_on", { id: view.id }));
  const box = h(
    "div",
    { className: "box" },
    strip,
    field,
    h("div", { className: "row" }, picture, files, tools.node, more, h("span", { className: "grow" }), stop, go),
  );
  element.replaceChildren(h("div", { className: "talk" }, side, h("section", { className: "middle" }, head, cards, said, note, box)));

  const shelf = personaCards({ server, upload, chosen: (key) => choose(key), changed: () => list() });

  /** @param {string} key */
  function choose(key) {
    chosen = key;
    draw();
    field.focus();
  }
  function fresh() {
    if (view.running) trigger("stop", {});
    show({ ...view, id: 0, title: "", persona: null, turns: [], running: false, said: "", more: false, ...tools.values() });
    field.focus();
  }
  /** Where the browser keeps what is typed and not sent yet: each conversation has its own. */
  const draft = () => `talk ${view.id}`;
  /** @param {string} text */
  function type(text) {
    field.value = text;
    keep(draft(), text);
    grow();
  }
  function grow() {
    field.style.height = "auto";
    field.style.height = `${Math.min(field.scrollHeight, 240)}px`;
  }
  async function take() {
    for (const file of [...(files.files ?? [])].slice(0, props.most - pictures.length)) {
      const shown = file.type.startsWith("image/");
      const { path, problem } = shown ? await send(upload, file) : await sendAny(file);
      if (problem !== undefined) toast(problem);
      else pictures.push({ path, name: file.name, url: shown ? URL.createObjectURL(file) : "" });
    }
    files.value = "";
    draw();
  }
  /**
   * A file for a tool, of any kind.
   *
   * @param {File} file
   * @returns {Promise<import("./types").Sent>}
   */
  async function sendAny(file) {
    const problem = word("not_uploaded", { name: file.name });
    if (!tools.values().tools.length) return { problem: word("no_picture", { name: file.name }) };
    const { path } = await upload(file).catch(() => ({ path: "" }));
    return path ? { path } : { problem };
  }
  /** @param {number} at */
  function drop(at) {
    pictures.splice(at, 1);
    draw();
  }
  function ask(question = field.value) {
    if (!question.trim() || view.running) return;
    const paths = pictures.map((one) => one.path);
    sent = { id: view.id, question, pictures };
    pictures = [];
    type("");
    start("ask", { id: view.id, persona: chosen, question, files: paths, ...tools.values() }, question);
  }
  /**
   * Show at once that something was asked; what is true comes from the studio.
   *
   * @param {string} event
   * @param {Record<string, unknown>} data
   */
  function start(event, data, question = "") {
    view = { ...view, running: true, said: word("talk_waiting"), more: false, ...tools.values() };
    if (question) {
      /** @type {TalkTurn} */
      const turn = {
        number: view.turns.length,
        question,
        pictures: [],
        html: "",
        answer: "",
        finish: "",
        place: 1,
        of: 1,
        liked: null,
        model: "",
        seen: 0,
        unread: 0,
        files: [],
        steps: [],
      };
      view = { ...view, turns: [...view.turns, turn], persona: view.persona ?? personas.find((one) => one.key === chosen) ?? null };
    }
    draw();
    trigger(event, data);
  }
  /**
   * Do something on the studio that gives the conversation back.
   *
   * @param {{ kind: "open" | "rename" | "show_version" | "branch" | "like", id: number } & Record<string, unknown>} asked
   */
  async function act(asked) {
    const answer = await server.act(asked);
    if (answer.error !== undefined) return void toast(answer.error);
    show(answer);
    list();
  }
  /** What was asked could not be: it goes back to where it was typed, with its files. */
  function failed() {
    if (!sent || sent.id !== view.id || !view.running) return;
    const { question, pictures: files } = sent;
    sent = null;
    view = { ...view, running: false, said: "", turns: view.turns.slice(0, -1) };
    pictures = files;
    type(question);
    draw();
  }
  /** @param {TalkView} next */
  function show(next) {
    const other = next.id !== view.id && !(sent && sent.id === view.id && next.running);
    if (next.id !== view.id && view.id) turns.clear();
    sent = null;
    const known = new Map(view.turns.map((turn) => [turn.number, turn]));
    const whole = next.turns.map((turn) => ("question" in turn ? turn : (known.get(turn.number) ?? turn)));
    const ended = view.running && !next.running;
    view = { ...next, turns: whole };
    if (other) {
      field.value = String(kept(draft()) ?? "");
      grow();
    }
    moved();
    draw();
    if (ended || (next.id && !listedHas(next.id))) list();
    if (ended && whole.length === 1) setTimeout(() => list(), TITLE_AFTER);
  }
  /** @param {number} id */
  const listedHas = (id) => !!rows.querySelector(`[data-id="${id}"]`);

  async function list() {
    const asked = ++listed;
    const answer = await server.list({ search: search.value });
    if (asked !== listed) return;
    if (answer.error !== undefined) return void toast(answer.error);
    personas = answer.personas;
    known = answer.tools;
    chosen ||= personas[0]?.key ?? "";
    rows.replaceChildren(...(answer.rows.length ? answer.rows.map(rowOf) : [h("p", { className: "hint" }, word("talk_none"))]));
    draw();
  }
  /** @param {TalkRow} row */
  function rowOf(row) {
    return h(
      "div",
      { className: "talk-row", "data-id": String(row.id) },
      h("button", { type: "button", className: "open", title: row.title, onclick: () => act({ kind: "open", id: row.id }) }, row.title),
      button("delete", "trash", () => remove(row.id), { plain: true, kind: "close" }),
    );
  }
  /** @param {number} id */
  async function remove(id) {
    const answer = await server.act({ kind: "delete", id });
    if (answer.error !== undefined) return void toast(answer.error);
    if (view.id === id) fresh();
    list();
    toast(word("deleted"), { name: word("undo"), run: () => server.act({ kind: "undelete", id }).then(() => list()) });
  }
  function rename() {
    const title = h("input", {
      value: view.title,
      "aria-label": word("talk_rename"),
      onkeydown: (event) => event.key === "Enter" && save(),
    });
    const save = () => {
      shown.close();
      act({ kind: "rename", id: view.id, title: title.value });
    };
    const shown = sheet(word("talk_rename"), title, h("div", { className: "row" }, button("save", "check", save, { kind: "primary" })));
    title.select();
  }
  /** @param {string} format */
  async function save(format) {
    const answer = await server.act({ kind: "save", id: view.id, format });
    if (answer.error !== undefined) return void toast(answer.error);
    h("a", { href: answer.url, download: answer.name }).click();
  }

  function draw() {
    follow = said.scrollHeight - said.scrollTop - said.clientHeight < 80; // before anything grows
    const persona = view.persona ?? personas.find((one) => one.key === chosen) ?? null;
    const empty = !view.turns.length;
    cards.hidden = !empty;
    if (empty) cards.replaceChildren(...shelf.draw(personas, chosen, (question) => ask(question)));
    head.hidden = empty;
    head.replaceChildren(
      persona ? h("img", { src: persona.picture, alt: "", width: 40, height: 40 }) : "",
      h("b", {}, view.title || persona?.name || ""),
      view.title && persona?.name ? h("span", { className: "hint" }, persona.name) : "",
      h("span", { className: "grow" }),
      ...(view.id && !view.running
        ? [
            button("talk_rename", "pencil", rename, { plain: true }),
            button("write_about", "file-plus", () => trigger("write", { id: view.id }), { plain: true }),
            ...props.formats.map((format) => button(`save_${format}`, "download", () => save(format))),
          ]
        : []),
    );
    for (const number of turns.keys()) if (number >= view.turns.length) turns.delete(number);
    const last = view.turns.length - 1;
    const nodes = view.turns.map((turn, at) => {
      if (!("question" in turn)) return h("div");
      let shown = turns.get(at);
      if (!shown) {
        shown = turnView({ server, act, start, id: () => view.id });
        turns.set(at, shown);
      }
      shown.draw(turn, { running: view.running, last: at === last, said: at === last ? view.said : "" });
      return shown.node;
    });
    const greeting = persona?.greeting && !empty ? [h("div", { className: "answer greeting" }, h("p", {}, persona.greeting))] : [];
    arrange(said, [...greeting, ...nodes]);
    if (follow) said.scrollTop = said.scrollHeight;
    said.hidden = empty;
    note.hidden = !persona?.missing;
    if (persona?.missing) note.textContent = word("talk_plays", { name: persona.name, model: persona.model, command: persona.missing });
    strip.replaceChildren(
      ...pictures.map((one, at) =>
        h(
          "button",
          { type: "button", className: "thumb", "aria-label": word("delete"), onclick: () => drop(at) },
          one.url ? h("img", { src: one.url, alt: "" }) : h("span", { className: "file" }, one.name),
          icon("x"),
        ),
      ),
    );
    if (!view.running) tools.draw(known, view.tools, view.confirm);
    picture.hidden = !view.sees && !known.length;
    stop.hidden = !view.running;
    go.hidden = view.running;
    more.hidden = !view.more;
    for (const row of rows.querySelectorAll(".talk-row")) row.classList.toggle("current", row.getAttribute("data-id") === String(view.id));
  }

  watch("value", () => props.value && show(props.value));
  element.closest("#talk")?.addEventListener("opened", () => list());
  element.closest("#talk")?.addEventListener("failed", failed);
  field.value = String(kept(draft()) ?? "");
  register("talk", { id: () => view.id, close: () => fresh() });
  list();
}
