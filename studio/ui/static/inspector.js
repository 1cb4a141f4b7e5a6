// What can be done with the selected paragraph, picture or title: the panel beside the paper, a sheet on a phone.

import { button, difference, find, h, icon, toast, word } from "./dom.js";
import { forget, keep, kept } from "./storage.js";
import { send } from "./upload.js";

/** @import { Candidate, Passage, Proposal, Section, Selection, WordChange } from "./types" */
/** @import { Paper } from "./paper.js" */

export class Inspector {
  /** @param {Paper} paper */
  constructor(paper) {
    this.paper = paper;
    this.node = h("aside", { className: "inspector", "aria-label": word("inspector") });
    this.shown = "";
  }

  /** Draw what fits the selection. A panel that shows the same thing already is left alone: somebody may type there. */
  show(focus = false) {
    const { selected, doc, editing } = this.paper;
    const section = doc.sections.find((s) => s.id === selected?.section) ?? null;
    const gone = !selected || (selected.part !== "title" && !section) || (selected.part === "picture" && !section?.picture);
    this.node.parentElement?.classList.toggle("inspecting", !gone);
    this.node.hidden = !doc.sections.length && gone;
    if (gone) {
      this.shown = "";
      this.node.replaceChildren(h("p", { className: "idle" }, word("idle")));
      return;
    }
    const proposal = doc.proposal?.section === selected.section ? doc.proposal : null;
    const now = JSON.stringify([
      selected,
      doc.id,
      Boolean(editing),
      doc.busy,
      Boolean(proposal),
      proposal?.ended,
      selected.part === "picture" ? [section?.picture, section?.caption] : selected.part === "title" ? doc.title : section?.id,
    ]);
    if (now !== this.shown) {
      this.shown = now;
      const inside = this.node.contains(document.activeElement);
      this.draw(selected, section, proposal);
      if (focus || inside) this.first(".primary:enabled", "button:enabled").focus({ preventScroll: true });
      this.reveal();
    }
    if (proposal && !proposal.ended) find(".new", this.node).textContent = written(proposal);
  }

  /** Where the panel is a sheet, what is selected must not lie under it. */
  reveal() {
    if (getComputedStyle(this.node).position !== "fixed") return;
    const box = this.paper.selectedBox();
    const room = this.node.getBoundingClientRect().top - 16;
    if (box && box.bottom > room) scrollBy(0, Math.min(box.bottom - room, box.top - 64));
  }

  /**
   * @param {Selection} selected
   * @param {Section | null} section null for the title
   * @param {Proposal | null} proposal
   */
  draw(selected, section, proposal) {
    const { paper } = this;
    const close = button(
      "close",
      "x",
      () => {
        paper.leave();
        paper.showState();
      },
      { plain: true, kind: "close" },
    );
    const [name, content] = this.content(selected, section, proposal);
    this.node.replaceChildren(h("header", {}, h("b", {}, name), close), ...content);
  }

  /**
   * What it is called, and what can be done with it.
   *
   * @param {Selection} selected
   * @param {Section | null} section
   * @param {Proposal | null} proposal
   * @returns {[string, HTMLElement[]]}
   */
  content(selected, section, proposal) {
    if (!section) return [word("title"), this.paper.editing ? this.editing() : this.titled()];
    const picture = selected.part === "picture";
    if (selected.part === "words") {
      const { passages = [] } = selected;
      const count = passages.length > 1 ? word("chosen_paragraphs", { n: passages.length }) : word("chosen_words");
      return [count, proposal ? this.proposal(section, proposal) : this.words(passages)];
    }
    const name = picture ? word("picture") : word("paragraph", { n: this.paper.doc.sections.indexOf(section) + 1 });
    if (this.paper.editing) return [name, this.editing()];
    if (proposal) return [name, this.proposal(section, proposal)];
    return [name, picture ? this.picture(section) : this.text(section)];
  }

  editing() {
    return [
      h("p", { className: "hint" }, word("editing_hint")),
      h(
        "div",
        { className: "row" },
        button("save", "check", () => this.paper.endEditing(true), { kind: "primary" }),
        button("discard", "x", () => this.paper.endEditing(false)),
      ),
    ];
  }

  /** Into what can be done with the selection. */
  focus() {
    this.first("textarea", "button:enabled").focus({ preventScroll: true });
  }

  /**
   * The first of what is there.
   *
   * @param {...string} selectors
   */
  first(...selectors) {
    return find(selectors.find((one) => this.node.querySelector(one)) ?? "button", this.node);
  }

  /**
   * A field for a wish, and the buttons that have a model change passages.
   *
   * @param {Passage[]} passages
   * @param {(take: () => string) => HTMLElement[]} more buttons; `take` gives the wish
   */
  changing(passages, more) {
    const { paper } = this,
      { doc } = paper,
      key = ["wish", doc.id, ...passages.map((one) => `${one.section}:${one.start ?? ""}`)].join(" ");
    /** @type {HTMLTextAreaElement} */
    const wish = h("textarea", {
      rows: 2,
      placeholder: word("wish_hint"),
      "aria-label": word("wish"),
      value: String(kept(key) ?? ""),
      oninput: () => {
        keep(key, wish.value);
        asked.disabled = Boolean(doc.busy) || !wish.value.trim();
      },
      onkeydown: (e) => e.key === "Enter" && (e.ctrlKey || e.metaKey) && asked.click(),
    });
    const take = () => {
      forget(key);
      return wish.value;
    };
    const selected = passages.map(({ words, ...place }) => place);
    /** @param {string} edit */
    const ask = (edit) => () => paper.run({ kind: "propose", id: doc.id, selected, edit, wish: take() });
    const free = { disabled: Boolean(doc.busy) };
    const asked = button("ask", "pencil", ask("ask"), { disabled: Boolean(doc.busy) || !wish.value.trim() });
    return [
      wish,
      h(
        "div",
        { className: "grid" },
        asked,
        button("translate", "languages", ask("translate"), free),
        button("rewrite", "refresh-cw", ask("rewrite"), free),
        button("shorten", "fold-vertical", ask("shorten"), free),
        button("expand", "unfold-vertical", ask("expand"), free),
        ...more(take),
      ),
    ];
  }

  /** @param {Passage[]} passages */
  words(passages) {
    const text = passages.map((one) => one.words.trim()).join(" … ");
    return [
      h("p", { className: "chosen" }, text.length > 160 ? `${text.slice(0, 80)} … ${text.slice(-70)}` : text),
      ...this.changing(passages, () => []),
    ];
  }

  /** @param {Section} section */
  text(section) {
    const { paper } = this,
      { doc } = paper,
      at = doc.sections.indexOf(section);
    const free = { disabled: Boolean(doc.busy) };
    /** @type {(edit: string, take: () => string) => () => void} */
    const insert = (edit, take) => () => paper.run({ kind: "propose", id: doc.id, section: section.id, edit, wish: take() });
    const buttons = (/** @type {() => string} */ take) => [
      button("illustrate", "image-plus", () => paper.run({ kind: "illustrate", id: doc.id, section: section.id }), free),
      button("insert_before", "arrow-up-to-line", insert("insert_before", take), free),
      button("insert_after", "arrow-down-to-line", insert("insert_after", take), free),
    ];
    return [
      ...this.changing([{ section: section.id, words: "" }], buttons),
      h("hr"),
      h(
        "div",
        { className: "grid" },
        button("edit", "pencil", () => paper.edit(section.id), free),
        button(
          "delete",
          "trash",
          async () => {
            if (await paper.act("delete", { section: section.id }))
              toast(word("deleted"), { name: word("undo"), run: () => paper.act("undo") });
          },
          free,
        ),
        button("move_up", "arrow-up", () => paper.act("move", { section: section.id, to: at - 1 }), { disabled: doc.busy || at === 0 }),
        button("move_down", "arrow-down", () => paper.act("move", { section: section.id, to: at + 1 }), {
          disabled: doc.busy || at === doc.sections.length - 1,
        }),
      ),
    ];
  }

  /**
   * @param {Section} section
   * @param {Proposal} proposal
   */
  proposal(section, proposal) {
    const { paper } = this,
      { changes } = proposal;
    const shown = h("div", { className: "new", "aria-live": "polite" });
    if (proposal.ended && changes.length) shown.append(...changes.flatMap((change, at) => [at ? h("hr") : "", ...marked(change)]));
    else shown.textContent = written(proposal);
    const empty = changes.length ? changes.some((change) => !change.new.trim()) : !proposal.text.trim();
    const accept = () =>
      changes.length ? paper.act("words", { changes }) : paper.act(proposal.edit, { section: section.id, text: proposal.text });
    return [
      h("p", { className: "hint" }, word(proposal.ended ? "proposal_done" : "proposal_writing", { what: word(proposal.edit) })),
      shown,
      h(
        "div",
        { className: "row" },
        proposal.ended ? button("accept", "check", accept, { kind: "primary", disabled: empty }) : "",
        proposal.ended ? button("discard", "x", () => paper.act("show")) : button("stop", "square", () => paper.stopped()),
      ),
    ];
  }

  titled() {
    const { paper } = this;
    const field = h("textarea", {
      rows: 2,
      "aria-label": word("title"),
      value: paper.doc.title,
      onkeydown: (e) => {
        if (e.key === "Enter") {
          e.preventDefault();
          save();
        }
      },
    });
    const save = () => paper.act("title", { title: field.value });
    return [field, h("div", { className: "row" }, button("save", "check", save, { kind: "primary", disabled: Boolean(paper.doc.busy) }))];
  }

  /** @param {Section} section */
  picture(section) {
    const { paper } = this,
      { doc } = paper,
      free = { disabled: Boolean(doc.busy) };
    const caption = h("textarea", { rows: 3, "aria-label": word("caption"), value: section.caption });
    const grid = h("div", { className: "candidates" });
    /** @param {Candidate[]} found */
    const fill = (found) =>
      grid.replaceChildren(
        ...found.map((one) =>
          h(
            "button",
            {
              type: "button",
              title: one.title,
              "aria-label": one.title,
              className: one.url === section.picture ? "current" : "",
              onclick: () => paper.act("place", { section: section.id, picture: one.key }),
            },
            h("img", { src: one.url, alt: "" }),
          ),
        ),
      );
    fill(section.candidates);
    const search = async () => {
      const answer = await paper.server.find({ id: doc.id, words: caption.value });
      if (answer.error !== undefined) return toast(answer.error);
      fill(answer.found);
      if (!answer.found.length) grid.textContent = word("nothing_found");
    };
    const file = h("input", {
      type: "file",
      accept: "image/*,.heic,.heif",
      hidden: true,
      onchange: async () => {
        const [picked] = file.files ?? [];
        const { path, problem } = await send(paper.upload, picked);
        if (problem) return toast(problem);
        await paper.act("own", { section: section.id, path, name: picked.name });
      },
    });
    return [
      h("label", { className: "hint" }, word("caption"), caption),
      h(
        "div",
        { className: "grid" },
        button("save_caption", "check", () => paper.act("caption", { section: section.id, caption: caption.value }), free),
        button("search_again", "search", search, free),
        button("upload_own", "upload", () => file.click(), free),
        button(
          "remove_picture",
          "trash",
          async () => {
            if (await paper.act("remove_picture", { section: section.id }))
              toast(word("deleted"), { name: word("undo"), run: () => paper.act("undo") });
          },
          free,
        ),
      ),
      h("p", { className: "hint" }, icon("images"), " ", word("candidates")),
      grid,
      file,
    ];
  }
}

/** The new words so far. @param {Proposal} proposal */
const written = (proposal) => proposal.text || proposal.changes.map((change) => change.new).join("\n\n");

/** A change as words that go and words that come. @param {WordChange} change */
const marked = (change) =>
  difference(change.old, change.new).map(([kind, text]) => (kind === "same" ? text : h(kind === "old" ? "del" : "ins", {}, text)));
