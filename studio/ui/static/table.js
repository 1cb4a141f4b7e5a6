// A table of answers: drawn once, then changed cell by cell, so that nothing moves under the reader while it fills.

import { moved, register } from "./address.js";
import { arrange, h, word } from "./dom.js";
import { cards } from "./examples.js";
import { sheet } from "./shelf.js";

/** @import { Example, Given, TableRow, TableView, UnchangedRow } from "./types" */

/** @typedef {{ cells: HTMLElement[], element: HTMLElement }} RowParts */

class Sheet {
  /** @param {Given<{ value: TableView | null, examples: Example[] }>} given */
  constructor({ element, props, watch, trigger }) {
    this.props = props;
    this.id = -1;
    /** @type {Map<number, RowParts>} by the row's number */
    this.rows = new Map();
    this.bar = h("progress", { hidden: true, "aria-hidden": "true" });
    this.said = h("span", { role: "status" });
    this.line = h("div", { className: "line" }, this.bar, this.said);
    this.notes = h("div", { className: "notes" });
    this.head = h("thead");
    this.body = h("tbody");
    this.table = h(
      "div",
      { className: "cells", tabindex: "0", role: "region", "aria-label": word("table") },
      h("table", {}, this.head, this.body),
    );
    this.empty = h(
      "div",
      { className: "empty welcome" },
      h("p", {}, word("table_empty")),
      cards(props.examples || [], (place) => trigger("example", { place })),
    );
    this.skipped = h("ul");
    this.left = h("summary");
    this.out = h("details", {}, this.left, this.skipped);
    element.replaceChildren(h("div", { className: "sheet" }, this.line, this.empty, this.table, this.notes, this.out));
    register("table", { id: () => Math.max(this.id, 0), close: () => {} });
    watch("value", () => this.take(this.props.value));
    this.take(this.props.value);
  }

  /** @param {TableView | null} doc */
  take(doc) {
    if (!doc) return;
    if (doc.id !== this.id) {
      this.id = doc.id;
      moved();
      this.rows.clear();
      const names = [word("table_picture"), ...doc.questions];
      this.head.replaceChildren(h("tr", {}, ...names.map((name) => h("th", { scope: "col" }, name))));
    }
    const any = doc.rows.length > 0;
    this.table.hidden = !any;
    this.empty.hidden = any || Boolean(doc.said);
    this.bar.hidden = !doc.running;
    if (doc.of) Object.assign(this.bar, { max: doc.of, value: doc.number });
    else this.bar.removeAttribute("value");
    this.line.classList.toggle("wrong", Boolean(doc.wrong));
    set(this.said, doc.said);
    arrange(
      this.body,
      doc.rows.map((row) => this.row(row)).filter((row) => row !== undefined),
    );
    this.notes.replaceChildren(...doc.notes.map((note) => h("p", {}, note)));
    this.out.hidden = doc.skipped.length === 0;
    if (this.skipped.childElementCount !== doc.skipped.length) {
      set(this.left, word("table_skipped", { n: doc.skipped.length }));
      this.skipped.replaceChildren(...doc.skipped.map((reason) => h("li", {}, reason)));
    }
  }

  /**
   * The row's element. A row that has not changed comes as its number alone.
   *
   * @param {TableRow | UnchangedRow} row
   */
  row(row) {
    let made = this.rows.get(row.number);
    if (!("cells" in row)) return made?.element;
    if (!made) {
      made = newRow(row);
      this.rows.set(row.number, made);
    }
    for (const [at, cell] of row.cells.entries()) {
      const shown = made.cells[at];
      const [text, remark] = shown.children;
      set(text, cell.text);
      set(remark, cell.remark);
      if (shown.className !== cell.state) shown.className = cell.state;
    }
    return made.element;
  }
}

/**
 * The elements of a row, its cells still empty.
 *
 * @param {TableRow} row
 * @returns {RowParts}
 */
function newRow(row) {
  const cells = row.cells.map(() => h("td", {}, h("span"), h("small")));
  const look = () => sheet(row.name, h("img", { src: row.picture, alt: row.name }));
  const picture = h(
    "button",
    { type: "button", title: row.name, "aria-label": row.name, onclick: look },
    h("img", { src: row.small, alt: "", loading: "lazy", width: 112, height: 84 }),
  );
  const name = h("span", { title: row.name }, row.name);
  return { cells, element: h("tr", {}, h("th", { scope: "row" }, picture, name), ...cells) };
}

/**
 * @param {Element} element
 * @param {string} text
 */
function set(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** @param {ConstructorParameters<typeof Sheet>[0]} given */
export const mount = (given) => new Sheet(given);
