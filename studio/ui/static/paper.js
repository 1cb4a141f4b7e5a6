// The article as one document that grows, is selected, edited and illustrated in place.
//
// The server sends the whole article at every change; only what differs is touched here, section by section, so that
// nothing moves under the reader and a paragraph that is being typed in is never redrawn. Text arrives as HTML that
// the server has sanitised; everything else is set as text.

import { moved, register } from "./address.js";
import { copy } from "./clipboard.js";
import { arrange, button, find, h, icon, spoken, toast, word } from "./dom.js";
import { draftArea, fit } from "./draft.js";
import { cards } from "./examples.js";
import { exportMenu } from "./export_menu.js";
import { Inspector } from "./inspector.js";
import { Passages } from "./passages.js";
import { showArticlePrompts } from "./saw.js";
import { newSection, updateSection } from "./section.js";
import { forget } from "./storage.js";

/** @import { ArticleDocument, Example, Given, PaperServer, Passage, Section, SectionParts, Selection, WholeDocument } from "./types" */

/** @type {WholeDocument} */
const NOTHING = {
  id: 0,
  opening: "nothing",
  title: "",
  titleHtml: "",
  sections: [],
  steps: [],
  said: "",
  warns: false,
  busy: false,
  more: false,
  empty: 0,
  notes: [],
  undo: false,
  redo: false,
  proposal: null,
};

export class Paper {
  title = h("h1", {
    tabIndex: 0,
    onclick: () => this.select("", "title"),
    onkeydown: (e) => e.key === "Enter" && this.select("", "title"),
  });
  body = h("div", { className: "body" });
  empty = h("div", { className: "empty welcome" });
  notes = h("div", { className: "notes" });
  article = h("article", { className: "paper" }, this.title, this.body, this.notes, this.empty);

  steps = h("span", { className: "line" });
  said = h("span", { className: "said" });
  stop = button("stop", "square", () => this.stopped(), { kind: "stop" });
  more = button("continue", "play", () => this.run({ kind: "continue", id: this.doc.id }));
  fill = button("fill", "image-plus", () => this.run({ kind: "fill", id: this.doc.id }));
  foot = h("footer", { className: "steps", role: "status" }, this.steps, this.said, this.fill, this.more, this.stop);

  undo = button("undo", "undo-2", () => this.act("undo"), { plain: true });
  redo = button("redo", "redo-2", () => this.act("redo"), { plain: true });
  count = h("span", { className: "count" });
  tools = h("div", { className: "tools", role: "toolbar", "aria-label": word("document") });
  inspector = new Inspector(this);
  passages = new Passages(this);

  /** @param {Given<{ value: ArticleDocument | null, examples: Example[] }, PaperServer>} given */
  constructor({ element, props, trigger, watch, server, upload }) {
    this.props = props;
    this.server = server;
    this.upload = upload;
    /** @type {(what: object) => void} */
    this.run = (what) => trigger("run", what);
    this.doc = NOTHING;
    /** @type {Set<string>} what has been opened by now */
    this.openings = new Set();
    /** @type {Map<string, SectionParts>} by the section's id */
    this.nodes = new Map();
    /** @type {Selection | null} */
    this.selected = null;
    /** @type {string | null} id of the section that is being typed in */
    this.editing = null;
    /** @type {Promise<unknown>} the edits that wait for the one before */
    this.line = Promise.resolve();
    this.build(element);
    register("write", { id: () => this.doc.id, close: () => this.showNothing() });
    watch("value", () => this.take(this.props.value));
    this.take(NOTHING);
    this.take(this.props.value);
    document.addEventListener("keydown", (event) => this.key(event));
  }

  /** @param {HTMLElement} element */
  build(element) {
    const fresh = button("new_article", "file-plus", () => this.fresh(), { plain: true });
    const copy = button("copy_markdown", "copy", () => this.copy(), { plain: true });
    const saw = button("talk_saw", "search", () => showArticlePrompts(this.server, this.doc.id), { plain: true });
    this.tools.append(
      this.undo,
      this.redo,
      fresh,
      this.count,
      copy,
      saw,
      exportMenu((format) => this.export(format)),
    );
    const { examples } = this.props;
    this.empty.replaceChildren(
      h("p", {}, word("empty")),
      cards(examples, (place) => this.example(examples[place][spoken ? "zh" : "en"])),
    );
    element.replaceChildren(
      h("div", { className: "desk" }, h("div", { className: "middle" }, this.tools, this.article, this.foot), this.inspector.node),
    );
  }

  // What the server says

  /**
   * Show a document. Streams of an article that is no longer open are left aside.
   *
   * @param {ArticleDocument | null} sent
   */
  take(sent) {
    if (!sent?.sections) return;
    const other = sent.id !== this.doc.id;
    if (other && (!sent.opening || this.openings.has(sent.opening))) return;
    if (sent.id) this.openings.add(sent.opening);
    // only while text grows at the end: pictures that come later must not move what is being read
    const follows = sent.busy && sent.steps[0]?.state === "current" && innerHeight + scrollY > document.documentElement.scrollHeight - 160;
    if (other) {
      this.leave();
      this.nodes.clear();
      this.editing = null;
    }
    // sections that have not changed come as their ids alone
    const known = new Map(this.doc.sections.map((section) => [section.id, section]));
    const sections = sent.sections.map((section) => ("html" in section ? section : known.get(section.id)));
    this.doc = { ...sent, sections: sections.filter((section) => section !== undefined) };
    const doc = this.doc;
    if (other) moved();
    this.title.innerHTML = doc.titleHtml;
    this.title.hidden = !doc.title;
    this.empty.hidden = Boolean(doc.title || doc.sections.length || doc.busy);
    this.tools.hidden = !doc.id;
    arrange(
      this.body,
      doc.sections.map((section) => this.section(section)),
    );
    for (const id of [...this.nodes.keys()]) if (!doc.sections.some((s) => s.id === id)) this.nodes.delete(id);
    this.showState();
    this.inspector.show();
    if (other && doc.id && innerWidth < 760) this.tools.scrollIntoView({ block: "start" });
    if (follows) scrollTo({ top: document.documentElement.scrollHeight });
  }

  /** @param {Section} section */
  section(section) {
    /** @type {import("./section.js").Select} */
    const select = (part, event) => this.select(section.id, part, event);
    let parts = this.nodes.get(section.id);
    if (!parts) {
      parts = newSection(section.id, select);
      this.nodes.set(section.id, parts);
    }
    return updateSection(parts, section, select, this.editing === section.id);
  }

  showState() {
    const doc = this.doc;
    this.steps.replaceChildren(
      ...doc.steps.map((s) =>
        h(
          "span",
          { className: `step ${s.state}` },
          s.state === "done" ? icon("check") : s.state === "current" ? icon("loader-circle") : icon("circle"),
          s.name,
        ),
      ),
    );
    this.said.textContent = doc.said;
    this.foot.classList.toggle("warns", doc.warns);
    this.notes.replaceChildren(...doc.notes.map((note) => h("p", { className: "note" }, note)));
    this.fill.hidden = doc.busy || !doc.empty;
    this.foot.hidden = !(doc.steps.length || doc.said || doc.busy || doc.empty);
    this.stop.hidden = !doc.busy;
    this.more.hidden = doc.busy || !doc.more;
    this.undo.disabled = doc.busy || !doc.undo;
    this.redo.disabled = doc.busy || !doc.redo;
    this.article.classList.toggle("writing", Boolean(doc.busy) && !doc.proposal);
    this.article.setAttribute("aria-busy", String(Boolean(doc.busy)));
    const letters = doc.sections.map((s) => s.markdown).join(" ");
    const count = (letters.match(/[\u3400-\u9fff]|[\p{L}\p{N}]+/gu) || []).length;
    this.count.textContent = doc.id ? word("words", { n: count }) : "";
    const { passages = [] } = this.selected ?? {};
    if (this.selected && !this.passages.stand(passages)) this.selected = { section: this.selected.section, part: "text" };
    this.passages.mark(this.selected?.passages ?? []);
    for (const [id, parts] of this.nodes) {
      parts.node.classList.toggle("selected", this.selected?.section === id && this.selected.part === "text");
      parts.figure?.classList.toggle("selected", this.selected?.section === id && this.selected.part === "picture");
    }
    this.title.classList.toggle("selected", this.selected?.part === "title");
  }

  // What the person does

  /**
   * Select a part of a section; with Shift all paragraphs from the one selected before.
   *
   * @param {string} section
   * @param {Selection["part"]} part
   * @param {MouseEvent | KeyboardEvent} [event]
   */
  select(section, part, event) {
    if (!this.doc.id || this.editing) return;
    const from = this.selected;
    if (event?.shiftKey && from && from.part !== "title") return this.choose(this.passages.between(from.section, section));
    if (String(getSelection()).length) {
      if (event instanceof KeyboardEvent) this.inspector.focus();
      return;
    }
    this.selected = { section, part };
    this.showState();
    this.inspector.show(true);
  }

  /**
   * Select words, or several paragraphs.
   *
   * @param {Passage[]} passages
   */
  choose(passages) {
    if (!this.doc.id || this.editing || !passages.length) return;
    const [{ section, start }] = passages;
    this.selected = passages.length > 1 || start !== undefined ? { section, part: "words", passages } : { section, part: "text" };
    this.showState();
    this.inspector.show();
  }

  /** Where on the window the selection is. */
  selectedBox() {
    const { section = "", part, passages } = this.selected ?? {};
    const parts = this.nodes.get(section);
    const node = part === "title" ? this.title : part === "picture" ? parts?.figure : parts?.text;
    return (passages?.length && this.passages.box(passages[0])) || node?.getBoundingClientRect();
  }

  leave() {
    this.selected = null;
    getSelection()?.removeAllRanges();
    this.inspector.show();
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (!this.article.isConnected || this.article.offsetParent === null) return;
    if (event.key === "Escape" && this.selected) {
      const parts = this.nodes.get(this.selected.section);
      if (this.editing) this.endEditing(false);
      else {
        this.leave();
        this.showState();
        parts?.text.focus();
      }
    }
    const control = event.ctrlKey || event.metaKey;
    if (control && event.key.toLowerCase() === "k" && this.selected) {
      event.preventDefault();
      this.inspector.focus();
    }
    this.step(event);
    const typing = event.target instanceof Element && event.target.closest("textarea, input, [contenteditable]");
    if (control && event.key.toLowerCase() === "z" && !typing && this.doc.id && !this.doc.busy) {
      event.preventDefault();
      this.act(event.shiftKey ? "redo" : "undo");
    }
  }

  /**
   * Arrows at a focused paragraph: left and right select words, with Shift several; up and down with Shift paragraphs.
   *
   * @param {KeyboardEvent} event
   */
  step(event) {
    const { target, key } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || !(target instanceof HTMLElement) || !target.matches(".paper .text")) return;
    const id = target.closest("section")?.dataset.section ?? "";
    const step = { ArrowLeft: -1, ArrowRight: 1 }[key];
    const far = { ArrowUp: -1, ArrowDown: 1 }[key];
    if (step) this.passages.step(id, step, event.shiftKey);
    else if (far && event.shiftKey) {
      const all = this.doc.sections.map((section) => section.id);
      const chosen = this.selected?.passages?.map((one) => one.section) ?? [id];
      const end = far > 0 ? chosen[chosen.length - 1] : chosen[0];
      const other = all[all.indexOf(end) + far] ?? end;
      this.choose(this.passages.between(far > 0 ? chosen[0] : chosen[chosen.length - 1], other));
    } else return;
    event.preventDefault();
  }

  /**
   * An edit that is done at once; resolves to whether it was. One after another, so that fast clicks stay in order.
   *
   * @param {string} kind
   * @returns {Promise<boolean>}
   */
  act(kind, facts = {}) {
    const asked = { kind, id: this.doc.id, ...facts };
    const done = this.line.then(async () => {
      const answer = await this.server.act(asked).catch(() => ({ error: word("unreachable") }));
      if (answer.error !== undefined) toast(answer.error);
      else this.take(answer.doc);
      return answer.error === undefined;
    });
    this.line = done;
    return done;
  }

  async stopped() {
    this.stop.disabled = true;
    await this.server.stop({ id: this.doc.id });
    this.stop.disabled = false;
  }

  /** @param {string} format */
  async export(format) {
    const answer = await this.server.export({ id: this.doc.id, format });
    if (answer.error !== undefined) return toast(answer.error);
    h("a", { href: answer.url, download: answer.name }).click();
  }

  async copy() {
    const doc = this.doc;
    const blocks = [doc.title ? `# ${doc.title}` : "", ...doc.sections.flatMap((s) => [s.markdown, s.picture ? `*${s.caption}*` : ""])];
    await copy(blocks.filter(Boolean).join("\n\n"));
  }

  /** Show no article; told to Gradio, too, which would else take the one before for still shown. */
  showNothing() {
    this.props.value = { ...NOTHING };
    this.take(NOTHING);
  }

  fresh() {
    this.showNothing();
    /** @type {NodeListOf<HTMLElement>} */
    const fields = document.querySelectorAll("#instruction textarea, #article-title :is(input, textarea)");
    [...fields].find((field) => field.offsetParent)?.focus();
  }

  /** @param {string} text */
  example(text) {
    const field = /** @type {HTMLTextAreaElement} */ (find("#instruction textarea"));
    find("#by [value=instruction]").click();
    field.value = text;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    setTimeout(() => field.focus(), 50);
  }

  // Typing in a paragraph

  /** @param {string} id of a section */
  edit(id) {
    const section = this.doc.sections.find((s) => s.id === id);
    const parts = this.nodes.get(id);
    if (!section || !parts) return; // gone meanwhile
    const key = `paragraph ${this.doc.id} ${id}`;
    const area = draftArea(key, section.markdown, () => this.endEditing(true));
    this.editing = id;
    parts.draft = { area, key };
    parts.text.hidden = true;
    parts.text.after(area);
    fit(area);
    area.focus();
    this.inspector.show();
  }

  /** @param {boolean} keep */
  async endEditing(keep) {
    const id = this.editing;
    const parts = this.nodes.get(id ?? "");
    if (!parts?.draft) return;
    const { draft, text, node } = parts;
    const value = draft.area.value;
    if (keep && !(await this.act("text", { section: id, text: value }))) return; // refused: the draft stays open
    forget(draft.key);
    this.editing = null;
    draft.area.remove();
    text.hidden = false;
    if (node.isConnected) text.focus();
    this.take(this.doc);
  }
}

/** @param {ConstructorParameters<typeof Paper>[0]} given */
export const mount = (given) => new Paper(given);
