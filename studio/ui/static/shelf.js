// A shelf of cards, searched and filtered: what the Library and the History are. What a card can do, its page says.

import { button, h, toast, word } from "./dom.js";

/** @import { Child, Given, ShelfServer } from "./types" */

/** @template Card */
export class Shelf {
  /**
   * `filters` are keys of words; `card` gives a card's node; `empty` is the word for an empty shelf; `extra` stands beside the filter.
   *
   * @param {Given<{ value: number }, ShelfServer<Card>>} given
   * @param {{ filters: string[], card: (item: Card, shelf: Shelf<Card>) => HTMLElement, empty: string, extra?: HTMLElement[] }} facts
   */
  constructor({ element, server, watch }, { filters, card, empty, extra = [] }) {
    this.server = server;
    this.card = card;
    this.filters = filters;
    this.empty = empty;
    /** @type {Card[]} */
    this.items = [];
    this.asked = 0;
    this.timer = 0;
    this.search = h("input", {
      type: "search",
      placeholder: word("search"),
      "aria-label": word("search"),
      oninput: () => {
        clearTimeout(this.timer);
        this.timer = setTimeout(() => this.load(), 200);
      },
    });
    /** @type {HTMLSelectElement} */
    this.filter = h(
      "select",
      { "aria-label": word("filter"), onchange: () => this.load() },
      filters.map((key) => h("option", { value: key }, word(key))),
    );
    this.grid = h("div", { className: "cards" });
    this.more = button("show_more", "arrow-down", () => this.load(this.items.length), { kind: "more" });
    element.replaceChildren(
      h("div", { className: "shelf" }, h("div", { className: "bar" }, this.search, this.filter, ...extra), this.grid, this.more),
    );
    watch("value", () => this.load());
    this.load();
  }

  /**
   * Ask for what fits the search, from `offset` on. A late answer to an older question is dropped.
   *
   * @returns {Promise<void>}
   */
  async load(offset = 0) {
    const asked = ++this.asked;
    const answer = await this.server
      .list({ search: this.search.value, filter: this.filter.value, offset })
      .catch(() => ({ error: word("unreachable") }));
    if (asked !== this.asked) return;
    if (answer.error !== undefined) return toast(answer.error);
    this.items = offset ? [...this.items, ...answer.items] : answer.items;
    this.more.hidden = !answer.more;
    this.grid.replaceChildren(...this.items.map((item) => this.card(item, this)));
    if (!this.items.length)
      this.grid.replaceChildren(h("p", { className: "hint" }, word(this.search.value ? "nothing_found" : this.empty)));
  }

  /**
   * Do something on the server, then show what is there now.
   *
   * @param {string} kind
   */
  async act(kind, facts = {}) {
    const answer = await this.server.act({ kind, ...facts }).catch(() => ({ error: word("unreachable") }));
    if (answer.error !== undefined) toast(answer.error);
    else await this.load();
    return answer;
  }

  /**
   * Delete with a way back.
   *
   * @param {Record<string, unknown>} facts that name it
   */
  async remove(facts) {
    const answer = await this.act("delete", facts);
    if (!answer.error) toast(word("deleted"), { name: word("undo"), run: () => this.act("undelete", facts) });
  }
}

/**
 * A card: small picture, title, a line below, buttons.
 *
 * @param {{ id: string | number, small: string, title: string, line: string, open: (() => void) | null }} facts
 * @param {HTMLElement[]} buttons
 */
export function cardOf({ id, small, title, line, open }, buttons) {
  const cover = small ? h("img", { src: small, alt: "", loading: "lazy" }) : h("span", { className: "blank" });
  return h(
    "article",
    { className: "card", "data-id": String(id) },
    h("button", { type: "button", className: "cover", onclick: open, "aria-label": title, disabled: !open }, cover),
    h("div", { className: "told" }, h("b", {}, title), h("span", { className: "hint" }, line)),
    h("div", { className: "row" }, buttons),
  );
}

/**
 * A sheet over the page with a heading; Esc and a click beside it close it.
 *
 * @param {string} title
 * @param {Child[]} content
 */
export function sheet(title, ...content) {
  /** @type {HTMLDialogElement} */
  const made = h(
    "dialog",
    { className: "sheet", "aria-label": title, onclick: (e) => e.target === made && made.close(), onclose: () => made.remove() },
    h(
      "header",
      {},
      h("b", {}, title),
      button("close", "x", () => made.close(), { plain: true, kind: "close" }),
    ),
    ...content,
  );
  document.body.append(made);
  made.showModal();
  return made;
}
