// The article as one document that grows, is selected, edited and illustrated in place.
//
// The server sends the whole article at every change; only what differs is touched here, section by section, so that
// nothing moves under the reader and a paragraph that is being typed in is never redrawn. Text arrives as HTML that
// the server has sanitised; everything else is set as text.

import { FORMATS, arrange, button, h, icon, spoken, toast, word } from "./dom.js";
import { cards } from "./examples.js";
import { Inspector } from "./inspector.js";

export class Paper {
  constructor({ element, props, trigger, watch, server, upload }) {
    Object.assign(this, { props, server, upload });
    this.run = (what) => trigger("run", what);
    this.doc = {};
    this.nodes = new Map(); // section id → its parts
    this.selected = null; // { section, part: "text" | "picture" | "title" }
    this.editing = null; // id of the section that is being typed in
    this.line = Promise.resolve(); // the edits that wait for the one before
    this.build(element);
    watch("value", () => this.take(this.props.value));
    this.take(this.props.value);
    document.addEventListener("keydown", (event) => this.key(event));
  }

  build(element) {
    this.title = h("h1", { tabIndex: 0, onclick: () => this.select("", "title"), onkeydown: (e) => e.key === "Enter" && this.select("", "title") });
    this.body = h("div", { className: "body" });
    this.empty = h("div", { className: "empty welcome" });
    this.tools = h("div", { className: "tools", role: "toolbar", "aria-label": word("document") });
    this.notes = h("div", { className: "notes" });
    this.article = h("article", { className: "paper" }, this.title, this.body, this.notes, this.empty);
    this.steps = h("span", { className: "line" });
    this.said = h("span", { className: "said" });
    this.stop = button("stop", "square", () => this.stopped(), { kind: "stop" });
    this.more = button("continue", "play", () => this.run({ kind: "continue", id: this.doc.id }));
    this.fill = button("fill", "image-plus", () => this.run({ kind: "fill", id: this.doc.id }));
    this.foot = h("footer", { className: "steps", role: "status" }, this.steps, this.said, this.fill, this.more, this.stop);
    this.inspector = new Inspector(this);
    element.replaceChildren(h("div", { className: "desk" }, h("div", { className: "middle" }, this.tools, this.article, this.foot), this.inspector.node));
    this.buildTools();
    this.buildEmpty();
  }

  buildTools() {
    this.undo = button("undo", "undo-2", () => this.act("undo"), { plain: true });
    this.redo = button("redo", "redo-2", () => this.act("redo"), { plain: true });
    const copy = button("copy_markdown", "copy", () => this.copy(), { plain: true });
    const menu = h("details", { className: "menu", id: "export-menu" },
      h("summary", { className: "act", "aria-label": word("export") }, icon("download"), h("span", {}, word("export"))),
      h("div", { role: "menu" }, FORMATS.map((format) => h("button", { type: "button", role: "menuitem", "data-format": format,
        onclick: () => { menu.open = false; this.export(format); } }, word(`format_${format}`)))));
    document.addEventListener("click", (event) => { if (!menu.contains(event.target)) menu.open = false; });
    const fresh = button("new_article", "file-plus", () => this.fresh(), { plain: true });
    this.count = h("span", { className: "count" });
    this.tools.append(this.undo, this.redo, fresh, this.count, copy, menu);
  }

  buildEmpty() {
    const { examples } = this.props;
    this.empty.replaceChildren(h("p", {}, word("empty")), cards(examples, (place) => this.example(examples[place][spoken ? "zh" : "en"])));
  }

  // What the server says

  /** Show a document. Streams of an article that is no longer open are left aside. */
  take(doc) {
    if (!doc || doc.sections === undefined) return;
    if (doc.id !== this.doc.id && !doc.open) return;
    const opened = doc.id !== this.doc.id && doc.id;
    // only while text grows at the end: pictures that come later must not move what is being read
    const follows = doc.busy && doc.steps[0]?.state === "current" && innerHeight + scrollY > document.documentElement.scrollHeight - 160;
    if (doc.id !== this.doc.id) { this.leave(); this.nodes.clear(); this.editing = null; }
    // sections that have not changed come as their ids alone
    const known = new Map((this.doc.sections || []).map((section) => [section.id, section]));
    this.doc = { ...doc, sections: doc.sections.map((section) => (section.html === undefined ? known.get(section.id) : section)).filter(Boolean) };
    doc = this.doc;
    this.title.innerHTML = doc.titleHtml || "";
    this.title.hidden = !doc.title;
    this.empty.hidden = Boolean(doc.title || doc.sections.length || doc.busy);
    this.tools.hidden = !doc.id;
    arrange(this.body, doc.sections.map((section) => this.section(section)));
    for (const id of [...this.nodes.keys()]) if (!doc.sections.some((s) => s.id === id)) this.nodes.delete(id);
    this.showState();
    this.inspector.show();
    if (opened && innerWidth < 760) this.tools.scrollIntoView({ block: "start" });
    if (follows) scrollTo({ top: document.documentElement.scrollHeight });
  }

  section(section) {
    let parts = this.nodes.get(section.id);
    if (!parts) {
      const text = h("div", { className: "text", tabIndex: 0, onclick: () => this.select(section.id, "text"),
        onkeydown: (e) => { if (e.key === "Enter" && e.target === text) { e.preventDefault(); this.select(section.id, "text"); } } });
      parts = { node: h("section", { "data-section": section.id }, text), text, html: null, figure: null, note: null };
      this.nodes.set(section.id, parts);
    }
    if (this.editing !== section.id && parts.html !== section.html) {
      parts.text.innerHTML = parts.html = section.html;
      parts.text.hidden = !section.html;
    }
    parts.figure = this.figure(parts, section);
    if (parts.said !== section.note) {
      parts.note?.remove();
      parts.note = section.note ? h("p", { className: "note" }, section.note) : null;
      parts.said = section.note;
      if (parts.note) parts.node.append(parts.note);
    }
    return parts.node;
  }

  figure(parts, section) {
    const seen = section.picture ? [section.picture, section.caption, section.credit].join("\n") : "";
    if (parts.figure?.dataset.seen === seen || (!seen && !parts.figure)) return parts.figure;
    parts.figure?.remove();
    if (!seen) return null;
    const figure = h("figure", { "data-seen": seen, tabIndex: 0, onclick: () => this.select(section.id, "picture"),
      onkeydown: (e) => e.key === "Enter" && this.select(section.id, "picture") },
      h("img", { src: section.picture, alt: section.caption, width: String(section.width), height: String(section.height) }),
      h("figcaption", {}, section.caption, section.credit ? h("span", { className: "credit" }, ` · ${section.credit}`) : ""));
    parts.text.after(figure);
    return figure;
  }

  showState() {
    const doc = this.doc;
    this.steps.replaceChildren(...doc.steps.map((s) => h("span", { className: `step ${s.state}` },
      s.state === "done" ? icon("check") : s.state === "current" ? icon("loader-circle") : icon("circle"), s.name)));
    this.said.textContent = doc.said;
    this.foot.classList.toggle("warns", doc.warns);
    this.notes.replaceChildren(...(doc.notes || []).map((note) => h("p", { className: "note" }, note)));
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
    for (const [id, parts] of this.nodes) {
      parts.node.classList.toggle("selected", this.selected?.section === id && this.selected.part === "text");
      parts.figure?.classList.toggle("selected", this.selected?.section === id && this.selected.part === "picture");
    }
    this.title.classList.toggle("selected", this.selected?.part === "title");
  }

  // What the person does

  select(section, part) {
    if (!this.doc.id || this.editing || String(getSelection()).length) return;
    this.selected = { section, part };
    this.showState();
    this.inspector.show(true);
  }

  leave() {
    this.selected = null;
    this.inspector.show();
  }

  key(event) {
    if (!this.article.isConnected || this.article.offsetParent === null) return;
    if (event.key === "Escape" && this.selected) {
      const parts = this.nodes.get(this.selected.section);
      if (this.editing) this.endEditing(false);
      else { this.leave(); this.showState(); parts?.text.focus(); }
    }
    const typing = event.target.closest?.("textarea, input, [contenteditable]");
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z" && !typing && this.doc.id && !this.doc.busy) {
      event.preventDefault();
      this.act(event.shiftKey ? "redo" : "undo");
    }
  }

  /** An edit that is done at once; resolves to whether it was. One after another, so that fast clicks stay in order. */
  act(kind, facts = {}) {
    const asked = { kind, id: this.doc.id, ...facts };
    const done = this.line.then(async () => {
      const answer = await this.server.act(asked).catch(() => ({ error: word("unreachable") }));
      if (answer.error) toast(answer.error);
      else this.take(answer.doc);
      return !answer.error;
    });
    this.line = done;
    return done;
  }

  async stopped() {
    this.stop.disabled = true;
    await this.server.stop({ id: this.doc.id });
    this.stop.disabled = false;
  }

  async export(format) {
    const answer = await this.server.export({ id: this.doc.id, format });
    if (answer.error) return toast(answer.error);
    h("a", { href: answer.url, download: answer.name }).click();
  }

  async copy() {
    const doc = this.doc;
    const blocks = [doc.title ? `# ${doc.title}` : "", ...doc.sections.flatMap((s) => [s.markdown, s.picture ? `*${s.caption}*` : ""])];
    await navigator.clipboard.writeText(blocks.filter(Boolean).join("\n\n"));
    toast(word("copied"));
  }

  fresh() {
    this.take({ id: 0, open: true, title: "", sections: [], steps: [], said: "" });
    [...document.querySelectorAll("#instruction textarea, #article-title :is(input, textarea)")].find((field) => field.offsetParent)?.focus();
  }

  example(text) {
    const field = document.querySelector("#instruction textarea");
    field.value = text;
    field.dispatchEvent(new Event("input", { bubbles: true })); // also shows the field, where a title was asked for
    setTimeout(() => field.focus(), 50);
  }

  // Typing in a paragraph

  edit(id) {
    const section = this.doc.sections.find((s) => s.id === id);
    const parts = this.nodes.get(id);
    const key = `studio-draft-${this.doc.id}-${id}`;
    const area = h("textarea", { className: "edit", "aria-label": word("edit"),
      oninput: () => { fit(); localStorage.setItem(key, area.value); },
      onkeydown: (e) => { if (e.key === "Enter" && (e.ctrlKey || e.metaKey)) this.endEditing(true); } });
    const fit = () => { area.style.height = "auto"; area.style.height = `${area.scrollHeight + 2}px`; };
    area.value = localStorage.getItem(key) ?? section.markdown;
    this.editing = id;
    parts.draft = { area, key };
    parts.text.hidden = true;
    parts.text.after(area);
    fit();
    area.focus();
    this.inspector.show();
  }

  async endEditing(keep) {
    const id = this.editing;
    const { draft, text, node } = this.nodes.get(id);
    const value = draft.area.value;
    if (keep && !(await this.act("text", { section: id, text: value }))) return; // refused: the draft stays open
    localStorage.removeItem(draft.key);
    this.editing = null;
    draft.area.remove();
    text.hidden = false;
    if (node.isConnected) text.focus();
    this.take(this.doc);
  }
}

export const mount = (given) => new Paper(given);
