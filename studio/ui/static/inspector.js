// What can be done with the selected paragraph, picture or title: the panel beside the paper, a sheet on a phone.

import { button, difference, find, h, icon, toast, word } from "./dom.js";
import { send } from "./upload.js";

/** @import { Candidate, Proposal, Section, Selection } from "./types" */
/** @import { Paper } from "./paper.js" */

export class Inspector {
  /** @param {Paper} paper */
  constructor(paper) {
    this.paper = paper;
    this.node = h("aside", { className: "inspector", "aria-label": word("inspector") });
    /** @type {Map<string, string>} section id → what was typed as instruction */
    this.wishes = new Map();
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
      this.draw(selected, section, proposal);
      if (focus) find("button:not([disabled])", this.node).focus({ preventScroll: true });
    }
    if (proposal && !proposal.ended) find(".new", this.node).textContent = proposal.text;
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

  /** @param {Section} section */
  text(section) {
    const { paper } = this,
      { doc } = paper,
      at = doc.sections.indexOf(section);
    /** @type {HTMLTextAreaElement} */
    const wish = h("textarea", {
      rows: 2,
      placeholder: word("wish_hint"),
      "aria-label": word("wish"),
      value: this.wishes.get(section.id) || "",
      oninput: () => this.wishes.set(section.id, wish.value),
    });
    /** @param {string} edit */
    const ask = (edit) => () => paper.run({ kind: "propose", id: doc.id, section: section.id, edit, wish: wish.value });
    const free = { disabled: Boolean(doc.busy) };
    return [
      wish,
      h(
        "div",
        { className: "grid" },
        button("rewrite", "refresh-cw", ask("rewrite"), free),
        button("expand", "unfold-vertical", ask("expand"), free),
        button("shorten", "fold-vertical", ask("shorten"), free),
        button("illustrate", "image-plus", () => paper.run({ kind: "illustrate", id: doc.id, section: section.id }), free),
        button("insert_before", "arrow-up-to-line", ask("insert_before"), free),
        button("insert_after", "arrow-down-to-line", ask("insert_after"), free),
      ),
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
    const { paper } = this;
    const before = proposal.edit.startsWith("insert") ? "" : section.markdown;
    const shown = h("div", { className: "new", "aria-live": "polite" });
    if (proposal.ended && before)
      shown.append(
        ...difference(before, proposal.text).map(([kind, text]) => (kind === "same" ? text : h(kind === "old" ? "del" : "ins", {}, text))),
      );
    else shown.textContent = proposal.text;
    const accept = () => paper.act("accept", { section: section.id, edit: proposal.edit, text: proposal.text });
    return [
      h("p", { className: "hint" }, word(proposal.ended ? "proposal_done" : "proposal_writing", { what: word(proposal.edit) })),
      shown,
      h(
        "div",
        { className: "row" },
        proposal.ended ? button("accept", "check", accept, { kind: "primary", disabled: !proposal.text.trim() }) : "",
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
